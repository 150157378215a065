// What has become of a partition's log since it was read from: Kafka's word on where it starts and ends, looked at every few
// seconds, against how far reading has come. Rules without Kafka or a clock.

import type { Watermarks } from '../../../src/bus/record.ts'

/** How far a partition has been read, and what is known of its topic. */
export interface ReadSoFar {
  readonly next: number
  /** The same when Kafka was asked: records that it told of since may be in already. */
  readonly nextWhenAsked: number
  /** Kafka tells the topic's id, and it has not changed. */
  readonly hasTopicId: boolean
}

/**
 * `replaced`: what was read is of another log than what is there now. `passed`: what was to be read next was deleted; reading
 * goes on at the log's start. `stalled`: reading has stopped, and goes on where it was. `trimmed`: what was read was deleted.
 */
export type LogFinding = 'replaced' | 'passed' | 'stalled' | 'trimmed'

const NOTHING: readonly LogFinding[] = []
/** Brokers that have just become leaders, or are behind with their metadata, contradict themselves for a moment. */
const CONTRADICTIONS_MIN = 2

export class LogWatch {
  private start: number
  /** How far reading had come at the last refresh: if it is still there, nothing is on its way any more. */
  private seenNext: number | null = null
  /** Whether reading has stopped: told, or feared since an error came that may have hidden something, and nothing was read since. */
  private stop: 'none' | 'feared' | 'told' = 'none'
  /** Kafka may hold more than was read: only then does it show whether a stop that is feared is one. */
  private isOwed = true
  private isTruncated = false
  /** Refreshes in a row by which this is not the log that was read. */
  private contradictions = 0
  private isPassed = false

  /** `start` is where Kafka says that the log begins. */
  constructor(start: number) {
    this.start = start
  }

  /** True if the next refresh can wait. */
  get isSettled(): boolean {
    const hasStopped = this.stop === 'told' || (this.stop === 'feared' && this.isOwed)
    return !hasStopped && this.contradictions === 0 && !this.isPassed
  }

  noteStop(isTruncated: boolean): void {
    this.stop = 'told'
    this.isTruncated ||= isTruncated
  }

  fearStop(): void {
    if (this.stop === 'none') this.stop = 'feared'
    this.isOwed = true
  }

  /** What has become of the log: each is found again by the next refresh, unless it was taken by then. */
  compare(marks: Watermarks, read: ReadSoFar): readonly LogFinding[] {
    const isQuiet = read.next === this.seenNext
    this.seenNext = read.next
    this.isOwed = read.next < marks.end
    this.contradictions = this.contradicts(marks, read) ? this.contradictions + 1 : 0
    if (this.isTruncated || this.contradictions >= CONTRADICTIONS_MIN) return ['replaced']
    if (this.contradictions > 0) return NOTHING
    this.isPassed = read.next < marks.start
    if (this.isPassed) return isQuiet ? ['passed'] : NOTHING
    const isStalled = this.hasStalled(isQuiet)
    if (marks.start <= this.start) return isStalled ? ['stalled'] : NOTHING
    return isStalled ? ['trimmed', 'stalled'] : ['trimmed']
  }

  /** What was found is done; `start` is where Kafka told then that the log begins. */
  noteTaken(finding: LogFinding, start: number): void {
    if (finding !== 'stalled') this.start = start
    if (finding !== 'trimmed') this.stop = 'none'
    if (finding !== 'passed') return
    this.seenNext = start
    this.isPassed = false
  }

  /**
   * A log never gets shorter, except by an unclean leader election. Its start may move back, where the broker that deletes
   * is not the leader any more; without an id it is nevertheless the best sign of another topic by the same name.
   */
  private contradicts({ start, end }: Watermarks, { nextWhenAsked, hasTopicId }: ReadSoFar): boolean {
    return end < nextWhenAsked || (!hasTopicId && start < this.start)
  }

  /** One that is told has stopped for certain; one that is feared if it is read no further although there is more. */
  private hasStalled(isQuiet: boolean): boolean {
    if (this.stop === 'feared' && !isQuiet) this.stop = 'none'
    return isQuiet && (this.stop === 'told' || (this.stop === 'feared' && this.isOwed))
  }
}
