// The two clocks of a bus. They limit a record's timestamp to what is possible.

/** How far a producer's clock may be ahead of this one, in ms. Brokers refuse an hour and more (KIP-937). */
const AHEAD_MS_MAX = 3_600_000

export interface ClockOptions {
  /** Monotonic ms, for durations. Default: performance.now. */
  readonly nowMs?: (() => number) | undefined
  /** Epoch ms, to compare with records' timestamps. Default: Date.now. */
  readonly epochMs?: (() => number) | undefined
}

export class RecordClock {
  readonly nowMs: () => number
  readonly epochMs: () => number
  /** The last reading of the wall clock. The clock is read again only if a timestamp is too far ahead of this. */
  private lastEpochMs = Number.NEGATIVE_INFINITY

  constructor({ nowMs, epochMs }: ClockOptions) {
    this.nowMs = nowMs ?? (() => performance.now())
    this.epochMs = epochMs ?? Date.now
  }

  /** When a record was written, in epoch ms: its timestamp, or the present if the timestamp is too far ahead. */
  writtenMs(timestampMs: number): number {
    if (timestampMs <= this.lastEpochMs + AHEAD_MS_MAX) return timestampMs
    this.lastEpochMs = this.epochMs()
    return timestampMs > this.lastEpochMs + AHEAD_MS_MAX ? this.lastEpochMs : timestampMs
  }
}
