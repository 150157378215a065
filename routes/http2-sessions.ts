// Ends the HTTP/2 connections that had requests for streams, when the app closes. Without it Fastify would wait until
// their clients leave, or for `http2SessionTimeout`.

import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'

export class Http2Sessions {
  private readonly open = new Set<ServerHttp2Session>()

  /** Remembers the connection of a request until it is gone. Does nothing on HTTP/1.1. */
  add(raw: object): void {
    const { stream } = raw as { readonly stream?: ServerHttp2Stream } // Node's common type does not show it
    const session = stream?.session as ServerHttp2Session | undefined // Node types it for client and server alike
    if (session === undefined || session.destroyed || this.open.has(session)) return
    this.open.add(session)
    session.once('close', () => this.open.delete(session))
  }

  /** Sends GOAWAY. Each connection ends once the requests that it has are answered. */
  close(): void {
    for (const session of this.open) session.close()
  }
}
