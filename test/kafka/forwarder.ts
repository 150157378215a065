// A TCP forwarder on loopback, which may change what the target answers.

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

export interface ForwarderOptions {
  /** An address of the loopback network. Default: 127.0.0.1. */
  readonly host?: string
  readonly port: number
  /** Changes bytes of an answer in their place. */
  readonly alter?: (bytes: Buffer) => void
}

export class Forwarder {
  private readonly server: Server
  private readonly sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.server = server
  }

  static async open(
    target: { readonly port: number },
    { host = '127.0.0.1', port, alter = () => {} }: ForwarderOptions,
  ): Promise<Forwarder> {
    const server = createServer()
    const forwarder = new Forwarder(server)
    server.on('connection', (client) => {
      const there = connect(target.port, '127.0.0.1')
      for (const [socket, other] of [
        [client, there],
        [there, client],
      ] as const) {
        forwarder.sockets.add(socket)
        socket.on('error', () => socket.destroy())
        socket.on('close', () => {
          forwarder.sockets.delete(socket)
          other.destroy()
        })
      }
      client.pipe(there)
      there.on('data', (bytes: Buffer) => {
        alter(bytes)
        client.write(bytes)
      })
    })
    server.listen(port, host)
    await once(server, 'listening')
    return forwarder
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    this.server.close()
    await once(this.server, 'close')
  }
}
