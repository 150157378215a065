// When a session ends: at its `exp` by the wall clock, or after the time that was left when it was accepted, by the
// monotonic clock. Promise: the earlier of the two counts, so setting the wall clock back keeps no stream open.

import type { Session } from '../token/session.ts'
import type { Clock } from './clock.ts'

export class Expiry {
  readonly session: Session
  /** Monotonic ms. */
  private readonly endsAtMs: number

  /** Call it when the session is accepted. */
  constructor(session: Session, clock: Clock) {
    const leftMs = session.expiresAtMs - clock.epochMs()
    this.session = session
    this.endsAtMs = clock.nowMs() + leftMs
  }

  /** The end in monotonic ms, by the present readings of both clocks. */
  atMs({ nowMs, epochMs }: { nowMs: number; epochMs: number }): number {
    return Math.min(this.endsAtMs, nowMs + this.session.expiresAtMs - epochMs)
  }
}
