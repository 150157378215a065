// What is wrong now, for the log and for readiness. Promise: one warning when something goes wrong, one line when it is
// right again.

import { errorWords } from '../../../src/errors.ts'
import { codeOf, isOfGroup, readFailure } from '../client/kafka-error.ts'
import { failureOf } from '../client/log-line.ts'

export interface Log {
  debug(words: string): void
  info(words: string): void
  warn(words: string): void
}

/** The same log, but for one warning, which is logged at debug because another line tells it. */
export function quietAbout(told: string, log: Log): Log {
  return {
    debug: (words) => log.debug(words),
    info: (words) => log.info(words),
    warn: (words) => (words === told ? log.debug(words) : log.warn(words)),
  }
}

export class Condition {
  /** What is wrong, for an operator; null if nothing is. */
  trouble: string | null = null
  private readonly log: Log
  private readonly recovered: string

  constructor(log: Log, recovered: string) {
    this.log = log
    this.recovered = recovered
  }

  /** The words may change while it lasts. Only the first are logged. */
  set(trouble: string): void {
    if (this.trouble === null) this.log.warn(trouble)
    this.trouble = trouble
  }

  clear(): void {
    if (this.trouble !== null) this.log.info(this.recovered)
    this.trouble = null
  }

  /** Logs what is wrong now to a logger that was added later. */
  tell(log: Log): void {
    if (this.trouble !== null) log.warn(this.trouble)
  }
}

/**
 * Errors of a partition that a refresh explains better. A partition reports at most one of them until it is read again.
 */
const EXPLAINED_BY_REFRESH = new Set([
  3, // UNKNOWN_TOPIC_OR_PART
  -190, // ERR__UNKNOWN_PARTITION
  -140, // ERR__AUTO_OFFSET_RESET
])
/** Topics that a message names. */
const NAMED_MAX = 5

export class BrokerTroubles {
  private readonly log: Log
  private readonly bootstrapServers: string
  private readonly reachable: Condition
  private readonly readable: Condition
  /** Why the last connection failed, in librdkafka's words; null since Kafka answered. */
  private failure: string | null = null

  constructor(log: Log, bootstrapServers: string) {
    this.log = log
    this.bootstrapServers = bootstrapServers
    this.reachable = new Condition(log, `Kafka answers: ${bootstrapServers}`)
    this.readable = new Condition(log, 'records are read again')
  }

  /** The worst trouble, for an operator; null if nothing is wrong. */
  get worst(): string | null {
    return this.reachable.trouble ?? this.readable.trouble
  }

  /** Logs what is wrong now to a logger that was added later. */
  tell(log: Log): void {
    this.reachable.tell(log)
    this.readable.tell(log)
  }

  noteLog(line: string, isFailure: boolean): void {
    this.log.debug(line)
    if (isFailure) this.failure = failureOf(line)
  }

  noteNotStarted(error: unknown): void {
    this.reachable.set(`the Kafka client does not start: ${errorWords(error)}`)
  }

  noteUnanswered(error: unknown): void {
    this.reachable.set(
      `Kafka is not reachable at ${this.bootstrapServers}: ${this.failure ?? errorWords(error)}`,
    )
  }

  noteAnswered(): void {
    this.failure = null
    this.reachable.clear()
  }

  /**
   * A read of these topics failed. `refresh`: the next refresh will find the reason, and reading need not pause.
   */
  noteUnread(error: unknown, topics: readonly string[]): 'pause' | 'refresh' {
    if (EXPLAINED_BY_REFRESH.has(codeOf(error))) return 'refresh'
    if (!isOfGroup(error)) this.readable.set(`records cannot be read: ${readFailure(error, oneOf(topics))}`)
    return 'pause'
  }

  noteRead(): void {
    this.readable.clear()
  }
}

/** Why nothing is read of a topic that Kafka does not list. */
export function missingTopic(name: string): string {
  return `topic ${name} does not exist, or this principal may not Describe it`
}

/** node-rdkafka does not say which topic an error is of. */
function oneOf(topics: readonly string[]): string {
  const [only = '', ...others] = topics
  if (others.length === 0) return `topic ${only}`
  const more = topics.length > NAMED_MAX ? `, … (${topics.length})` : ''
  return `one of the topics ${topics.slice(0, NAMED_MAX).join(', ')}${more}`
}
