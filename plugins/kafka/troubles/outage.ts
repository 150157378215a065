// Whether a Kafka is reachable, for all readers of it in this process. Promise: an outage is one warning, however many
// readers meet it, with the names of those; its end is one line.

import { Condition, type Log } from './condition.ts'
import { LogFanOut } from './log-fan-out.ts'

/** What a reader is, in the log. */
export type ReaderName = 'streams' | 'the control topic'

export class Outage {
  private readonly log = new LogFanOut()
  private readonly bootstrapServers: string
  private readonly tokens = new Condition(this.log, 'tokens for Kafka are made again')
  private readonly names = new Map<object, ReaderName>()
  /** The words of the readers that Kafka does not answer now, and how often each has met that. */
  private readonly met = new Map<object, { words: string; times: number }>()
  /** What was logged; null if Kafka is reachable. */
  private told: string | null = null
  /** There was an outage before, so that Kafka may still come and go. */
  private isAgain = false

  constructor(bootstrapServers: string) {
    this.bootstrapServers = bootstrapServers
  }

  enter(reader: object, name: ReaderName): void {
    this.names.set(reader, name)
  }

  /** The reader is closed. */
  leave(reader: object): void {
    this.names.delete(reader)
    this.end(reader)
  }

  /** From now on `log` gets the lines. */
  join(log: Log): void {
    if (!this.log.add(log)) return
    if (this.told !== null) log.warn(this.told)
    this.tokens.tell(log)
  }

  /** Why there is no new token for the brokers; null if there is. */
  get tokenTrouble(): string | null {
    return this.tokens.trouble
  }

  /** Once, although each client of each reader has its token of the same function. */
  noteTokens(words: string | null): void {
    if (words === null) this.tokens.clear()
    else this.tokens.set(`no new token for Kafka: ${words}`)
  }

  part(log: Log): void {
    this.log.remove(log)
  }

  /**
   * A reader gets no answer. If another may be about to meet the same, or Kafka has just come back, nothing is told
   * before this reader has met it twice.
   */
  begin(reader: object, words: string): void {
    const met = this.met.get(reader) ?? { words, times: 0 }
    this.met.set(reader, met)
    met.times++
    met.words = words
    const isMetByAll = [...this.names.keys()].every((each) => this.met.has(each))
    if (this.told !== null || ((this.isAgain || !isMetByAll) && met.times === 1)) return
    this.isAgain = true
    this.told = this.withNames(words)
    this.log.warn(this.told)
  }

  /** It is over when every reader has an answer. */
  end(reader: object): void {
    this.met.delete(reader)
    if (this.told === null || this.met.size > 0) return
    this.told = null
    this.log.info(`Kafka answers: ${this.bootstrapServers}`)
  }

  /** The words alone where there is one reader, so that it is clear what is meant. */
  private withNames(words: string): string {
    if (this.names.size < 2) return words
    const met = [...this.names].filter(([reader]) => this.met.has(reader))
    const names = new Set(met.map(([, name]) => name))
    return `${words} (${[...names].join(' and ')})`
  }
}
