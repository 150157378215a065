// How late the event loop is: the figure that says first that a process has too much to do.

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** Seconds beyond the moment at which something was due; `max` is the worst of the window. */
export interface Delay {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** Time between two looks, which the histogram counts in with every delay. */
const RESOLUTION_MS = 20
/** A reading covers this time or more: several readers in one window see the same, and none takes it from another. */
const WINDOW_MS = 10_000

export class EventLoopDelay {
  private readonly histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  private readonly now: () => number
  private windowEndsAtMs: number
  /** The last whole window; null before one is over. */
  private last: Delay | null = null

  constructor(now: () => number = () => performance.now()) {
    this.now = now
    this.windowEndsAtMs = now() + WINDOW_MS
    this.histogram.enable()
  }

  /** The last window that is over; before the first one is, what there is of it. */
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
