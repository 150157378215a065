// Something that may be wrong for a while: one warning when it turns wrong, one line when it is right again.

import type { FastifyBaseLogger } from 'fastify'

export type Log = Pick<FastifyBaseLogger, 'debug' | 'info' | 'warn'>

export class Condition {
  /** What is wrong, in words for an operator; null if nothing is. */
  trouble: string | null = null
  private readonly log: Log
  private readonly recovered: string

  constructor(log: Log, recovered: string) {
    this.log = log
    this.recovered = recovered
  }

  /** While it lasts the words may change; they are logged the first time only. */
  set(trouble: string): void {
    if (this.trouble === null) this.log.warn(trouble)
    this.trouble = trouble
  }

  clear(): void {
    if (this.trouble !== null) this.log.info(this.recovered)
    this.trouble = null
  }
}
