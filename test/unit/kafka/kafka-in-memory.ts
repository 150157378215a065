// A Kafka that a test sets, and consumers of it. It refuses what librdkafka refuses: to assign a partition twice, to
// take one back that is not assigned, and either during a read.

import type {
  ListedPartition,
  TopicOffsets,
  TopicPartition,
} from '../../../plugins/kafka/client/questions.ts'
import type {
  AssignedPartition,
  ConsumerEvents,
  RecordSource,
} from '../../../plugins/kafka/client/record-source.ts'
import type { KafkaRecord } from '../../../src/bus/record.ts'

interface PartitionInMemory {
  start: number
  end: number
  leader: number | null
}

const ANSWER_MS = 10
/** librdkafka's ERR__TIMED_OUT. */
const TIMED_OUT = -185

export class KafkaInMemory {
  readonly topics = new Map<string, PartitionInMemory[]>()
  /** Nothing answers. */
  isDown = false
  /** Consumers whose questions for lists of partitions get no answer: 0 is the live one, 1 the one behind. */
  readonly deaf = new Set<number>()
  /** Brokers that take questions and do not answer them. */
  readonly silent = new Set<number>()
  /** Partitions that their leader refuses, by topic and partition: it has just given them up. */
  readonly refused = new Set<string>()
  readonly consumers: ConsumerInMemory[] = []
  readError: Error | null = null
  /** What an inquiry finds. */
  readonly unreadable = new Map<string, ReadonlyMap<number, string | null>>()
  /** Partitions that no consumer takes. */
  assignError: Error | null = null
  /** Questions for lists of partitions: which topics were asked for together. */
  readonly lists: (readonly string[])[] = []
  /** Questions for offsets: which leader was asked for how many partitions. */
  readonly offsets: [leader: number, partitions: number][] = []
  readonly assigned: [topic: string, offsets: Record<number, number>][] = []
  readonly unassigned: [topic: string, partitions: number[]][] = []
  reads = 0

  /** The topic holds these from now on, `[start, end]` for each partition, led by broker 1. */
  hold(topic: string, ...offsets: [start: number, end: number][]): void {
    this.topics.set(
      topic,
      offsets.map(([start, end]) => ({ start, end, leader: 1 })),
    )
  }

  lead(topic: string, partition: number, leader: number | null): void {
    const led = this.topics.get(topic)?.[partition]
    if (led !== undefined) led.leader = leader
  }

  readonly createConsumer = (events: ConsumerEvents): ConsumerInMemory => {
    const consumer = new ConsumerInMemory(this, events)
    this.consumers.push(consumer)
    return consumer
  }

  get live(): ConsumerInMemory {
    return this.consumerAt(0)
  }

  get behind(): ConsumerInMemory {
    return this.consumerAt(1)
  }

  /** A record, or the end of a partition, from the consumer that has it assigned. */
  tell(topic: string, partition: number, offset: number, what: 'record' | 'end' = 'record'): void {
    for (const consumer of this.consumers) {
      if (consumer.assigned.has(`${topic} ${partition}`)) consumer.tell(topic, partition, offset, what)
    }
  }

  private consumerAt(index: number): ConsumerInMemory {
    const consumer = this.consumers[index]
    if (consumer === undefined) throw new Error(`no consumer ${index} was made`)
    return consumer
  }
}

export class ConsumerInMemory implements RecordSource {
  readonly events: ConsumerEvents
  /** Offsets by topic and partition. */
  readonly assigned = new Map<string, number>()
  readonly waits: (number | undefined)[] = []
  /** What the next read tells. */
  next: (() => void)[] = []
  error: Error | null = null
  private readonly kafka: KafkaInMemory
  private isReading = false

  constructor(kafka: KafkaInMemory, events: ConsumerEvents) {
    this.kafka = kafka
    this.events = events
  }

  async connect() {}
  async close() {}

  async partitions(topics: readonly string[]): Promise<Map<string, ListedPartition[]>> {
    this.kafka.lists.push(topics)
    await passes(ANSWER_MS)
    if (this.kafka.isDown) throw new Error('Local: Broker transport failure')
    if (this.kafka.deaf.has(this.kafka.consumers.indexOf(this))) throw timedOut()
    return new Map(
      topics.map((topic) => {
        const held = this.kafka.topics.get(topic) ?? []
        return [topic, held.map(({ leader }, partition) => ({ partition, leader }))]
      }),
    )
  }

  async starts(partitions: readonly TopicPartition[], timeoutMs: number): Promise<TopicOffsets> {
    return this.offsets(partitions, timeoutMs, 'start')
  }

  async ends(partitions: readonly TopicPartition[], timeoutMs: number): Promise<TopicOffsets> {
    return this.offsets(partitions, timeoutMs, 'end')
  }

  assign(partitions: readonly AssignedPartition[]): void {
    if (this.isReading) throw new Error('assigned while a read was under way')
    if (this.kafka.assignError !== null) throw this.kafka.assignError
    const again = partitions.find(({ topic, partition }) => this.assigned.has(`${topic} ${partition}`))
    if (again !== undefined) throw new Error(`${again.topic} ${again.partition} is assigned already`)
    for (const { topic, partition, offset } of partitions) this.assigned.set(`${topic} ${partition}`, offset)
    for (const [topic, some] of byTopic(partitions)) {
      this.kafka.assigned.push([topic, Object.fromEntries(some.map((each) => [each.partition, each.offset]))])
    }
  }

  unassign(partitions: readonly TopicPartition[]): void {
    if (this.isReading) throw new Error('unassigned while a read was under way')
    for (const { topic, partition } of partitions) {
      if (!this.assigned.delete(`${topic} ${partition}`))
        throw new Error(`${topic} ${partition} is not assigned`)
    }
    for (const [topic, some] of byTopic(partitions)) {
      this.kafka.unassigned.push([topic, some.map(({ partition }) => partition)])
    }
  }

  async read(waitMs?: number): Promise<void> {
    this.kafka.reads++
    this.waits.push(waitMs)
    this.isReading = true
    if (this.next.length === 0) await passes(waitMs ?? 100)
    for (const tell of this.next.splice(0)) tell()
    this.events.onBatchEnd()
    // A read goes on for a while: other code may read the buses before it is over.
    await passes(1)
    this.isReading = false
    const error = this.error ?? this.kafka.readError
    if (error !== null) throw error
  }

  tell(topic: string, partition: number, offset: number, what: 'record' | 'end' = 'record'): void {
    if (what === 'end') this.events.onEnd(topic, partition, offset)
    else this.events.onRecord(topic, recordAt(partition, offset))
  }

  private async offsets(
    partitions: readonly TopicPartition[],
    timeoutMs: number,
    which: 'start' | 'end',
  ): Promise<TopicOffsets> {
    const held = partitions.map(({ topic, partition }) => this.kafka.topics.get(topic)?.[partition])
    const leader = held[0]?.leader ?? -1
    this.kafka.offsets.push([leader, partitions.length])
    if (this.kafka.silent.has(leader)) {
      await passes(timeoutMs)
      throw timedOut()
    }
    await passes(ANSWER_MS)
    // librdkafka has one error for all that it was asked of in one call.
    if (partitions.some(({ topic, partition }) => this.kafka.refused.has(`${topic} ${partition}`))) {
      throw Object.assign(new Error('Broker: Not leader for partition'), { code: 6 })
    }
    const told: TopicOffsets = new Map()
    for (const [index, { topic, partition }] of partitions.entries()) {
      told.set(topic, (told.get(topic) ?? new Map()).set(partition, held[index]?.[which] ?? -1))
    }
    return told
  }
}

function timedOut(): Error {
  return Object.assign(new Error('Local: Timed out'), { code: TIMED_OUT })
}

export function recordAt(partition: number, offset: number): KafkaRecord {
  return { partition, offset, timestampMs: -1, key: null, value: null, headers: [] }
}

function byTopic<T extends TopicPartition>(partitions: readonly T[]): Map<string, T[]> {
  const topics = new Map<string, T[]>()
  for (const each of partitions) topics.set(each.topic, [...(topics.get(each.topic) ?? []), each])
  return topics
}

function passes(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
