// When a session ends, by two clocks: at its `exp` by the wall clock, and once the time is over that it had left when it was
// accepted. Whichever comes first counts, so that no setting of the wall clock keeps a stream open.

import type { Session } from '../token/session.ts'
import type { Clock } from './clock.ts'

export class Expiry {
  readonly session: Session
  /** Monotonic ms. */
  private readonly endsAtMs: number

  /** The session is accepted now. */
  constructor(session: Session, clock: Clock) {
    const leftMs = session.expiresAtMs - clock.epochMs()
    this.session = session
    this.endsAtMs = clock.nowMs() + leftMs
  }

  /** The end in monotonic ms, as far as the clocks can tell now. */
  atMs({ nowMs, epochMs }: { nowMs: number; epochMs: number }): number {
    return Math.min(this.endsAtMs, nowMs + this.session.expiresAtMs - epochMs)
  }
}
