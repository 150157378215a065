// Reads some records of a topic: the oldest of a few partitions, then the newest of all. They say what Kafka's answers
// about the topic do not: whether it may be read, whether it looks compacted, and whether its records have keys.
// Promise: it ends, after a bounded number of records and a bounded time, and keeps none of them.

import { processLock } from '../../plugins/kafka/client/blocking-lock.ts'
import { Consumer } from '../../plugins/kafka/client/consumer.ts'
import { isOfGroup, readFailure } from '../../plugins/kafka/client/kafka-error.ts'
import type { ListedPartition } from '../../plugins/kafka/client/questions.ts'
import type { ConsumerEvents, RecordSource } from '../../plugins/kafka/client/record-source.ts'
import type { LedPartition } from '../../plugins/kafka/following/refused-partitions.ts'
import { LeaderQuestions } from '../../plugins/kafka/following/watermarks.ts'
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
  /** Of the partitions that were read: those of leaders of which nothing came. */
  readonly silent: readonly number[]
  readonly records: number
  readonly withoutKey: number
  /** The longest stretch of offsets that are missing between two of the oldest records. */
  readonly longestHole: number
}

const OLDEST_PARTITIONS = 4
const OLDEST_RECORDS = 200
const NEWEST_RECORDS = 20
const NEWEST_PARTITIONS = 50
const READ_MS = 4_000
/** A client that was just made may not be connected when it is asked. */
const LISTINGS_MAX = 3
/** The same of a leader: the first question waits for its connection, too. */
const QUESTIONS_MAX = 3

interface Stretch {
  readonly partition: number
  readonly from: number
  readonly to: number
}

/** Rejects if Kafka does not list the topic. `open` makes the client that is asked. */
export async function sampleTopic(
  options: KafkaOptions,
  topic: string,
  open = (events: ConsumerEvents): RecordSource => new Consumer(options, events, processLock),
): Promise<TopicSample> {
  const counts = new SampleCounts()
  const unread = new Map<number, number>()
  const heard = new Set<number>()
  const consumer = open({
    onRecord: (_topic, record) => {
      counts.note(record)
      heard.add(record.partition)
      if (record.offset + 1 >= (unread.get(record.partition) ?? 0)) unread.delete(record.partition)
    },
    onEnd: (_topic, partition) => {
      heard.add(partition)
      unread.delete(partition)
    },
    onBatchEnd: () => {},
    onTrouble: () => {},
    onLog: () => {},
    onTopicId: () => {},
    onStop: () => {},
  })
  try {
    await consumer.connect()
    const partitions = await listed(consumer, topic)
    const bounds = await boundsOf(consumer, topic, partitions)
    const [first, last] = [oldest(bounds), newest(bounds)]
    const read = (stretches: readonly Stretch[]) => readStretches(consumer, topic, stretches, unread)
    const earlyFailure = await read(first)
    counts.startOver()
    const failure = earlyFailure ?? (await read(last))
    const { records, withoutKey, longestHole } = counts
    const silent = silentOf([...first, ...last], partitions, heard)
    return { partitions, bounds, failure, silent, records, withoutKey, longestHole }
  } finally {
    await consumer.close()
  }
}

async function listed(consumer: RecordSource, topic: string): Promise<readonly ListedPartition[]> {
  for (let listing = 1; ; listing++) {
    try {
      return (await consumer.partitions([topic])).get(topic) ?? []
    } catch (error) {
      if (listing === LISTINGS_MAX) throw error
    }
  }
}

async function boundsOf(
  source: RecordSource,
  topic: string,
  partitions: readonly ListedPartition[],
): Promise<LogBounds[]> {
  const questions = new LeaderQuestions(source)
  const found = new Map<number, LogBounds>()
  for (let question = 1; question <= QUESTIONS_MAX; question++) {
    const asked = partitions.flatMap(({ partition, leader }): LedPartition[] =>
      leader === null || found.has(partition) ? [] : [{ topic, partition, leader }],
    )
    if (asked.length === 0) break
    await questions.ask(asked, (answer) => {
      for (const [partition, marks] of answer.get(topic) ?? []) found.set(partition, { partition, ...marks })
    })
  }
  return [...found.values()].sort((a, b) => a.partition - b.partition)
}

/** Partitions of leaders of which nothing came. One that is busy sends records of some partitions first. */
function silentOf(
  read: readonly Stretch[],
  partitions: readonly ListedPartition[],
  heard: ReadonlySet<number>,
): number[] {
  const leaderOf = new Map(partitions.map(({ partition, leader }) => [partition, leader]))
  const answering = new Set([...heard].map((partition) => leaderOf.get(partition)))
  const silent = read.filter(({ partition }) => !answering.has(leaderOf.get(partition)))
  return [...new Set(silent.map(({ partition }) => partition))]
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
  consumer: RecordSource,
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

async function readBatch(consumer: RecordSource): Promise<void> {
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
