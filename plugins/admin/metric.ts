// Describes a metric, and registers it with prom-client. Its value is read for each scrape, and never kept.

import { Counter, Gauge, Histogram as PromHistogram, type Registry } from 'prom-client'
import type { Histogram } from '../../src/histograms/histogram.ts'

export interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** Ends with the unit, and a counter with `_total`. */
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  readonly read: () => readonly Sample[]
}

/** One value with its labels. */
export interface Sample {
  /** What a series of a histogram is called behind the metric's name. */
  readonly suffix?: '_bucket' | '_sum' | '_count'
  readonly value: number
  readonly labels: Readonly<Record<string, string>>
}

/** Values of one label that are shown. All further ones are summed under `other`. */
export const LABEL_VALUES_MAX = 50

export function register(registry: Registry, { type, name, help, labels, read }: Metric): void {
  const description = { name, help, labelNames: [...labels], registers: [registry] }
  if (type === 'gauge') {
    const gauge = new Gauge({
      ...description,
      collect: () => {
        gauge.reset()
        const values = read()
        // A gauge without labels is 0 after `reset`.
        if (labels.length === 0 && values.length === 0) gauge.remove()
        for (const sample of values) gauge.set(sample.labels, sample.value)
      },
    })
    return
  }
  if (type === 'histogram') {
    new CountedHistogram(description).read = read
    return
  }
  const counter = new Counter({
    ...description,
    collect: () => {
      counter.reset()
      for (const sample of read()) counter.inc(sample.labels, sample.value)
    },
  })
}

/** prom-client's own counts values one by one. This one has values that were counted elsewhere. */
class CountedHistogram extends PromHistogram<string> {
  read: Metric['read'] = () => []
  private readonly described: { readonly name: string; readonly help: string }

  constructor(description: { name: string; help: string; labelNames: string[]; registers: Registry[] }) {
    super(description)
    this.described = description
  }

  /** Called by the registry. */
  async getForPromString(): Promise<object> {
    const { name, help } = this.described
    const values = this.read().map(({ suffix = '', labels, value }) => ({
      metricName: name + suffix,
      labels,
      value,
    }))
    return { name, help, type: 'histogram', values }
  }
}

/** In seconds. `bounds`: those of the histogram's buckets. */
export function histogram(
  name: string,
  help: string,
  bounds: readonly number[],
  read: () => Histogram,
): Metric {
  return { type: 'histogram', name, help, labels: [], read: () => seriesOf(read(), bounds) }
}

/** Buckets count all values up to their bound, those of the smaller ones too. */
function seriesOf({ counts, sum }: Histogram, bounds: readonly number[]): Sample[] {
  let count = 0
  const buckets = counts.map((inBucket, at): Sample => {
    count += inBucket
    return { suffix: '_bucket', labels: { le: String(bounds[at] ?? '+Inf') }, value: count }
  })
  return [
    ...buckets,
    { suffix: '_sum', labels: {}, value: sum },
    { suffix: '_count', labels: {}, value: count },
  ]
}

export function counter(name: string, help: string, read: () => number): Metric {
  return { type: 'counter', name, help, labels: [], read: () => [{ value: read(), labels: {} }] }
}

export function gauge(name: string, help: string, read: () => number): Metric {
  return { ...counter(name, help, read), type: 'gauge' }
}

/** A counter with one label and a value for each of its values. */
export function counterBy(
  label: string,
  name: string,
  help: string,
  read: () => Readonly<Record<string, number>>,
): Metric {
  return { type: 'counter', name, help, labels: [label], read: () => samples(label, read()) }
}

/** A sample for each of the label's values. */
export function samples(label: string, values: Readonly<Record<string, number>>): Sample[] {
  const entries = Object.entries(values)
  const shown = entries
    .slice(0, LABEL_VALUES_MAX)
    .map(([name, value]) => ({ value, labels: { [label]: name } }))
  const rest = entries.slice(LABEL_VALUES_MAX)
  if (rest.length === 0) return shown
  return [...shown, { value: rest.reduce((sum, [, value]) => sum + value, 0), labels: { [label]: 'other' } }]
}
