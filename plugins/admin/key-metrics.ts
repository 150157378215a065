// What is counted of the keys that verify tokens.

import type { Parts } from '../../src/admin/readiness.ts'
import { counterBy, type Metric } from './metric.ts'

/** Left out where the host authenticates. */
export function keyMetrics({ authenticator }: Pick<Parts, 'authenticator'>): Metric[] {
  if (authenticator.keyFetches === undefined) return []
  const fetches = authenticator.keyFetches.bind(authenticator)
  return [
    counterBy('outcome', 'kafka_sse_key_fetches_total', 'Fetches of key sets by URL', () => ({
      ...fetches(),
    })),
  ]
}
