// The monotonic clock and the wall clock, passed as an argument, so that a test can move each by itself. Durations use
// the monotonic clock. The wall clock may be set at any time, so it is read only for moments that others name (`exp`).

export interface Clock {
  /** Monotonic ms. Each thread has its own origin. */
  nowMs(): number
  /** Ms since 1970, by the wall clock. */
  epochMs(): number
}

export const SYSTEM_CLOCK: Clock = { nowMs: () => performance.now(), epochMs: () => Date.now() }

/** A smaller step is noise: the wall clock counts whole ms, and a thread may be suspended between two readings. */
const STEP_MS_MIN = 20

/** Detects that the wall clock was set: its distance from the monotonic clock has changed. */
export class ClockSteps {
  private readonly clock: Clock
  private distanceMs: number

  constructor(clock: Clock) {
    this.clock = clock
    this.distanceMs = clock.epochMs() - clock.nowMs()
  }

  /** Ms by which the wall clock was set forward since the last call; negative if set back, 0 if not set. */
  take(): number {
    const beforeMs = this.clock.nowMs()
    const epochMs = this.clock.epochMs()
    // The monotonic clock is read twice, because a suspension between two readings must not look like a step.
    const leastMs = epochMs - this.clock.nowMs() - this.distanceMs
    const mostMs = epochMs - beforeMs - this.distanceMs
    if (leastMs < STEP_MS_MIN && mostMs > -STEP_MS_MIN) return 0
    this.distanceMs += mostMs
    return mostMs
  }
}
