// One TCP connection that the server holds: what it carries, since when nothing, and when its peer gave a sign of life.
// Promise: as long as a request or a stream is open on it and the peer is alive, it is left alone.

import type { ServerResponse } from 'node:http'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'

/** A request that is open: HTTP/1.1's response, or HTTP/2's stream. */
export type Answer = ServerResponse | ServerHttp2Stream

/** Why a connection, or one request, was closed by `guardConnections`. */
export type CloseReason =
  | 'handshake'
  | 'idle'
  | 'silent'
  | 'unanswered'
  | 'untaken'
  | 'pipelined'
  | 'refused'
  | 'full'
  | 'address'

export interface ConnectionLimits {
  /** From the connection to the end of the TLS handshake. Default 20 s. */
  readonly handshakeMs: number
  /** How long a connection may stay without an open request or stream; `closeMs` after 1,000 resets. Default 60 s. */
  readonly idleMs: number
  /** From a request's headers to its answer's; on HTTP/1.1 also from a request's first byte to its last. Default 45 s. */
  readonly requestMs: number
  /** How long an answer that is no stream may stay untaken by its peer. Default 25 s, so that 30 s hold whatever it was looked at last. */
  readonly takenMs: number
  /** Requests that may be open at once on a connection on which no token was good so far. Default 100. */
  readonly requestsUnprovenMax: number
  /** The same once one was good: streams, mostly. Default 1,000. */
  readonly streamsPerConnectionMax: number
  /** Between two pings of an HTTP/2 session. Default 30 s. */
  readonly pingMs: number
  /** How long a peer may neither answer a ping nor send anything else. Default 30 s. */
  readonly silentMs: number
  /** How long a connection that was told to close may take before it is destroyed. Default 5 s. */
  readonly closeMs: number
  /** Within about this time every connection is looked at. Default 5 s. */
  readonly sweepMs: number
}

export interface ConnectionFigures {
  open: number
  /** Connections (for `unanswered`, `untaken` and `refused`: requests) that were closed by a limit of these, by reason. */
  closed: Record<CloseReason, number>
}

const NEVER = Number.POSITIVE_INFINITY
/**
 * After so many, and 33 a second more, nghttp2 ends a connection by GOAWAY. Node does not read it from then on, and never sees
 * that its peer has left.
 */
const RESETS_MANY = 1000

export class Connection {
  /** What to destroy: the TCP socket, then the TLS socket around it. */
  private socket: Socket
  private isSecure: boolean
  private session: ServerHttp2Session | null = null
  /** Whether a token was good on it. */
  isProven = false
  /** Of requests and streams that are open. */
  readonly answers = new Set<Answer>()
  /** Requests that were reset. */
  private resets = 0
  /** Since when nothing is open: from the connection on, or from the end of the last request. */
  private quietSinceMs: number
  private nextPingAtMs: number
  /** While a ping is on its way: when it, or the latest sign of life after it, was seen, and the bytes read by then. */
  private pingedAtMs = NEVER
  private bytesReadThen = 0
  private closingSinceMs = NEVER
  private readonly limits: ConnectionLimits
  private readonly now: () => number

  /** `needsTls`: whether a handshake stands between this socket and its first request. */
  constructor(socket: Socket, needsTls: boolean, limits: ConnectionLimits, now: () => number) {
    this.socket = socket
    this.isSecure = !needsTls
    this.limits = limits
    this.now = now
    this.quietSinceMs = now()
    this.nextPingAtMs = this.quietSinceMs + limits.pingMs
  }

  /** The handshake is done: `socket` is the TLS socket. */
  secure(socket: Socket): void {
    this.socket = socket
    this.isSecure = true
  }

  carry(session: ServerHttp2Session): void {
    this.session = session
  }

  /** A token was good here: as many streams may be open as a client with many has. */
  prove(): void {
    this.isProven = true
    const { session } = this
    if (session === null || session.closed || session.destroyed) return
    session.settings({ maxConcurrentStreams: this.limits.streamsPerConnectionMax })
  }

  /** Whether there was room for one more. */
  requestOpened(answer: Answer): boolean {
    this.answers.add(answer)
    const { requestsUnprovenMax, streamsPerConnectionMax } = this.limits
    return this.answers.size <= (this.isProven ? streamsPerConnectionMax : requestsUnprovenMax)
  }

  requestClosed(answer: Answer, isReset: boolean): void {
    this.answers.delete(answer)
    if (isReset) this.resets++
    if (this.answers.size === 0) this.quietSinceMs = this.now()
  }

  /** Closes it when what is open has ended: at once where nothing is. */
  end(): void {
    if (this.session !== null && !this.session.destroyed) this.session.close()
    else if (this.answers.size === 0) this.socket.destroySoon()
  }

  destroy(): void {
    this.session?.destroy()
    this.socket.destroy()
  }

  /** Closes the connection if it is time to, and says why; also where due: pings. */
  check(): CloseReason | null {
    const nowMs = this.now()
    if (this.closingSinceMs !== NEVER) return this.finish(nowMs)
    if (!this.isSecure) return this.checkHandshake(nowMs)
    if (this.answers.size === 0 && nowMs - this.quietSinceMs >= this.idleMs) return this.leave(nowMs)
    return this.session === null ? null : this.checkPeer(this.session, nowMs)
  }

  private get idleMs(): number {
    return this.resets < RESETS_MANY ? this.limits.idleMs : this.limits.closeMs
  }

  private checkHandshake(nowMs: number): CloseReason | null {
    if (nowMs - this.quietSinceMs < this.limits.handshakeMs) return null
    this.socket.destroy()
    return 'handshake'
  }

  /** HTTP/2 says GOAWAY, so that its client knows that nothing was lost. HTTP/1.1 has no word for it. */
  private leave(nowMs: number): CloseReason {
    this.closingSinceMs = nowMs
    if (this.session === null || this.session.destroyed) this.socket.destroy()
    else this.session.close()
    return 'idle'
  }

  /** Whoever was told to close and did not is cut off: so end the sockets that would stay in CLOSE_WAIT for ever. */
  private finish(nowMs: number): null {
    if (nowMs - this.closingSinceMs >= this.limits.closeMs) this.socket.destroy()
    return null
  }

  private checkPeer(session: ServerHttp2Session, nowMs: number): CloseReason | null {
    if (this.pingedAtMs === NEVER) {
      if (nowMs >= this.nextPingAtMs) this.ping(session, nowMs)
      return null
    }
    // A ping stands behind the data on its way; whoever takes that slowly sends window updates meanwhile, and is alive.
    if (this.socket.bytesRead > this.bytesReadThen) this.noteSign(nowMs)
    if (nowMs - this.pingedAtMs < this.limits.silentMs) return null
    this.closingSinceMs = nowMs
    session.destroy()
    this.socket.destroy()
    return 'silent'
  }

  private noteSign(nowMs: number): void {
    this.pingedAtMs = nowMs
    this.bytesReadThen = this.socket.bytesRead
  }

  private ping(session: ServerHttp2Session, nowMs: number): void {
    if (session.destroyed || session.closed) return
    this.noteSign(nowMs)
    session.ping(() => {
      this.pingedAtMs = NEVER
      this.nextPingAtMs = this.now() + this.limits.pingMs
    })
  }
}
