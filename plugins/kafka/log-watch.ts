// What has become of a partition's log since it was read from: Kafka's word on where it starts and ends, looked at every few
// seconds, against how far reading has come. Rules without Kafka or a clock.

import type { Watermarks } from '../../src/topic.ts'

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
export type Finding = 'replaced' | 'passed' | 'stalled' | 'trimmed' | null

/** Brokers that have just become leaders, or are behind with their metadata, contradict themselves for a moment. */
const CONTRADICTIONS_MIN = 2

export class LogWatch {
  private start: number
  /** How far reading had come at the last look: if it is still there, nothing is on its way any more. */
  private seenNext: number | null = null
  /** Whether reading has stopped: told, or feared since an error came that may have hidden something. */
  private stop: 'none' | 'feared' | 'told' = 'none'
  private isTruncated = false
  /** Looks in a row by which this is not the log that was read. */
  private contradictions = 0
  private isPassed = false

  /** `start` is where Kafka says that the log begins. */
  constructor(start: number) {
    this.start = start
  }

  /** True if the next look can wait. */
  get isSettled(): boolean {
    return this.stop === 'none' && this.contradictions === 0 && !this.isPassed
  }

  noteStop(isTruncated: boolean): void {
    this.stop = 'told'
    this.isTruncated ||= isTruncated
  }

  fearStop(): void {
    if (this.stop === 'none') this.stop = 'feared'
  }

  compare(marks: Watermarks, read: ReadSoFar): Finding {
    const isQuiet = read.next === this.seenNext
    this.seenNext = read.next
    this.contradictions = this.contradicts(marks, read) ? this.contradictions + 1 : 0
    if (this.isTruncated || this.contradictions >= CONTRADICTIONS_MIN) return 'replaced'
    if (this.contradictions > 0) return null
    this.isPassed = read.next < marks.start
    if (this.isPassed) return isQuiet ? this.pass(marks) : null
    if (marks.start > this.start) return this.trim(marks)
    return this.resume(marks, read, isQuiet)
  }

  /**
   * A log never gets shorter, except by an unclean leader election. Its start may move back, where the broker that deletes
   * is not the leader any more; without an id it is nevertheless the best sign of another topic by the same name.
   */
  private contradicts({ start, end }: Watermarks, { nextWhenAsked, hasTopicId }: ReadSoFar): boolean {
    return end < nextWhenAsked || (!hasTopicId && start < this.start)
  }

  private pass(marks: Watermarks): 'passed' {
    this.start = marks.start
    this.seenNext = marks.start
    this.stop = 'none'
    this.isPassed = false
    return 'passed'
  }

  private trim(marks: Watermarks): 'trimmed' {
    this.start = marks.start
    return 'trimmed'
  }

  private resume({ end }: Watermarks, { next }: ReadSoFar, isQuiet: boolean): 'stalled' | null {
    if (this.stop === 'feared' && (!isQuiet || next >= end)) this.stop = 'none'
    if (this.stop === 'none' || !isQuiet) return null
    this.stop = 'none'
    return 'stalled'
  }
}
