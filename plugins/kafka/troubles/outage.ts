// Whether a Kafka is reachable, for all readers of it in this process. Promise: an outage is one warning, however many
// readers meet it, with the names of those, and a few more if it gets other reasons; its end is one line. A broker that
// pauses for less than `PAUSE_MS` is none.

import { Condition, type Log } from './condition.ts'
import { LogFanOut } from './log-fan-out.ts'
import { ToldReasons } from './told-reasons.ts'

/** What a reader is, in the log. */
export type ReaderName = 'streams' | 'the control topic'

/** How long a reader goes without an answer before that is told: longer than a broker that collects garbage. */
const PAUSE_MS = 3_000

export class Outage {
  private readonly log = new LogFanOut()
  private readonly bootstrapServers: string
  /** Only differences count. */
  private readonly nowMs: () => number
  private readonly tokens: Condition
  private readonly names = new Map<object, ReaderName>()
  /** Since when Kafka does not answer these readers. */
  private readonly met = new Map<object, number>()
  /** What was logged last; null if Kafka is reachable. */
  private told: string | null = null
  private readonly reasons = new ToldReasons()
  private hasAnswered = false

  constructor(bootstrapServers: string, nowMs: () => number) {
    this.bootstrapServers = bootstrapServers
    this.nowMs = nowMs
    this.tokens = new Condition(this.log, 'tokens for Kafka are made again', nowMs)
  }

  enter(reader: object, name: ReaderName): void {
    this.names.set(reader, name)
  }

  /** The reader is closed. */
  leave(reader: object): void {
    this.names.delete(reader)
    this.forget(reader)
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

  /** Whether the log has it that this reader gets no answer. */
  isToldOf(reader: object): boolean {
    return this.told !== null && this.met.has(reader)
  }

  /**
   * A reader gets no answer to what it asked at `askedAtMs`. That is told at once only where Kafka has never answered,
   * no other reader may be about to meet the same, and the words have librdkafka's reason: the first one is not heard
   * (client/new-client.ts), and comes again with the next connection.
   */
  begin(reader: object, words: string, askedAtMs = this.nowMs(), isExplained = true): void {
    const nowMs = this.nowMs()
    const sinceMs = Math.min(askedAtMs, this.met.get(reader) ?? askedAtMs)
    this.met.set(reader, sinceMs)
    const isMetByAll = [...this.names.keys()].every((each) => this.met.has(each))
    const waits = this.hasAnswered || !isMetByAll || !isExplained
    if (this.told === null && waits && nowMs - sinceMs < PAUSE_MS) return
    if (!this.reasons.isNews(words, nowMs)) return
    this.told = this.withNames(words)
    this.log.warn(this.told)
  }

  /** It is over when every reader has an answer. */
  end(reader: object): void {
    this.hasAnswered = true
    this.forget(reader)
  }

  private forget(reader: object): void {
    this.met.delete(reader)
    if (this.told === null || this.met.size > 0) return
    this.told = null
    this.reasons.forget()
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
