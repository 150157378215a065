// When a reader asks which partitions cannot be read. Promise: one inquiry at a time, and one in `INQUIRY_MS`; it is
// repeated for as long as a partition cannot be read.

import { errorWords } from '../../../src/errors.ts'
import type { AssignedPartition } from '../client/record-source.ts'
import type { Log } from '../troubles/condition.ts'
import type { UnreadReasons } from '../troubles/inquiry-answers.ts'
import type { FollowedTopic } from './followed-topic.ts'

export interface InquiryParts {
  readonly topics: ReadonlyMap<string, Pick<FollowedTopic, 'name' | 'feeds' | 'next' | 'unread'>>
  /** Why partitions cannot be read. */
  readonly inquire: (partitions: readonly AssignedPartition[], signal: AbortSignal) => Promise<UnreadReasons>
  readonly log: Pick<Log, 'debug'>
  /** Only differences count. */
  readonly nowMs: () => number
  /** Set when the reader is closed. */
  readonly signal: AbortSignal
}

const INQUIRY_MS = 5_000
/** Partitions that one inquiry is about. Of more, the next one asks those that follow. */
const ASKED_MAX = 1_000

export class Inquiries {
  private readonly parts: InquiryParts
  private open: Promise<void> | null = null
  private askedAtMs = Number.NEGATIVE_INFINITY
  /** Of all partitions in their order: at which the next inquiry begins. */
  private from = 0

  constructor(parts: InquiryParts) {
    this.parts = parts
  }

  /** A read had the error of a partition. */
  ask(): void {
    const nowMs = this.parts.nowMs()
    if (this.open !== null || nowMs - this.askedAtMs < INQUIRY_MS) return
    this.askedAtMs = nowMs
    this.open = this.inquire().finally(() => {
      this.open = null
    })
  }

  /** Asks if a partition could not be read. */
  askAgain(): void {
    if ([...this.parts.topics.values()].some(({ unread }) => !unread.isEmpty)) this.ask()
  }

  /** Resolves soon after the signal, when no inquiry is open. */
  async close(): Promise<void> {
    await this.open
  }

  private async inquire(): Promise<void> {
    const { topics, inquire, log, signal } = this.parts
    try {
      const reasons = await inquire(this.places(), signal)
      if (signal.aborted) return
      for (const [name, found] of reasons) topics.get(name)?.unread.note(found)
    } catch (error) {
      if (!signal.aborted)
        log.debug(`which partitions cannot be read was not found out: ${errorWords(error)}`)
    }
  }

  /** Where each partition is read on. */
  private places(): AssignedPartition[] {
    const all = [...this.parts.topics.values()].flatMap((topic) => {
      const [feed] = topic.feeds
      return (feed?.known() ?? []).map((partition) => ({ topic, partition }))
    })
    const from = this.from % Math.max(1, all.length)
    const asked = [...all.slice(from), ...all.slice(0, from)].slice(0, ASKED_MAX)
    this.from = from + asked.length
    return asked.map(({ topic, partition }) => {
      return { topic: topic.name, partition, offset: topic.next(partition) }
    })
  }
}
