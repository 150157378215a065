// Describes a metric, and registers it with prom-client. Its value is read for each scrape, and never kept.

import { Counter, Gauge, type Registry } from 'prom-client'

export interface Metric {
  readonly type: 'counter' | 'gauge'
  /** Ends with the unit, and a counter with `_total`. */
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  readonly read: () => readonly Sample[]
}

/** One value with its labels. */
export interface Sample {
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
        for (const sample of read()) gauge.set(sample.labels, sample.value)
      },
    })
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
