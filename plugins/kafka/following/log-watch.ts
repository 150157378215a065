// Decides what happened to a partition's log. Compares the start and end that Kafka reports every few seconds with how
// far reading has come. Pure rules, without Kafka or a clock.

import type { Watermarks } from '../../../src/bus/record.ts'

/** How far a partition has been read, and what is known of its topic. */
export interface ReadSoFar {
  readonly next: number
  /** `next` when Kafka was asked. Records may have been read since. */
  readonly nextWhenAsked: number
  /** The topic's id is known, and has not changed. */
  readonly hasTopicId: boolean
}

/**
 * `replaced`: what was read belongs to another log. `passed`: the next records were deleted, and reading goes on at the
 * log's start. `stalled`: reading has stopped, and goes on where it was. `trimmed`: records that were read are deleted.
 */
export type LogFinding = 'replaced' | 'passed' | 'stalled' | 'trimmed'

const NOTHING: readonly LogFinding[] = []
/**
 * Refreshes in a row that must contradict what was read. A new leader, or a broker with old metadata, may be wrong for
 * a moment.
 */
const CONTRADICTIONS_MIN = 2

export class LogWatch {
  private start: number
  /** The next offset at the last refresh. If it has not moved since, no fetched record is on its way. */
  private seenNext: number | null = null
  /** Whether reading has stopped. `suspected`: a failed read may have hidden the news, and nothing was read since. */
  private stop: 'none' | 'suspected' | 'reported' = 'none'
  /** Kafka may hold more than was read. Only then can a suspected stop be distinguished from an idle partition. */
  private mayHaveMore = true
  private isTruncated = false
  /** Refreshes in a row that contradict what was read. */
  private contradictions = 0
  private isPassed = false

  /** `start` is where Kafka says that the log begins. */
  constructor(start: number) {
    this.start = start
  }

  /** True if the next refresh can wait. */
  get isSettled(): boolean {
    const hasStopped = this.stop === 'reported' || (this.stop === 'suspected' && this.mayHaveMore)
    return !hasStopped && this.contradictions === 0 && !this.isPassed
  }

  noteStop(isTruncated: boolean): void {
    this.stop = 'reported'
    this.isTruncated ||= isTruncated
  }

  suspectStop(): void {
    if (this.stop === 'none') this.stop = 'suspected'
    this.mayHaveMore = true
  }

  /** Each finding comes again with the next refresh, until `noteTaken`. */
  compare(marks: Watermarks, read: ReadSoFar): readonly LogFinding[] {
    const isQuiet = read.next === this.seenNext
    this.seenNext = read.next
    this.mayHaveMore = read.next < marks.end
    this.contradictions = this.contradicts(marks, read) ? this.contradictions + 1 : 0
    if (this.isTruncated || this.contradictions >= CONTRADICTIONS_MIN) return ['replaced']
    if (this.contradictions > 0) return NOTHING
    this.isPassed = read.next < marks.start
    if (this.isPassed) return isQuiet ? ['passed'] : NOTHING
    const isStalled = this.hasStalled(isQuiet)
    if (marks.start <= this.start) return isStalled ? ['stalled'] : NOTHING
    return isStalled ? ['trimmed', 'stalled'] : ['trimmed']
  }

  /** The finding is dealt with. `start`: where the log began by the answer that led to it. */
  noteTaken(finding: LogFinding, start: number): void {
    if (finding !== 'stalled') this.start = start
    if (finding !== 'trimmed') this.stop = 'none'
    if (finding !== 'passed') return
    this.seenNext = start
    this.isPassed = false
  }

  /**
   * A log gets shorter only by an unclean leader election. Its start may move back when another broker becomes leader.
   * Without a topic id, that is still the best sign of another topic by the same name.
   */
  private contradicts({ start, end }: Watermarks, { nextWhenAsked, hasTopicId }: ReadSoFar): boolean {
    return end < nextWhenAsked || (!hasTopicId && start < this.start)
  }

  /** A reported stop is certain. A suspected one is real if nothing is read although Kafka may have more. */
  private hasStalled(isQuiet: boolean): boolean {
    if (this.stop === 'suspected' && !isQuiet) this.stop = 'none'
    return isQuiet && (this.stop === 'reported' || (this.stop === 'suspected' && this.mayHaveMore))
  }
}
