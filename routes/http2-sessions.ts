// The HTTP/2 connections of streams: no time-out of the host's ends them while they have one, and they end when the app
// closes. Without it Fastify would wait until their clients leave, or for `http2SessionTimeout`.

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

/** A connection whose time-out waits for its streams. */
interface Waiting {
  readonly timeoutMs: number
  open: number
}

const waiting = new WeakMap<ServerHttp2Session, Waiting>()

/**
 * A host's `http2SessionTimeout` may be shorter than the time between two heartbeats. It applies again once the last
 * stream has ended. A client that takes no bytes is noticed without it.
 */
export function allowQuiet(stream: ServerHttp2Stream, session: ServerHttp2Session): void {
  const { timeout = 0 } = session as { timeout?: number } // Node sets it, as a socket's, but its types lack it
  const waits = waiting.get(session) ?? { timeoutMs: timeout, open: 0 }
  if (waits.timeoutMs === 0) return
  waits.open++
  waiting.set(session, waits)
  session.setTimeout(0)
  stream.once('close', () => {
    if (--waits.open > 0) return
    waiting.delete(session)
    if (!session.destroyed) session.setTimeout(waits.timeoutMs)
  })
}
