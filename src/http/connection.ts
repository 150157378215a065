// One TCP connection of a server: its open requests, how long it has been idle, and when its peer was last seen alive.
// Promise: while a request or a stream is open on it and the peer is alive, no limit closes it.

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
  /**
   * From a request's headers to its answer's; on HTTP/1.1 also from a request's first byte to its last. Default 45 s.
   */
  readonly requestMs: number
  /**
   * How long a peer may take to receive an answer that is no stream. Default 25 s: 30 s with the time between checks.
   */
  readonly takenMs: number
  /** Requests open at once on a connection that has not carried a valid token. Default 100. */
  readonly requestsUnprovenMax: number
  /** The same for a connection that has carried a valid token; most of these requests are streams. Default 1,000. */
  readonly streamsPerConnectionMax: number
  /** Between two pings of an HTTP/2 session. Default 30 s. */
  readonly pingMs: number
  /** How long a peer may send nothing while a ping waits for its answer. Default 30 s. */
  readonly silentMs: number
  /** Time for a connection to close before it is destroyed. Default 5 s. */
  readonly closeMs: number
  /** Time in which every connection is checked once. Default 5 s. */
  readonly sweepMs: number
}

export interface ConnectionFigures {
  open: number
  /** Connections that a limit closed, by reason; for `unanswered`, `untaken` and `refused` requests. */
  closed: Record<CloseReason, number>
}

const NEVER = Number.POSITIVE_INFINITY
/**
 * nghttp2 allows this many resets, and 33 a second more, then sends GOAWAY. Node stops reading the connection then, and
 * never notices that its peer has left.
 */
const RESETS_MANY = 1000

export class Connection {
  /** The TCP socket, or the TLS socket around it after the handshake. */
  private socket: Socket
  private isSecure: boolean
  private session: ServerHttp2Session | null = null
  /** Whether the connection has carried a valid token. */
  isProven = false
  /** The open requests and streams. */
  readonly answers = new Set<Answer>()
  private resets = 0
  private hasAsked = false
  /** When the connection was made, or when its last request ended. */
  private quietSinceMs: number
  private nextPingAtMs: number
  /**
   * While a ping waits for its answer: when it was sent, or the last sign of life since, and the bytes read by then.
   */
  private pingedAtMs = NEVER
  private bytesReadThen = 0
  private closingSinceMs = NEVER
  private readonly limits: ConnectionLimits
  private readonly now: () => number

  /** `needsTls`: a TLS handshake has to come before the first request. */
  constructor(socket: Socket, needsTls: boolean, limits: ConnectionLimits, now: () => number) {
    this.socket = socket
    this.isSecure = !needsTls
    this.limits = limits
    this.now = now
    this.quietSinceMs = now()
    this.nextPingAtMs = this.quietSinceMs + limits.pingMs
  }

  /** The TLS handshake is done. `socket`: the TLS socket. */
  secure(socket: Socket): void {
    this.socket = socket
    this.isSecure = true
  }

  carry(session: ServerHttp2Session): void {
    this.session = session
  }

  /** The connection has carried a valid token, so that more streams may be open on it. */
  prove(): void {
    this.isProven = true
    const { session } = this
    if (session === null || session.closed || session.destroyed) return
    session.settings({ maxConcurrentStreams: this.limits.streamsPerConnectionMax })
  }

  /** Whether the request is within the limit. */
  requestOpened(answer: Answer): boolean {
    this.answers.add(answer)
    this.hasAsked = true
    const { requestsUnprovenMax, streamsPerConnectionMax } = this.limits
    return this.answers.size <= (this.isProven ? streamsPerConnectionMax : requestsUnprovenMax)
  }

  requestClosed(answer: Answer, isReset: boolean): void {
    this.answers.delete(answer)
    if (isReset) this.resets++
    if (this.answers.size === 0) this.quietSinceMs = this.now()
  }

  /**
   * Closes the connection once its open requests have ended. One that is younger than `youngMs` stays open for its
   * first request, which may be on its way or unread: to close it now would be a reset.
   */
  end(youngMs: number): void {
    if (this.session !== null && !this.session.destroyed) this.session.close()
    else if (this.answers.size === 0 && (this.hasAsked || this.now() - this.quietSinceMs >= youngMs))
      this.socket.destroySoon()
  }

  destroy(): void {
    this.session?.destroy()
    this.socket.destroy()
  }

  /** Closes the connection if a limit says so, and returns the reason. Sends a ping if one is due. */
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

  /** HTTP/2 sends GOAWAY, so that the client knows that no request was lost. HTTP/1.1 has no such message. */
  private leave(nowMs: number): CloseReason {
    this.closingSinceMs = nowMs
    if (this.session === null || this.session.destroyed) this.socket.destroy()
    else this.session.close()
    return 'idle'
  }

  /** Destroys a connection that did not close in time; otherwise its socket would stay in CLOSE_WAIT for ever. */
  private finish(nowMs: number): null {
    if (nowMs - this.closingSinceMs >= this.limits.closeMs) this.socket.destroy()
    return null
  }

  private checkPeer(session: ServerHttp2Session, nowMs: number): CloseReason | null {
    if (this.pingedAtMs === NEVER) {
      if (nowMs >= this.nextPingAtMs) this.ping(session, nowMs)
      return null
    }
    // A ping waits behind data on its way. A peer that takes the data slowly sends window updates, and so is alive.
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
