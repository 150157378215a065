// When one stream has to do something although nobody calls: its heartbeat, its challenge, its end, a peer that stalls. All of
// it in monotonic ms; the wall clock counts only as far as a session's `exp` is told by it.

import type { Session } from '../token/session.ts'
import type { Clock } from './clock.ts'
import { Expiry } from './expiry.ts'
import type { InFlight } from './in-flight.ts'

export interface DeadlineSettings {
  readonly challengeMs: number
  readonly heartbeatMs: number
  /** Time that a write may stay untaken, besides the time its bytes are given at 16 KiB a second. */
  readonly stalledMs: number
}

const NEVER = Number.POSITIVE_INFINITY
/** While the peer has yet to take something, how soon at the latest to look again whether a heartbeat is due. */
const LOOK_AGAIN_MS = 1000

export class Deadlines {
  lastByteAtMs: number
  /** The session's end, as the clocks stood at the last `lookAtClocks`. */
  expiresAtMs = NEVER
  private readonly settings: DeadlineSettings
  private readonly inFlight: InFlight
  private readonly clock: Clock
  private expiry: Expiry
  /** `exp` that the last challenge was for: at most one for each. */
  private challengedForMs = 0

  constructor(session: Session, settings: DeadlineSettings, inFlight: InFlight, clock: Clock) {
    this.settings = settings
    this.inFlight = inFlight
    this.clock = clock
    this.expiry = new Expiry(session, clock)
    this.lastByteAtMs = clock.nowMs()
  }

  get session(): Session {
    return this.expiry.session
  }

  /**
   * Takes the session if it ends later than the one so far, by `exp` and by both clocks: only so, a wall clock that is set back makes
   * no token good again that the stream had before.
   */
  renew(session: Session): boolean {
    if (session.expiresAtMs <= this.session.expiresAtMs) return false
    const { clock } = this
    const renewed = new Expiry(session, clock)
    const times = { nowMs: clock.nowMs(), epochMs: clock.epochMs() }
    const isLater = renewed.atMs(times) > this.expiry.atMs(times)
    if (isLater) this.expiry = renewed
    return isLater
  }

  /** Once before what is due is looked at: the wall clock may have been set. */
  lookAtClocks(nowMs: number): void {
    this.expiresAtMs = this.expiry.atMs({ nowMs, epochMs: this.clock.epochMs() })
  }

  noteChallenge(): void {
    this.challengedForMs = this.session.expiresAtMs
  }

  get challengeAtMs(): number {
    const isChallenged = this.challengedForMs === this.session.expiresAtMs
    return isChallenged ? NEVER : this.expiresAtMs - this.settings.challengeMs
  }

  /** Never while the peer has yet to take something: that is the sign of life, and it needs no more bytes. */
  get heartbeatAtMs(): number {
    return this.inFlight.isEmpty ? this.lastByteAtMs + this.settings.heartbeatMs : NEVER
  }

  get stalledAtMs(): number {
    return this.inFlight.stalledAtMs(this.settings.stalledMs)
  }

  /** The earliest of them. */
  nextMs(nowMs: number): number {
    const soonMs = nowMs + Math.min(LOOK_AGAIN_MS, this.settings.heartbeatMs)
    const lookAgainMs = this.inFlight.isEmpty ? NEVER : soonMs
    return Math.min(this.expiresAtMs, this.challengeAtMs, this.heartbeatAtMs, this.stalledAtMs, lookAgainMs)
  }
}
