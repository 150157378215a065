// The clocks of a bus, and what they say of when a record was written.

/** How far a producer's clock may be ahead of this one (KIP-937 has brokers refuse what is an hour ahead). */
const AHEAD_MS_MAX = 3_600_000

export interface ClockOptions {
  /** Monotonic, in ms: how long something has been here. performance.now if it is left out. */
  readonly nowMs?: (() => number) | undefined
  /** The wall clock, in epoch ms, which records' timestamps are compared with. Date.now if it is left out. */
  readonly epochMs?: (() => number) | undefined
}

export class RecordClock {
  readonly nowMs: () => number
  readonly epochMs: () => number
  /** What the wall clock said last: it is asked again where that is not enough. */
  private askedMs = Number.NEGATIVE_INFINITY

  constructor({ nowMs, epochMs }: ClockOptions) {
    this.nowMs = nowMs ?? (() => performance.now())
    this.epochMs = epochMs ?? Date.now
  }

  /** When a record was written, as far as its timestamp tells: one that is too far ahead tells nothing but that it is here by now. */
  writtenMs(timestampMs: number): number {
    if (timestampMs <= this.askedMs + AHEAD_MS_MAX) return timestampMs
    this.askedMs = this.epochMs()
    return timestampMs > this.askedMs + AHEAD_MS_MAX ? this.askedMs : timestampMs
  }
}
