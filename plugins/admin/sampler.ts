// Notes the figures of the process every two seconds, for the charts of the status page.

import { History, SAMPLE_EVERY_MS } from '../../src/admin/history.ts'
import type { Parts } from '../../src/admin/readiness.ts'
import { quantile } from '../../src/histograms/histogram.ts'
import { DELIVERY_BOUNDS } from '../../src/histograms/stream-times.ts'
import type { ProcessFigures } from './process-figures.ts'

export interface SamplerSources {
  readonly streams: Pick<Parts['streams'], 'figures'>
  readonly wholeProcess: Pick<ProcessFigures, 'delay'>
}

/** What the next sample is compared with. */
interface Counted {
  readonly atMs: number
  readonly records: number
  /** Of the histogram of deliveries. */
  readonly delivered: readonly number[]
}

export class Sampler {
  readonly history = new History()
  private readonly sources: SamplerSources
  private readonly timer: NodeJS.Timeout
  private counted: Counted

  constructor(sources: SamplerSources) {
    this.sources = sources
    this.counted = this.count()
    this.timer = setInterval(() => this.sample(), SAMPLE_EVERY_MS).unref()
  }

  close(): void {
    clearInterval(this.timer)
  }

  private sample(): void {
    const before = this.counted
    const counted = this.count()
    this.counted = counted
    const seconds = (counted.atMs - before.atMs) / 1000
    // The last report of a worker that died may be missing.
    const records = Math.max(0, counted.records - before.records)
    const delivered = counted.delivered.map((count, at) => Math.max(0, count - (before.delivered[at] ?? 0)))
    this.history.add({
      atMs: Date.now(),
      streams: this.sources.streams.figures.streamsOpen,
      recordsPerSecond: seconds > 0 ? records / seconds : 0,
      latencyP50Ms: inMs(quantile(delivered, DELIVERY_BOUNDS, 0.5)),
      latencyP99Ms: inMs(quantile(delivered, DELIVERY_BOUNDS, 0.99)),
      loopDelayP99Ms: this.sources.wholeProcess.delay().p99 * 1000,
    })
  }

  private count(): Counted {
    const { recordsDelivered, times } = this.sources.streams.figures
    return { atMs: performance.now(), records: recordsDelivered, delivered: [...times.delivery.counts] }
  }
}

function inMs(seconds: number | null): number | null {
  return seconds === null ? null : seconds * 1000
}
