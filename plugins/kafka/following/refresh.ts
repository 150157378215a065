// One refresh of all topics: one question for their partitions, then two for each leader, however many topics there
// are. Answers are taken in turns of a few milliseconds. An error of one topic does not affect the others.

import type { Moment } from '../../../src/bus/holes.ts'
import type { PartitionWatermarks, Watermarks } from '../../../src/bus/record.ts'
import type { FollowedTopic } from './followed-topic.ts'
import { TimeSlice } from './time-slice.ts'
import type { TwoConsumers } from './two-consumers.ts'

export interface RefreshParts {
  readonly source: Pick<TwoConsumers, 'partitions' | 'prepare' | 'watermarks'>
  readonly topics: ReadonlyMap<string, FollowedTopic>
  /** Whether a read has failed since the last call, which may have hidden that partitions stopped. */
  readonly takeSuspicion: () => boolean
  /** Only differences count. */
  readonly nowMs: () => number
  readonly epochMs: () => number
  /** Kafka answered, if only with an error. */
  readonly onAnswered: () => void
}

/** Partitions that are compared in one turn. */
const COMPARED_MAX = 500

/** True if nothing is missing and the next refresh can wait. Rejects if Kafka does not answer. */
export async function refresh(parts: RefreshParts): Promise<boolean> {
  const { source, topics, nowMs, epochMs } = parts
  const refreshed = [...topics.values()]
  const timeSlice = new TimeSlice(nowMs)
  const listed = await source.partitions(refreshed.map(({ name }) => name))
  parts.onAnswered()
  await timeSlice.yieldIfUsed()
  const askedAt = { nowMs: nowMs(), epochMs: epochMs() }
  for (const topic of refreshed) {
    topic.list(listed.get(topic.name) ?? [])
    await timeSlice.yieldIfUsed()
  }
  const unread = refreshed.filter(({ hasUnread }) => hasUnread).map(({ name }) => name)
  if (unread.length > 0) await source.prepare(unread)
  if (parts.takeSuspicion())
    for (const topic of refreshed) for (const feed of topic.feeds) feed.suspectStops()
  await timeSlice.yieldIfUsed()
  const asked = refreshed.flatMap((topic) => topic.leaders.askable())
  await timeSlice.yieldIfUsed()
  await source.watermarks(asked, async (answer) => {
    for (const [name, marks] of answer) await take(topics.get(name), marks, askedAt, timeSlice)
  })
  let isSettled = true
  for (const topic of refreshed) {
    isSettled = topic.endRefresh(askedAt.nowMs, nowMs()) && isSettled
    await timeSlice.yieldIfUsed()
  }
  return isSettled
}

/**
 * Watermarks of all partitions; null while Kafka lists none. Leaders that refreshes have found silent are not asked.
 */
export async function askWatermarks(
  source: Pick<TwoConsumers, 'partitions' | 'watermarks'>,
  topic: FollowedTopic,
  nowMs: number,
): Promise<PartitionWatermarks | null> {
  const { name } = topic
  const listed = (await source.partitions([name])).get(name) ?? []
  if (listed.length === 0) return null
  const known = new Map<number, Watermarks | null>(listed.map(({ partition }) => [partition, null]))
  const led = listed.flatMap(({ partition, leader }) =>
    leader === null || topic.leaders.isLost(partition, nowMs) ? [] : [{ topic: name, partition, leader }],
  )
  await source.watermarks(led, (answer) => {
    for (const [partition, marks] of answer.get(name) ?? []) known.set(partition, marks)
  })
  return known
}

async function take(
  topic: FollowedTopic | undefined,
  marks: ReadonlyMap<number, Watermarks>,
  askedAt: Moment,
  timeSlice: TimeSlice,
): Promise<void> {
  for (const some of batches(marks)) {
    topic?.take(some, askedAt)
    await timeSlice.yieldIfUsed()
  }
}

function* batches(marks: ReadonlyMap<number, Watermarks>): Generator<ReadonlyMap<number, Watermarks>> {
  if (marks.size <= COMPARED_MAX) {
    yield marks
    return
  }
  const all = [...marks]
  for (let at = 0; at < all.length; at += COMPARED_MAX) yield new Map(all.slice(at, at + COMPARED_MAX))
}
