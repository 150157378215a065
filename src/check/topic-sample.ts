// Reads some records of a topic: the oldest of a few partitions, then the newest of all. They say what Kafka's answers
// about the topic do not: whether it may be read, whether it looks compacted, and whether its records have keys.
// Promise: it ends, after a bounded number of records and a bounded time, and keeps none of them.

import { processLock } from '../../plugins/kafka/client/blocking-lock.ts'
import { Consumer } from '../../plugins/kafka/client/consumer.ts'
import { isOfGroup, readFailure } from '../../plugins/kafka/client/kafka-error.ts'
import type { ListedPartition } from '../../plugins/kafka/client/questions.ts'
import type { KafkaRecord } from '../bus/record.ts'
import { errorWords } from '../errors.ts'
import type { KafkaOptions } from '../options.ts'

/** Where a partition's log begins and ends. */
export interface LogBounds {
  readonly partition: number
  readonly start: number
  readonly end: number
}

export interface TopicSample {
  /** Empty if there is no such topic, or none that the principal may see. */
  readonly partitions: readonly ListedPartition[]
  /** Of partitions whose leader answers. */
  readonly bounds: readonly LogBounds[]
  /** Why records could not be read; null if they could. */
  readonly failure: string | null
  readonly records: number
  readonly withoutKey: number
  /** The longest stretch of offsets that are missing between two of the oldest records. */
  readonly longestHole: number
}

const OLDEST_PARTITIONS = 4
const OLDEST_RECORDS = 200
const NEWEST_RECORDS = 20
const NEWEST_PARTITIONS = 50
const ASKED_MS = 4_000
const READ_MS = 4_000
/** A client that was just made may not be connected when it is asked. */
const LISTINGS_MAX = 3

interface Stretch {
  readonly partition: number
  readonly from: number
  readonly to: number
}

/** Rejects if Kafka does not list the topic. */
export async function sampleTopic(options: KafkaOptions, topic: string): Promise<TopicSample> {
  const counts = new SampleCounts()
  const unread = new Map<number, number>()
  const consumer = new Consumer(
    options,
    {
      onRecord: (_topic, record) => {
        counts.note(record)
        if (record.offset + 1 >= (unread.get(record.partition) ?? 0)) unread.delete(record.partition)
      },
      onEnd: (_topic, partition) => void unread.delete(partition),
      onBatchEnd: () => {},
      onTrouble: () => {},
      onLog: () => {},
      onTopicId: () => {},
      onStop: () => {},
    },
    processLock,
  )
  try {
    await consumer.connect()
    const partitions = await listed(consumer, topic)
    const bounds = await boundsOf(consumer, topic, partitions)
    const read = (stretches: readonly Stretch[]) => readStretches(consumer, topic, stretches, unread)
    const failure = await read(oldest(bounds))
    counts.startOver()
    const laterFailure = failure ?? (await read(newest(bounds)))
    const { records, withoutKey, longestHole } = counts
    return { partitions, bounds, failure: laterFailure, records, withoutKey, longestHole }
  } finally {
    await consumer.close()
  }
}

async function listed(consumer: Consumer, topic: string): Promise<readonly ListedPartition[]> {
  for (let listing = 1; ; listing++) {
    try {
      return (await consumer.partitions([topic])).get(topic) ?? []
    } catch (error) {
      if (listing === LISTINGS_MAX) throw error
    }
  }
}

async function boundsOf(
  consumer: Consumer,
  topic: string,
  partitions: readonly ListedPartition[],
): Promise<LogBounds[]> {
  const asked = partitions
    .filter(({ leader }) => leader !== null)
    .map(({ partition }) => ({ topic, partition }))
  if (asked.length === 0) return []
  try {
    const starts = (await consumer.starts(asked, ASKED_MS)).get(topic)
    const ends = (await consumer.ends(asked, ASKED_MS)).get(topic)
    return asked.flatMap(({ partition }) => {
      const [start, end] = [starts?.get(partition), ends?.get(partition)]
      return start === undefined || end === undefined ? [] : [{ partition, start, end }]
    })
  } catch {
    // Told by what is missing: none of the partitions has bounds.
    return []
  }
}

/** Also of empty partitions: their end is only told to a principal that may read. */
function oldest(bounds: readonly LogBounds[]): Stretch[] {
  return bounds.slice(0, OLDEST_PARTITIONS).map(({ partition, start, end }) => {
    return { partition, from: start, to: Math.min(end, start + OLDEST_RECORDS) }
  })
}

function newest(bounds: readonly LogBounds[]): Stretch[] {
  const written = bounds.filter(({ start, end }) => end > start + OLDEST_RECORDS)
  return written.slice(0, NEWEST_PARTITIONS).map(({ partition, end }) => {
    return { partition, from: end - NEWEST_RECORDS, to: end }
  })
}

/** null, or why they could not be read. What does not come in time is left out. */
async function readStretches(
  consumer: Consumer,
  topic: string,
  stretches: readonly Stretch[],
  unread: Map<number, number>,
): Promise<string | null> {
  if (stretches.length === 0) return null
  for (const { partition, to } of stretches) unread.set(partition, to)
  const assigned = stretches.map(({ partition, from }) => ({ topic, partition, offset: from }))
  consumer.assign(assigned)
  try {
    const untilMs = performance.now() + READ_MS
    while (unread.size > 0 && performance.now() < untilMs) await readBatch(consumer)
    return null
  } catch (error) {
    return readFailure(error, `topic ${topic}`)
  } finally {
    consumer.unassign(assigned)
    unread.clear()
  }
}

async function readBatch(consumer: Consumer): Promise<void> {
  try {
    await consumer.read()
  } catch (error) {
    if (!isOfGroup(error)) throw error instanceof Error ? error : new Error(errorWords(error))
  }
}

/** Nothing of a record is kept but its offset. */
class SampleCounts {
  records = 0
  withoutKey = 0
  longestHole = 0
  private readonly last = new Map<number, number>()

  note({ partition, offset, key }: KafkaRecord): void {
    this.records++
    if (key === null) this.withoutKey++
    const before = this.last.get(partition) ?? offset - 1
    this.longestHole = Math.max(this.longestHole, offset - before - 1)
    this.last.set(partition, offset)
  }

  /** What is read from now on does not follow what was read before. */
  startOver(): void {
    this.last.clear()
  }
}
