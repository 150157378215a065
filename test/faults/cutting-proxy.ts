// A TCP proxy that cuts a connection after an exact number of bytes of its response: `?case=` in the URL names the
// connection. The first one of a case is cut, both of its sockets destroyed; those after it are left alone.

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

const HEAD_END = '\r\n\r\n'

/** What went through on the connections of one case. */
export class CutCase {
  /** Bytes that are let through behind the response's headers on the first connection. */
  readonly bodyBytesMax: number
  connections = 0
  isCut = false
  /** Last-Event-ID of the second connection, empty where it brought none. */
  resumedFrom = ''
  /** Those bytes, the framing of the chunks included. */
  body = Buffer.alloc(0)

  constructor(bodyBytesMax: number) {
    this.bodyBytesMax = bodyBytesMax
  }

  /** What the client can have read on the first connection. */
  get text(): string {
    return dechunked(this.body.toString('latin1'))
  }
}

export class CuttingProxy {
  readonly port: number
  readonly cases = new Map<string, CutCase>()
  readonly #sockets = new Set<Socket>()
  readonly #close: () => Promise<void>

  private constructor(port: number, close: () => Promise<void>) {
    this.port = port
    this.#close = close
  }

  static async open(targetPort: number): Promise<CuttingProxy> {
    const server = createServer((client) => void proxy.#take(client, targetPort))
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy listens on no port')
    const proxy: CuttingProxy = new CuttingProxy(address.port, async () => {
      server.close()
      await once(server, 'close')
    })
    return proxy
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await this.#close()
  }

  async #take(client: Socket, targetPort: number): Promise<void> {
    const server = this.#keep(connect(targetPort, '127.0.0.1'))
    this.#keep(client)
    client.once('close', () => server.destroy())
    server.once('close', () => client.destroy())
    const head = await readHead(client)
    const cut = this.cases.get(/[?&]case=([^& ]+)/.exec(head.toString('latin1'))?.[1] ?? '')
    if (cut === undefined)
      throw new Error(`a request of no case: ${head.toString('latin1').split('\r\n')[0]}`)
    server.write(head)
    client.pipe(server)
    if (cut.connections++ === 0) {
      forwardUpTo(cut, server, client)
      return
    }
    cut.resumedFrom = /^last-event-id: *(.*?) *$/im.exec(head.toString('latin1'))?.[1] ?? ''
    server.pipe(client)
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    socket.on('error', () => socket.destroy()) // a reset is one of the ways to be cut
    return socket
  }
}

async function readHead(client: Socket): Promise<Buffer> {
  let head = Buffer.alloc(0)
  while (!head.includes(HEAD_END)) {
    const [bytes] = (await once(client, 'data')) as [Buffer]
    head = Buffer.concat([head, bytes])
  }
  return head
}

/** The headers whole, then as much of the body as the case allows. */
function forwardUpTo(cut: CutCase, server: Socket, client: Socket): void {
  let head: Buffer | null = Buffer.alloc(0)
  const forward = (bytes: Buffer): void => {
    if (cut.isCut) return
    const allowed = bytes.subarray(0, cut.bodyBytesMax - cut.body.length)
    cut.body = Buffer.concat([cut.body, allowed])
    cut.isCut = cut.body.length === cut.bodyBytesMax
    client.write(allowed, () => {
      if (cut.isCut) client.destroy() // and `close` takes the other side along
    })
  }
  server.on('data', (bytes: Buffer) => {
    if (head === null) {
      forward(bytes)
      return
    }
    head = Buffer.concat([head, bytes])
    const end = head.indexOf(HEAD_END)
    if (end === -1) return
    client.write(head.subarray(0, end + HEAD_END.length))
    const rest = head.subarray(end + HEAD_END.length)
    head = null
    forward(rest)
  })
}

/** The bytes that the chunks of a response carry, a chunk that is cut short included (RFC 9112, section 7.1). */
function dechunked(body: string): string {
  let text = ''
  for (let at = 0; ; ) {
    const sizeEnd = body.indexOf('\r\n', at)
    if (sizeEnd === -1) return text
    const size = Number.parseInt(body.slice(at, sizeEnd), 16)
    text += body.slice(sizeEnd + 2, sizeEnd + 2 + size)
    at = sizeEnd + 2 + size + 2
  }
}
