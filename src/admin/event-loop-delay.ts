// Measures how late the event loop is: the first figure that shows an overloaded process.

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** Seconds by which timers were late; `max` is the longest of the window. */
export interface Delay {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** Time between two samples. The histogram adds it to every delay. */
const RESOLUTION_MS = 20
/** A reading covers at least this time. All readers of one window get the same reading. */
const WINDOW_MS = 10_000

export class EventLoopDelay {
  private readonly histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  private readonly now: () => number
  private windowEndsAtMs: number
  /** The last whole window; null before the first has ended. */
  private last: Delay | null = null

  constructor(now: () => number = () => performance.now()) {
    this.now = now
    this.windowEndsAtMs = now() + WINDOW_MS
    this.histogram.enable()
  }

  /** The last whole window; before the first has ended, the part so far. */
  read(): Delay {
    if (this.now() < this.windowEndsAtMs) return this.last ?? this.measured()
    this.last = this.measured()
    this.histogram.reset()
    this.windowEndsAtMs = this.now() + WINDOW_MS
    return this.last
  }

  close(): void {
    this.histogram.disable()
  }

  private measured(): Delay {
    const { histogram } = this
    if (histogram.count === 0) return { p50: 0, p99: 0, max: 0 }
    return {
      p50: seconds(histogram.percentile(50)),
      p99: seconds(histogram.percentile(99)),
      max: seconds(histogram.max),
    }
  }
}

function seconds(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000)
}
