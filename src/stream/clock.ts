// The two clocks, passed in wherever time is the subject, so that a test can move each by itself. Durations are by the
// monotonic one; the wall clock is for moments that somebody else names, since it may be set forward or back at any time.

export interface Clock {
  /** Monotonic ms, from an origin of this thread's own. */
  nowMs(): number
  /** Ms since 1970, by the wall clock. */
  epochMs(): number
}

export const SYSTEM_CLOCK: Clock = { nowMs: () => performance.now(), epochMs: () => Date.now() }

/** Below this the wall clock was not set: it counts whole ms, and a thread may be held up between two readings. */
const STEP_MS_MIN = 20

/** Notices that the wall clock was set, by its distance from the monotonic one. */
export class ClockSteps {
  private readonly clock: Clock
  private distanceMs: number

  constructor(clock: Clock) {
    this.clock = clock
    this.distanceMs = clock.epochMs() - clock.nowMs()
  }

  /** By how much the wall clock was set forward since the last call, below 0 where it was set back; 0 where it was not. */
  take(): number {
    const beforeMs = this.clock.nowMs()
    const epochMs = this.clock.epochMs()
    // Read twice: a thread that is held up between two readings is no step.
    const leastMs = epochMs - this.clock.nowMs() - this.distanceMs
    const mostMs = epochMs - beforeMs - this.distanceMs
    if (leastMs < STEP_MS_MIN && mostMs > -STEP_MS_MIN) return 0
    this.distanceMs += mostMs
    return mostMs
  }
}
