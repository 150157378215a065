// What Kafka tells of a topic's logs, compared with what was read of them.

import type { Moment } from '../../../src/bus/holes.ts'
import type { Watermarks } from '../../../src/bus/record.ts'
import type { FollowedPartition } from './followed-partition.ts'

/** Records `from` up to `to` of a partition were deleted before they were read. */
export interface Passed {
  readonly partition: number
  readonly from: number
  readonly to: number
}

export interface Findings {
  /** What was read is of another topic, or of a log that was cut off: nothing else matters then. */
  readonly isReplaced: boolean
  readonly passed: readonly Passed[]
  /** Partitions that are read no further although nothing of them is gone. */
  readonly stalled: readonly number[]
  /** Where the log of a partition starts whose read records were deleted. */
  readonly trimmed: ReadonlyMap<number, number>
}

/** Of the findings those that the writer took, and the first error where it did not take all. */
export interface TakenFindings extends Findings {
  readonly failure: { readonly error: unknown } | null
}

/** What Kafka was asked when. */
export interface AskedWatermarks {
  /** Before it was asked. */
  readonly askedAt: Moment
  /** How far each partition was read when it was asked: null before reading had begun. */
  readonly asked: ReadonlyMap<number, number | null>
  readonly told: ReadonlyMap<number, Watermarks>
}

export function compareLogs(
  partitions: ReadonlyMap<number, FollowedPartition>,
  { asked, told }: AskedWatermarks,
  hasTopicId: boolean,
): Findings {
  let isReplaced = false
  const passed: Passed[] = []
  const stalled: number[] = []
  const trimmed = new Map<number, number>()
  for (const [partition, marks] of told) {
    const { next, log } = partitions.get(partition) ?? { next: 0, log: null }
    const nextWhenAsked = asked.get(partition) ?? null
    if (log === null || nextWhenAsked === null) continue
    for (const finding of log.compare(marks, { next, nextWhenAsked, hasTopicId })) {
      if (finding === 'replaced') isReplaced = true
      if (finding === 'passed') passed.push({ partition, from: next, to: marks.start })
      if (finding === 'stalled') stalled.push(partition)
      if (finding === 'trimmed') trimmed.set(partition, marks.start)
    }
  }
  return { isReplaced, passed, stalled, trimmed }
}
