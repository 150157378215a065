// Metrics of topics and their buses. Topics that are configured by name have rows of their own. Those that clients name
// in a path are counted together, so that the number of rows does not depend on clients.

import type { FedTopic, Topics } from '../../src/bus/topic.ts'
import { counter, counterBy, gauge, type Metric, type Sample } from './metric.ts'

/** What metrics are read of. */
type TopicSources = Pick<Topics, 'all' | 'byPath'>

/** No topic has this name, because a name has no parentheses. */
const BY_PATH_LABELS = { topic: '(by path)', encoding: 'any', keeps: 'any' }

interface BusMetric {
  readonly type: Metric['type']
  readonly name: string
  readonly help: string
  /** Null: this topic has no value. */
  readonly read: (topic: FedTopic) => number | null
  /** The value of all topics by path together; null: there is none. */
  readonly together: (topics: TopicSources['byPath']) => number | null
}

const BUS_METRICS: readonly BusMetric[] = [
  {
    type: 'counter',
    name: 'records_total',
    help: 'Records read from Kafka',
    read: ({ bus }) => bus.recordsAppended,
    together: ({ open, closedCounts }) =>
      sum(open, ({ bus }) => bus.recordsAppended) + closedCounts.recordsAppended,
  },
  {
    type: 'counter',
    name: 'too_large_records_total',
    help: 'Records left out, because their frame would be over 16 MiB',
    read: ({ bus }) => bus.recordsTooLarge,
    together: ({ open, closedCounts }) =>
      sum(open, ({ bus }) => bus.recordsTooLarge) + closedCounts.recordsTooLarge,
  },
  {
    type: 'gauge',
    name: 'retained_records',
    help: 'Records retained, superseded ones included',
    read: ({ bus }) => bus.retainedRecords,
    together: ({ open }) => sum(open, ({ bus }) => bus.retainedRecords),
  },
  {
    type: 'gauge',
    name: 'retained_records_max',
    help: 'Bound of the records retained, superseded ones not counted',
    read: ({ bus }) => bus.options.retainedRecordsMax,
    together: () => null,
  },
  {
    type: 'gauge',
    name: 'retained_bytes',
    help: 'Bytes of segments retained',
    read: ({ bus }) => bus.retainedBytes,
    together: ({ open }) => sum(open, ({ bus }) => bus.retainedBytes),
  },
  {
    type: 'gauge',
    name: 'retained_bytes_max',
    help: 'Bound of the bytes retained',
    read: ({ bus }) => bus.options.retainedBytesMax,
    together: ({ bytesMax }) => bytesMax,
  },
  {
    type: 'gauge',
    name: 'needed_ratio',
    help: 'Share of its bounds that the newest values of all keys need',
    read: ({ bus }) => bus.neededShare,
    together: () => null,
  },
  {
    type: 'gauge',
    name: 'caught_up',
    help: '1 once everything that Kafka held at the start is read',
    read: ({ bus }) => Number(bus.caughtUp),
    together: ({ open }) => Number(open.every(({ bus }) => bus.caughtUp)),
  },
  {
    type: 'gauge',
    name: 'lag_records',
    help: 'Offsets of all partitions that are not read yet, by the ends that Kafka told last',
    read: lagOf,
    together: ({ open }) => sum(open, lagOf),
  },
  {
    type: 'gauge',
    name: 'full',
    help: '1 once a bus that keeps the newest record of every key dropped one for lack of room',
    read: ({ bus }) => Number(!bus.isWhole),
    together: ({ open }) => Number(open.some(({ bus }) => !bus.isWhole)),
  },
]

export function topicMetrics(topics: TopicSources): Metric[] {
  return [
    ...BUS_METRICS.map((metric) => ofBuses(metric, topics)),
    gauge('kafka_sse_segments_allocated_bytes', 'Bytes of all segments, in use or kept for reuse', () =>
      sumOfPools(topics, ({ allocatedBytes }) => allocatedBytes),
    ),
    gauge(
      'kafka_sse_segments_parted_bytes',
      'Bytes of segments that left their bus, but are still sent to slow clients',
      () => sumOfPools(topics, ({ partedBytes }) => partedBytes),
    ),
    gauge(
      'kafka_sse_topics_open',
      'Topics that are open because clients name them in a path',
      () => topics.byPath.open.length,
    ),
    counter(
      'kafka_sse_topics_opened_total',
      'Times that such a topic was opened',
      () => topics.byPath.opened,
    ),
    counterBy(
      'reason',
      'kafka_sse_topics_closed_total',
      'Times that such a topic was closed',
      () => topics.byPath.closed,
    ),
  ]
}

function ofBuses({ type, name, help, read, together }: BusMetric, topics: TopicSources): Metric {
  const named = () =>
    topics.all().flatMap((topic) => {
      const value = read(topic)
      return value === null ? [] : [{ value, labels: labelsOf(topic) }]
    })
  return {
    type,
    name: `kafka_sse_bus_${name}`,
    help,
    labels: ['topic', 'encoding', 'keeps'],
    read: () => [...named(), ...byPath(topics.byPath, together)],
  }
}

/** No row before a first topic was opened. */
function byPath(topics: TopicSources['byPath'], together: BusMetric['together']): Sample[] {
  const value = topics.opened === 0 ? null : together(topics)
  return value === null ? [] : [{ value, labels: BY_PATH_LABELS }]
}

export function labelsOf({ name, encoding, bus }: FedTopic): Record<string, string> {
  return { topic: name, encoding, keeps: bus.keeps }
}

function lagOf({ bus }: FedTopic): number {
  let records = 0
  for (const { lag } of bus.progress()) records += lag
  return records
}

function sum(topics: readonly FedTopic[], read: (topic: FedTopic) => number): number {
  return topics.reduce((total, topic) => total + read(topic), 0)
}

/** Buses may share a pool, and each reports the figure of the whole pool, so every pool is counted once. */
function sumOfPools(topics: TopicSources, bytes: (pool: TopicSources['byPath']['pool']) => number): number {
  const { pool } = topics.byPath
  const pools = new Map<object, number>(topics.all().map(({ bus }) => [bus.options.pool ?? bus, bytes(bus)]))
  pools.set(pool, bytes(pool))
  return [...pools.values()].reduce((total, value) => total + value, 0)
}
