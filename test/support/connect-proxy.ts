// A proxy of the kind that HTTPS_PROXY names. It needs no name server: every address leads to one port of this machine.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

export class ConnectProxy {
  /** The addresses that it was asked to connect to. */
  readonly asked: string[] = []
  private readonly server: Server = createServer()
  private readonly sockets = new Set<Socket>()

  /** `target`: null refuses every connection, as a proxy does that wants a password. */
  static async open(target: number | null): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(target)
    proxy.server.listen(0)
    await once(proxy.server, 'listening')
    return proxy
  }

  private constructor(target: number | null) {
    this.server.on('connect', (request, socket: Socket) => {
      this.asked.push(request.url ?? '')
      this.keep(socket)
      if (target === null) socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
      else this.connect(socket, target)
    })
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port // it listens on a port
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    this.server.close()
    await once(this.server, 'close')
  }

  private connect(socket: Socket, target: number): void {
    const tunnel = connect(target, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      tunnel.pipe(socket).pipe(tunnel)
    })
    this.keep(tunnel)
  }

  /** A peer that resets its connection is no error of the test. */
  private keep(socket: Socket): void {
    this.sockets.add(socket)
    socket.on('error', () => socket.destroy())
  }
}
