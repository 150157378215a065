// A server of one topic with one partition, whose stream pages of its own origin share. The test says what is written
// when. Event IDs are offsets.

import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { createSecureServer, type Http2SecureServer, type Http2ServerResponse } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { readClientFiles } from './client-files.ts'

/**
 * A tab that keeps what it has received as `received`, of its own stream or of the one that all tabs share, and the
 * states of the stream as `states`, each with its time.
 */
const tabOf = (stream: string) => `<!doctype html><meta charset="utf-8"><title>tab</title>
<script type="module">
  import { connect, connectShared } from '/client/index.js'
  globalThis.received = []
  globalThis.states = []
  const onEvent = ({ type, data }) => {
    if (type === 'message') received.push(data)
  }
  const onState = ({ state, reason }) => states.push([Math.round(performance.now()), state, reason].join(' '))
  globalThis.stream = ${stream}
</script>`
const PAGES = new Map([
  ['/', tabOf("connectShared('/events', { session: 'alice', onEvent, onState })")],
  ['/alone', tabOf("connect('/events', { onEvent, onState })")],
])
/** Any other page. */
const OTHER = '<!doctype html><meta charset="utf-8"><title>another page</title>'

type Response = ServerResponse | Http2ServerResponse

interface Request {
  readonly url?: string
  readonly headers: { readonly 'last-event-id'?: string | string[] | undefined }
}

export class TabsServer {
  /** Requests of the stream. */
  opened = 0
  readonly origin: string
  private readonly records: string[] = []
  private readonly streams = new Set<Response>()
  private readonly server: Server | Http2SecureServer
  private readonly sockets: ReadonlySet<Socket>
  private readonly files: ReadonlyMap<string, string>

  private constructor(
    server: Server | Http2SecureServer,
    files: ReadonlyMap<string, string>,
    origin: string,
  ) {
    this.server = server
    this.files = files
    this.origin = origin
    const sockets = new Set<Socket>()
    this.sockets = sockets
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    })
    server.on('request', (request: Request, response: Response) => this.take(request, response))
  }

  /** With a certificate over HTTP/2 alone, else over HTTP/1.1. */
  static async open(tls: { key: string; cert: string } | null): Promise<TabsServer> {
    const server = tls === null ? createServer() : createSecureServer(tls)
    server.listen(0, 'localhost')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo // a TCP server's address is never a path
    return new TabsServer(
      server,
      await readClientFiles(),
      `${tls === null ? 'http' : 'https'}://localhost:${port}`,
    )
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close')
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
    await closed
  }

  get open(): number {
    return this.streams.size
  }

  get written(): readonly string[] {
    return this.records
  }

  write(value: string): void {
    this.records.push(value)
    for (const stream of this.streams) this.send(stream, value, this.records.length)
  }

  private take({ url = '', headers }: Request, response: Response): void {
    const file = this.files.get(url)
    if (file !== undefined) this.answer(response, 'text/javascript', file)
    else if (url !== '/events') this.answer(response, 'text/html', PAGES.get(url) ?? OTHER)
    else this.stream(response, Number(headers['last-event-id'] ?? 0))
  }

  private answer(response: Response, type: string, body: string): void {
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache' })
    response.end(body)
  }

  private stream(response: Response, from: number): void {
    this.opened++
    this.streams.add(response)
    response.on('close', () => this.streams.delete(response))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    this.put(response, 'retry:100\n\n')
    for (const [index, value] of this.records.entries()) {
      if (index >= from) this.send(response, value, index + 1)
    }
    this.put(response, ':ready\n\n')
  }

  private send(response: Response, value: string, id: number): void {
    this.put(response, `data:${value}\nid:${id}\n\n`)
  }

  private put(response: Response, text: string): void {
    if ('stream' in response) response.stream.write(text)
    else response.write(text)
  }
}
