// What runs: versions, and the codecs without which records of a topic cannot be read. The value is always 1, because
// all that is told is in the labels.

import { createRequire } from 'node:module'
import type { Topics } from '../../src/bus/topic.ts'
import type { Metric } from './metric.ts'

const { version }: { readonly version: string } = createRequire(import.meta.url)(
  'fastify-kafka-sse/package.json',
)

export function buildMetrics({ library }: Pick<Topics, 'library'>): Metric[] {
  const labels = {
    version,
    node: process.versions.node,
    librdkafka: library.version,
    codecs: library.codecs.join(','),
  }
  return [
    {
      type: 'gauge',
      name: 'kafka_sse_build_info',
      help: '1, with the versions that run, and the codecs that Kafka may use',
      labels: Object.keys(labels),
      read: () => [{ value: 1, labels }],
    },
  ]
}
