// A topic whose records a test appends: a real bus, and watermarks as the test sets them.

import { Bus, type BusOptions } from '../../src/bus/bus.ts'
import type { KafkaRecord, PartitionWatermarks, Watermarks } from '../../src/bus/record.ts'
import type { FedTopic, FedTopicLease, Topic, TopicRefusal, TopicSource } from '../../src/bus/topic.ts'

/** A bus's options: large limits, and a hash that is the same in every run. */
export const BUS_OPTIONS: BusOptions = {
  encoding: 'text',
  keeps: 'latest',
  retainedBytesMax: 2 ** 30,
  retainedRecordsMax: 10_000_000,
  retainedMsMax: null,
  deleteRetentionMs: 86_400_000,
  seed: 7,
}

export class TopicInMemory implements FedTopic {
  readonly name: string
  readonly encoding = 'text'
  readonly bus: Bus
  /** What Kafka would answer, null for a partition whose leader is silent; null: it does not answer at all. */
  marks: PartitionWatermarks | null = null
  /** Why the topic is not ready. */
  trouble: string | null = null
  private readonly asked = new Set<() => void>()

  constructor(partitions = 1, options: Partial<BusOptions> = {}, name = 'events') {
    this.name = name
    this.bus = new Bus({ ...BUS_OPTIONS, ...options })
    for (let partition = 0; partition < partitions; partition++) this.bus.setPartition(partition, 0)
    this.bus.markCaughtUp()
  }

  /** Appends at the next offset of the partition, and publishes. */
  produce(value: string | Uint8Array | null, key: string | null = null, partition = 0): void {
    this.bus.append(recordOf(this.bus.position().get(partition) ?? 0, value, key, partition))
    this.bus.publish()
  }

  /** Lets Kafka answer this to all questions, those that wait and later ones. */
  answer(marks: Record<number, Watermarks | null>): void {
    this.marks = new Map(Object.entries(marks).map(([partition, mark]) => [Number(partition), mark]))
    for (const answered of this.asked) answered()
    this.asked.clear()
  }

  async watermarks(signal: AbortSignal): Promise<PartitionWatermarks> {
    if (this.marks === null) {
      await new Promise<void>((resolve, reject) => {
        this.asked.add(resolve)
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    }
    return this.marks ?? new Map()
  }

  notReady(): string | null {
    return this.trouble
  }
}

/** Topics in memory by name, and what Kafka says of others. Counts the streams that use each. */
export class SourceInMemory implements TopicSource {
  readonly uses = new Map<string, number>()
  /** What a request gets for a topic that is not there. */
  refusal: TopicRefusal = 'missing'
  private readonly topics: ReadonlyMap<string, TopicInMemory>

  constructor(topics: readonly TopicInMemory[]) {
    this.topics = new Map(topics.map((topic) => [topic.name, topic]))
  }

  open(name: string): FedTopic {
    const topic = this.topics.get(name)
    if (topic === undefined) throw new Error(`no topic ${name}`)
    return topic
  }

  async acquire(name: string): Promise<FedTopicLease | TopicRefusal> {
    const topic = this.topics.get(name)
    if (topic === undefined) return this.refusal
    const count = (by: number) => this.uses.set(name, (this.uses.get(name) ?? 0) + by)
    count(1)
    return { topic, release: () => count(-1) }
  }

  onClosed(_listener: (topic: Topic) => void): void {} // none is ever closed
}

export function recordOf(
  offset: number,
  value: string | Uint8Array | null,
  key: string | null,
  partition: number,
): KafkaRecord {
  return {
    partition,
    offset,
    timestampMs: Date.now(),
    key: key === null ? null : Buffer.from(key),
    value: typeof value === 'string' ? Buffer.from(value) : value,
    headers: [],
  }
}
