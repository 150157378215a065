// Compares the watermarks that Kafka reports for a topic with what was read. Passes the differences to the writer.

import type { Moment } from '../../../src/bus/holes.ts'
import type { Watermarks } from '../../../src/bus/record.ts'
import type { FollowedPartitions } from './followed-partitions.ts'
import type { LogFinding } from './log-watch.ts'

/** The records at the offsets from `from` to `to` - 1 of a partition were deleted before they were read. */
export interface Passed {
  readonly partition: number
  readonly from: number
  readonly to: number
}

export interface Findings {
  /**
   * The records that were read belong to another topic, or to a log that was cut off. Then the other findings do not
   * count.
   */
  readonly isReplaced: boolean
  readonly passed: readonly Passed[]
  /** Partitions where reading has stopped although Kafka has more records. */
  readonly stalled: readonly number[]
  /** By partition: where its log starts now, because Kafka deleted records that had been read. */
  readonly trimmed: ReadonlyMap<number, number>
}

/** The findings that the writer took, and its first error. */
export interface TakenFindings extends Findings {
  readonly failure: { readonly error: unknown } | null
}

/** Kafka's answer, and what was known when it was asked. */
export interface AskedWatermarks {
  /** A moment before Kafka was asked. */
  readonly askedAt: Moment
  /** By partition: the next offset to read at that moment; null if its reading had not begun. */
  readonly asked: ReadonlyMap<number, number | null>
  readonly watermarks: ReadonlyMap<number, Watermarks>
}

export function compareLogs(
  partitions: FollowedPartitions,
  { asked, watermarks }: AskedWatermarks,
  hasTopicId: boolean,
): Findings {
  let isReplaced = false
  const passed: Passed[] = []
  const stalled: number[] = []
  const trimmed = new Map<number, number>()
  for (const [partition, marks] of watermarks) {
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

/** What a writer does about a finding. Both may throw. */
interface FindingWriter {
  trim(partition: number, start: number): void
  skip(partition: number, start: number): void
}

/** Passes each finding to the writer. If the writer throws, the next refresh finds it again. */
export function takeFindings(
  findings: Findings,
  partitions: FollowedPartitions,
  writer: FindingWriter,
): TakenFindings {
  let failure: TakenFindings['failure'] = null
  const isTaken = (partition: number, finding: LogFinding, start: number, write: () => void) => {
    try {
      write()
      partitions.get(partition)?.log?.noteTaken(finding, start)
      return true
    } catch (error) {
      failure ??= { error }
      return false
    }
  }
  for (const [partition, start] of findings.trimmed)
    isTaken(partition, 'trimmed', start, () => writer.trim(partition, start))
  const passed = findings.passed.filter(({ partition, to }) =>
    isTaken(partition, 'passed', to, () => writer.skip(partition, to)),
  )
  for (const partition of findings.stalled) isTaken(partition, 'stalled', 0, () => undefined)
  return { ...findings, passed, failure }
}
