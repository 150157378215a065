// The metrics of several registrations in one text. Each series has the label `prefix`, which tells them apart; those
// of the process stand there once. With one registration it is the text of that one.

import { Registry } from 'prom-client'
import type { Parts } from '../../src/admin/readiness.ts'
import { type Metric, register } from './metric.ts'
import { createRegistry, metricsOfParts, metricsOfProcess } from './metrics.ts'
import type { ProcessFigures } from './process-figures.ts'

/** `registrations`: by prefix. */
export function mergedRegistry(
  registrations: ReadonlyMap<string, Parts>,
  wholeProcess: ProcessFigures,
): Registry {
  const [only, ...others] = registrations.values()
  if (only !== undefined && others.length === 0) return createRegistry({ ...only, wholeProcess })
  const merged = new Map<string, Metric>()
  for (const [prefix, parts] of registrations) {
    for (const metric of metricsOfParts(parts)) {
      const before = merged.get(metric.name)
      merged.set(metric.name, before === undefined ? labelled(metric, prefix) : both(before, metric, prefix))
    }
  }
  const registry = new Registry()
  for (const metric of [...merged.values(), ...metricsOfProcess(wholeProcess)]) register(registry, metric)
  return registry
}

function both(before: Metric, metric: Metric, prefix: string): Metric {
  const more = labelled(metric, prefix)
  return { ...before, read: () => [...before.read(), ...more.read()] }
}

function labelled(metric: Metric, prefix: string): Metric {
  const read = () => metric.read().map((sample) => ({ ...sample, labels: { ...sample.labels, prefix } }))
  return { ...metric, labels: [...metric.labels, 'prefix'], read }
}
