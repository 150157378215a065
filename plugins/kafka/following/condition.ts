// Something that may be wrong for a while: one warning when it turns wrong, one line when it is right again.

export interface Log {
  debug(words: string): void
  info(words: string): void
  warn(words: string): void
}

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

  /** Tells one who comes later what is wrong. */
  tell(log: Log): void {
    if (this.trouble !== null) log.warn(this.trouble)
  }
}
