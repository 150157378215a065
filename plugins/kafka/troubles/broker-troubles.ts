// What is wrong with the brokers, as one reader meets it, for the log and for readiness. What is wrong with single
// partitions is in unread-partitions.ts.

import { errorWords } from '../../../src/errors.ts'
import { isExplainedByRefresh, isOfGroup, isOfPartition } from '../client/kafka-error.ts'
import { failureOf } from '../client/log-line.ts'
import { Condition, type Log } from './condition.ts'
import type { Outage } from './outage.ts'

/** Kafka delays answers by less all the time where there is a quota. More lets its questions time out. */
const THROTTLED_MS = 1_000
/** Least time between two lines about a quota. */
const THROTTLE_TOLD_MS = 60_000

export class BrokerTroubles {
  private readonly log: Log
  private readonly bootstrapServers: string
  private readonly outage: Outage
  /** Why Kafka is not reachable; null if it is. */
  private unreachable: string | null = null
  private readonly readable: Condition
  /** Why the last connection failed, in librdkafka's words; null since Kafka answered. */
  private failure: string | null = null
  /** When a quota was told last. */
  private throttleToldMs = Number.NEGATIVE_INFINITY

  constructor(log: Log, bootstrapServers: string, outage: Outage) {
    this.log = log
    this.bootstrapServers = bootstrapServers
    this.outage = outage
    this.readable = new Condition(log, 'records are read again')
  }

  /** The worst trouble that the log has, for an operator; null if nothing is wrong. */
  get worst(): string | null {
    return (this.outage.isToldOf(this) ? this.unreachable : null) ?? this.readable.trouble
  }

  /** Logs what is wrong now to a logger that was added later. */
  tell(log: Log): void {
    this.readable.tell(log)
  }

  noteLog(line: string, isFailure: boolean): void {
    this.log.debug(line)
    if (isFailure) this.failure = failureOf(line)
  }

  /** The present token stays in use. Kafka may not answer because of it, but not yet. */
  noteTokens(words: string | null): void {
    this.outage.noteTokens(words)
  }

  /**
   * Kafka does not say when a quota is kept again, so this has no line at its end. What it holds up has its own reason:
   * mostly leaders that do not answer.
   */
  noteThrottled(ms: number, nowMs: number): void {
    if (ms < THROTTLED_MS || nowMs - this.throttleToldMs < THROTTLE_TOLD_MS) return
    this.throttleToldMs = nowMs
    const seconds = Math.ceil(ms / 1000)
    this.log.warn(`Kafka answers only after ${seconds} s, because this principal is over a quota`)
  }

  noteNotStarted(error: unknown): void {
    this.setUnreachable(undefined, true, `the Kafka client does not start: ${errorWords(error)}`)
  }

  noteUnanswered(error: unknown, askedAtMs: number): void {
    const reason = this.outage.tokenTrouble ?? this.failure
    this.setUnreachable(
      askedAtMs,
      reason !== null,
      `Kafka is not reachable at ${this.bootstrapServers}: ${reason ?? errorWords(error)}`,
    )
  }

  noteAnswered(): void {
    this.failure = null
    this.unreachable = null
    this.outage.end(this)
  }

  /** What follows from the error of a read: the next refresh or an inquiry finds the reason, or nothing is read. */
  noteUnread(error: unknown): 'refresh' | 'inquire' | 'pause' {
    if (isExplainedByRefresh(error)) return 'refresh'
    if (isOfGroup(error)) return 'pause'
    if (isOfPartition(error)) return 'inquire'
    this.readable.set(`records cannot be read: ${errorWords(error)}`)
    return 'pause'
  }

  noteRead(): void {
    this.readable.clear()
  }

  private setUnreachable(askedAtMs: number | undefined, isExplained: boolean, words: string): void {
    this.unreachable = words
    this.outage.begin(this, words, askedAtMs, isExplained)
  }
}
