// One refresh of all topics: one question for their partitions, then two for each leader, whatever the number of topics. What a
// topic's answer comes to is taken in turns of a few milliseconds, and what is wrong with one topic is not the others' business.

import type { Moment } from '../../../src/bus/holes.ts'
import type { Watermarks } from '../../../src/bus/record.ts'
import type { FollowedTopic } from './followed-topic.ts'
import { TimeSlice } from './time-slice.ts'
import type { TwoConsumers } from './two-consumers.ts'

export interface RefreshParts {
  readonly source: Pick<TwoConsumers, 'partitions' | 'prepare' | 'watermarks'>
  /** Those that are followed now. */
  readonly topics: ReadonlyMap<string, FollowedTopic>
  /** An error of a read may have hidden that partitions have stopped: asked, and forgotten, before logs are compared. */
  readonly takeFear: () => boolean
  /** Only differences count. */
  readonly nowMs: () => number
  readonly epochMs: () => number
  /** Kafka answered: it is there, whatever it said. */
  readonly onAnswered: () => void
}

/** Partitions that are compared at a time. */
const COMPARED_MAX = 500

/** True if nothing is missing, and the next refresh can wait. Rejects if Kafka does not answer. */
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
  if (parts.takeFear()) for (const topic of refreshed) for (const feed of topic.feeds) feed.fearStops()
  await timeSlice.yieldIfUsed()
  const asked = refreshed.flatMap((topic) => topic.askable())
  await timeSlice.yieldIfUsed()
  await source.watermarks(asked, async (told) => {
    for (const [name, marks] of told) await take(topics.get(name), marks, askedAt, timeSlice)
  })
  let isSettled = true
  for (const topic of refreshed) {
    isSettled = topic.endRefresh(askedAt.nowMs, nowMs()) && isSettled
    await timeSlice.yieldIfUsed()
  }
  return isSettled
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
