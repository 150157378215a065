// Beginnings without streams, of a topic that a bus or a worker’s mirror of it is reading.

import { vi } from 'vitest'
import { Beginning, type Outcome } from '../../../src/beginning/beginning.ts'
import {
  type Begun,
  FROM_EARLIEST,
  type RequestedBeginning,
} from '../../../src/beginning/requested-beginning.ts'
import type { Watermarks } from '../../../src/bus/record.ts'
import { SharedAnswer } from '../../../src/bus/shared-answer.ts'
import { AllRecords } from '../../../src/cursor/cursors.ts'
import { SegmentPool } from '../../../src/segments/segment-pool.ts'
import { BusMirror } from '../../../src/threads/bus-mirror.ts'
import { BusReporter } from '../../../src/threads/bus-reporter.ts'
import { StreamReader } from '../../support/stream-reader.ts'
import { recordOf, TopicInMemory } from '../../support/topic-in-memory.ts'

export const LATEST: Partial<RequestedBeginning> = { from: 'latest' }
export const HOUR_MS = 3_600_000
/** A bus that has room for a few records only. */
export const FEW_RECORDS = { keeps: 'all', retainedRecordsMax: 5, pool: new SegmentPool(256) } as const

export class BeginningScene {
  readonly topic: TopicInMemory
  nowMs = 1_000
  /** `produce` makes records of partition 0 below this offset an hour old. */
  oldBelow = 0
  private readonly reporter: BusReporter
  private readonly mirror: BusMirror | null
  private readonly closing = new AbortController()

  constructor(topic: TopicInMemory, isMirrored = false) {
    this.topic = topic
    this.reporter = new BusReporter(topic.bus)
    this.mirror = isMirrored ? new BusMirror(1) : null
    topic.bus.caughtUp = false
    this.report()
  }

  begin(requested: Partial<RequestedBeginning>): Beginning {
    const { mirror, topic, nowMs } = this
    return new Beginning({
      topic: {
        name: topic.name,
        encoding: topic.encoding,
        bus: mirror ?? topic.bus,
        watermarks: (signal) => topic.watermarks(signal),
      },
      cursors: new AllRecords(mirror ?? topic.bus),
      requested: { ...FROM_EARLIEST, ...requested },
      answers: new SharedAnswer(() => topic.watermarks(this.closing.signal)),
      waiter: { answered: () => {} },
      clock: { nowMs: () => nowMs, epochMs: Date.now },
    })
  }

  /** Lets a beginning look, Kafka answer, and the beginning look again. */
  async look(start: Beginning): Promise<Outcome> {
    start.look(this.nowMs)
    await vi.advanceTimersByTimeAsync(1)
    this.report()
    return start.look(this.nowMs)
  }

  /** Appends records to partition 0, from offset `from` to below `to`. */
  produce(from: number, to: number, prefix = ''): void {
    for (let offset = from; offset < to; offset++)
      this.append(offset, `${prefix}${offset}`, offset < this.oldBelow ? -HOUR_MS : 0)
    this.topic.bus.publish()
  }

  /** Appends a record whose timestamp is that much later than now. */
  append(offset: number, value: string, laterMs: number, partition = 0): void {
    this.topic.bus.append({ ...recordOf(offset, value, null, partition), timestampMs: Date.now() + laterMs })
  }

  catchUp(): void {
    this.topic.bus.markCaughtUp()
    this.report()
  }

  report(): void {
    this.mirror?.receive(structuredClone(this.reporter.takeUpdate()))
  }
}

/** A topic that has a0 and a1 in its first partition, b0 in the second: its position is {0:2, 1:1}. */
export function threeRecords(): TopicInMemory {
  const topic = new TopicInMemory(2)
  topic.produce('a0', 'a', 0)
  topic.produce('b0', 'b', 1)
  topic.produce('a1', 'a', 0)
  return topic
}

/** What Kafka answers of a topic whose partitions end there. */
export function marks(...ends: number[]): Record<number, Watermarks> {
  return Object.fromEntries(ends.map((end, partition) => [partition, { start: 0, end }]))
}

export function begun(beginning: Outcome): Begun {
  if (typeof beginning !== 'object' || 'end' in beginning) throw new Error(`no beginning: ${beginning}`)
  return beginning
}

/** Data of what a stream reads from there on. */
export function records({ cursor }: Begun): string[] {
  const reader = new StreamReader()
  for (let bytes = cursor.read(100_000); bytes !== null; bytes = cursor.read(100_000)) reader.feed(bytes)
  return reader.records
}
