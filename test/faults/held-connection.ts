// One HTTP/2 connection to a running server, for as many requests as a test has: streams that note what they see, and
// renewals. It does not reconnect.

import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import type { ServerProcess, Token } from '../support/server-process.ts'
import { StreamReader } from '../support/stream-reader.ts'

export interface HeldStream {
  readonly status: number
  readonly reader: StreamReader
  /** When it ended, in epoch ms; infinite as long as it has not. */
  overAtMs: number
  close(): void
}

export class HeldConnection {
  readonly streams: HeldStream[] = []
  /** Where this end is. */
  readonly port: number
  isOver = false
  readonly #session: ClientHttp2Session

  private constructor(session: ClientHttp2Session) {
    this.#session = session
    this.port = session.socket.localPort ?? 0
    session.once('close', () => {
      this.isOver = true
    })
  }

  static async open(server: ServerProcess): Promise<HeldConnection> {
    const session = connect(server.url, { ca: server.ca })
    await once(session, 'remoteSettings')
    session.on('error', () => session.destroy())
    return new HeldConnection(session)
  }

  /** Resolves when it is answered, with any status. */
  async stream(token: Token, headers: Record<string, string> = {}): Promise<HeldStream> {
    const request = this.#request('GET', token, headers)
    const reader = new StreamReader()
    request.on('data', (bytes) => reader.feed(bytes))
    const status = await statusOf(request)
    const stream = {
      status,
      reader,
      overAtMs: Number.POSITIVE_INFINITY,
      close: () => request.close(constants.NGHTTP2_CANCEL),
    }
    request.once('close', () => {
      stream.overAtMs = Date.now()
    })
    if (status === 200) this.streams.push(stream)
    return stream
  }

  /** Answers a challenge; resolves with the status. */
  async renew(token: Token, path = '/events'): Promise<number> {
    const type = { 'content-type': 'application/x-challenge-response' }
    const request = this.#request('POST', token, { ...type, ':path': path })
    return statusOf(request.end().resume())
  }

  /** Posts a provider's logout token; resolves with the status. */
  async logout({ text }: Token, path = '/logout'): Promise<number> {
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    const request = this.#session.request({ ':method': 'POST', ':path': path, ...type })
    request.on('error', () => request.destroy())
    return statusOf(request.end(new URLSearchParams({ logout_token: text }).toString()).resume())
  }

  close(): void {
    this.#session.destroy()
  }

  #request(method: string, { text }: Token, headers: Record<string, string>): ClientHttp2Stream {
    const authorization = `Bearer ${text}`
    const endStream = method === 'GET'
    const request = this.#session.request(
      { ':method': method, ':path': '/events', authorization, ...headers },
      { endStream },
    )
    return request.on('error', () => request.destroy())
  }
}

async function statusOf(request: ClientHttp2Stream): Promise<number> {
  const [headers] = await once(request, 'response')
  return Number(headers[':status'])
}
