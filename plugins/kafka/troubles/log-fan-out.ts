// Logs each line once to every logger of the registrations that it concerns.

import type { Log } from './condition.ts'

export class LogFanOut implements Log {
  /** How often each logger was added. */
  private readonly counts = new Map<Log, number>()

  /** True if the logger is new here. A logger that is added twice is removed twice. */
  add(log: Log): boolean {
    const count = this.counts.get(log) ?? 0
    this.counts.set(log, count + 1)
    return count === 0
  }

  remove(log: Log): void {
    const count = this.counts.get(log) ?? 0
    if (count > 1) this.counts.set(log, count - 1)
    else this.counts.delete(log)
  }

  debug(words: string): void {
    for (const log of this.counts.keys()) log.debug(words)
  }

  info(words: string): void {
    for (const log of this.counts.keys()) log.info(words)
  }

  warn(words: string): void {
    for (const log of this.counts.keys()) log.warn(words)
  }
}
