// What may be wrong between one consumer and its brokers: told once when it turns wrong, and once when it is right again.

import { codeOf, wordsOf } from '../client/kafka-error.ts'
import { failureOf } from '../client/log-line.ts'
import { Condition, type Log } from './condition.ts'

/** Codes of what a refresh tells better: each partition has one of these at the most, until it is there again. */
const TOLD_BY_REFRESH = new Set([
  3, // UNKNOWN_TOPIC_OR_PART
  -190, // ERR__UNKNOWN_PARTITION
  -140, // ERR__AUTO_OFFSET_RESET
])
/** Codes of what nothing here needs. */
const IGNORED_CODES = new Set([
  30, // GROUP_AUTHORIZATION_FAILED: librdkafka asks who coordinates the group, which has no members
])

export class Troubles {
  private readonly log: Log
  private readonly bootstrapServers: string
  private readonly reachable: Condition
  private readonly readable: Condition
  /** Why the last connection failed, as librdkafka says it; null since Kafka answered. */
  private failure: string | null = null

  constructor(log: Log, bootstrapServers: string) {
    this.log = log
    this.bootstrapServers = bootstrapServers
    this.reachable = new Condition(log, `Kafka answers: ${bootstrapServers}`)
    this.readable = new Condition(log, 'records are read again')
  }

  /** The worst of it, in words; null if nothing is wrong. */
  get worst(): string | null {
    return this.reachable.trouble ?? this.readable.trouble
  }

  /** Tells one who comes later what is wrong. */
  tell(log: Log): void {
    this.reachable.tell(log)
    this.readable.tell(log)
  }

  noteLog(line: string, isFailure: boolean): void {
    this.log.debug(line)
    if (isFailure) this.failure = failureOf(line)
  }

  noteNotStarted(error: unknown): void {
    this.reachable.set(`the Kafka client does not start: ${wordsOf(error)}`)
  }

  noteUnanswered(error: unknown): void {
    this.reachable.set(
      `Kafka is not reachable at ${this.bootstrapServers}: ${this.failure ?? wordsOf(error)}`,
    )
  }

  noteAnswered(): void {
    this.failure = null
    this.reachable.clear()
  }

  /** An error of a read. `refresh`: a refresh tells more, and reading need not pause. */
  noteUnread(error: unknown): 'pause' | 'refresh' {
    const code = codeOf(error)
    if (TOLD_BY_REFRESH.has(code)) return 'refresh'
    if (!IGNORED_CODES.has(code)) this.readable.set(`records cannot be read: ${wordsOf(error)}`)
    return 'pause'
  }

  noteRead(): void {
    this.readable.clear()
  }
}
