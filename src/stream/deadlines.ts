// The deadlines of one stream: heartbeat, challenge, end of the session, greatest age, stalled peer. All are in
// monotonic ms; only the session's `exp` is by the wall clock.

import type { Session } from '../token/session.ts'
import type { Clock } from './clock.ts'
import { Expiry } from './expiry.ts'
import type { InFlight } from './in-flight.ts'

export interface DeadlineSettings {
  readonly challengeMs: number
  readonly heartbeatMs: number
  /** Time that a write may stay untaken, in addition to the time that its bytes take at 16 KiB a second. */
  readonly stalledMs: number
  /** A stream ends when it is as old as this, or up to `AGE_JITTER` of it younger; null: at no age. */
  readonly ageMaxMs: number | null
}

const NEVER = Number.POSITIVE_INFINITY
/** While a write is untaken there is no heartbeat. The stream then checks again after this time at the latest. */
const LOOK_AGAIN_MS = 1000
/** Share of the greatest age over which ends are spread, so that streams that opened together do not end together. */
const AGE_JITTER = 0.1

export class Deadlines {
  lastByteAtMs: number
  /** The session's end, as the clocks stood at the last `lookAtClocks`. */
  expiresAtMs = NEVER
  /** When the stream has its greatest age. No renewal moves it. */
  readonly agedAtMs: number
  private readonly settings: DeadlineSettings
  private readonly inFlight: InFlight
  private readonly clock: Clock
  private expiry: Expiry
  /** `exp` of the session that was challenged last: each session is challenged at most once. */
  private challengedForMs = 0

  constructor(session: Session, settings: DeadlineSettings, inFlight: InFlight, clock: Clock) {
    this.settings = settings
    this.inFlight = inFlight
    this.clock = clock
    this.expiry = new Expiry(session, clock)
    this.lastByteAtMs = clock.nowMs()
    this.agedAtMs = this.lastByteAtMs + (settings.ageMaxMs ?? NEVER) * (1 - AGE_JITTER * Math.random())
  }

  get session(): Session {
    return this.expiry.session
  }

  /**
   * Takes the session if it ends later than the present one, by `exp` and by both clocks. If `exp` alone counted, or
   * the clocks alone, setting the wall clock back would make an earlier token of the stream valid again.
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

  /** Call it before the deadlines are compared with `nowMs`, because the wall clock may have been set. */
  lookAtClocks(nowMs: number): void {
    this.expiresAtMs = this.expiry.atMs({ nowMs, epochMs: this.clock.epochMs() })
  }

  noteChallenge(): void {
    this.challengedForMs = this.session.expiresAtMs
  }

  /** Never where the session outlasts the stream: a renewal would change nothing. */
  get challengeAtMs(): number {
    const isChallenged = this.challengedForMs === this.session.expiresAtMs
    return isChallenged || this.agedAtMs < this.expiresAtMs
      ? NEVER
      : this.expiresAtMs - this.settings.challengeMs
  }

  /** Never while a write is untaken: its bytes are the sign of life, and more would only queue behind them. */
  get heartbeatAtMs(): number {
    return this.inFlight.isEmpty ? this.lastByteAtMs + this.settings.heartbeatMs : NEVER
  }

  get stalledAtMs(): number {
    return this.inFlight.stalledAtMs(this.settings.stalledMs)
  }

  /** The earliest deadline. */
  nextMs(nowMs: number): number {
    const soonMs = nowMs + Math.min(LOOK_AGAIN_MS, this.settings.heartbeatMs)
    const lookAgainMs = this.inFlight.isEmpty ? NEVER : soonMs
    this.inFlight.look(nowMs)
    return Math.min(
      this.expiresAtMs,
      this.agedAtMs,
      this.challengeAtMs,
      this.heartbeatAtMs,
      this.stalledAtMs,
      lookAgainMs,
    )
  }
}
