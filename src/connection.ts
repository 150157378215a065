// One TCP connection that the server holds: what it carries, since when nothing, and when its peer gave a sign of life.
// Promise: as long as a request or a stream is open on it and the peer is alive, it is left alone.

import type { ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'

/** Why a connection was closed by `guardConnections`. */
export type CloseReason = 'handshake' | 'idle' | 'silent' | 'unanswered'

export interface ConnectionLimits {
  /** From the connection to the end of the TLS handshake. Default 20 s. */
  readonly handshakeMs: number
  /** How long a connection may stay without an open request or stream; `closeMs` after 1,000 resets. Default 60 s. */
  readonly idleMs: number
  /** From a request's headers to its answer's; on HTTP/1.1 also from a request's first byte to its last. Default 45 s. */
  readonly requestMs: number
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
  /** Connections (for `unanswered`: requests) that were closed by a limit of these, by reason. */
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
  /** Requests and streams that are open. */
  private openRequests = 0
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

  requestOpened(): void {
    this.openRequests++
  }

  requestClosed(isReset: boolean): void {
    this.openRequests--
    if (isReset) this.resets++
    if (this.openRequests === 0) this.quietSinceMs = this.now()
  }

  /** Closes it when what is open has ended: at once where nothing is. */
  end(): void {
    if (this.session !== null && !this.session.destroyed) this.session.close()
    else if (this.openRequests === 0) this.socket.destroySoon()
  }

  destroy(): void {
    this.socket.destroy()
  }

  /** Closes the connection if it is time to, and says why; also where due: pings. */
  check(): CloseReason | null {
    const nowMs = this.now()
    if (this.closingSinceMs !== NEVER) return this.finish(nowMs)
    if (!this.isSecure) return this.checkHandshake(nowMs)
    if (this.openRequests === 0 && nowMs - this.quietSinceMs >= this.idleMs) return this.leave(nowMs)
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
