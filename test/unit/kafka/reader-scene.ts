// A reader of topics on a Kafka in memory, which feeds a bus of mocks with the topic `events`. Time is vitest's.

import { vi } from 'vitest'
import { type Feeding, Reader } from '../../../plugins/kafka/following/reader.ts'
import type { RecordWriter } from '../../../plugins/kafka/following/topic-feed.ts'
import { Outage } from '../../../plugins/kafka/troubles/outage.ts'
import type { Watermarks } from '../../../src/bus/record.ts'
import { KafkaInMemory } from './kafka-in-memory.ts'

export class ReaderScene {
  readonly kafka = new KafkaInMemory()
  readonly log = createLog()
  readonly writer = createWriter()
  readonly reader: Reader
  readonly feeding: Feeding

  private constructor() {
    this.reader = new Reader({
      name: 'streams',
      outage: new Outage('kafka:9092', () => Date.now()),
      inquire: async () => this.kafka.unreadable,
      bootstrapServers: 'kafka:9092',
      createConsumer: this.kafka.createConsumer,
      nowMs: () => Date.now(),
      random: () => 0.5,
    })
    this.reader.join(this.log)
    this.feeding = this.reader.feed('events', this.writer, this.log)
  }

  static open(): ReaderScene {
    vi.useFakeTimers()
    return new ReaderScene()
  }

  async close(): Promise<void> {
    await this.reader.close()
    vi.useRealTimers()
  }

  /** A batch of one record of `events`, or of the end of a partition, in one turn. */
  batch(partition: number, offset: number, what: 'record' | 'end' = 'record'): void {
    this.kafka.tell('events', partition, offset, what)
    this.kafka.live.events.onBatchEnd()
  }
}

export function createLog() {
  return { debug: vi.fn(), info: vi.fn(), warn: vi.fn() }
}

/** A bus as its feed sees it. */
export function createWriter() {
  return {
    setPartition: vi.fn(),
    append: vi.fn(),
    advance: vi.fn(),
    publish: vi.fn(),
    markCaughtUp: vi.fn(),
    trim: vi.fn(),
    skip: vi.fn(),
    noteEnd: vi.fn(),
    recreate: vi.fn(),
    startOver: vi.fn(),
    missed: null as RecordWriter['missed'],
    maintain: vi.fn(() => false),
    readFrom: (marks: ReadonlyMap<number, Watermarks>) =>
      new Map([...marks].map(([partition, { start }]) => [partition, start])),
  } satisfies RecordWriter
}
