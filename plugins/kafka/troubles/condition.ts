// Something that may be wrong with Kafka, for the log and for readiness. Promise: one warning when it goes wrong, a few
// more if it gets other reasons, one line when it is right again.

import { ToldReasons } from './told-reasons.ts'

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
  /** Only differences count. */
  private readonly nowMs: () => number
  private readonly reasons = new ToldReasons()

  constructor(log: Log, recovered: string, nowMs: () => number = () => performance.now()) {
    this.log = log
    this.recovered = recovered
    this.nowMs = nowMs
  }

  /** The words may change while it lasts. */
  set(trouble: string): void {
    if (this.reasons.isNews(trouble, this.nowMs())) this.log.warn(trouble)
    this.trouble = trouble
  }

  clear(): void {
    if (this.trouble !== null) this.log.info(this.recovered)
    this.trouble = null
    this.reasons.forget()
  }

  /** Logs what is wrong now to a logger that was added later. */
  tell(log: Log): void {
    if (this.trouble !== null) log.warn(this.trouble)
  }
}

/** Why nothing is read of a topic that Kafka does not list. */
export function missingTopic(name: string): string {
  return `topic ${name} does not exist, or this principal may not Describe it`
}

/** "partition 3", "partitions 1, 2". Of more than ten, only the number. */
export function partitionList(partitions: readonly number[]): string {
  const sorted = [...partitions].sort((a, b) => a - b)
  if (sorted.length === 1) return `partition ${sorted[0]}`
  return sorted.length > 10 ? `${sorted.length} partitions` : `partitions ${sorted.join(', ')}`
}
