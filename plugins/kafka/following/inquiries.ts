// When a reader asks which partitions cannot be read. Promise: one inquiry at a time, and one in `INQUIRY_MS`; it is
// repeated for as long as a partition cannot be read, and until each was asked after a read had an error. An error that
// none of them shows is told. One begins without an error, too, if records of a partition do not come.

import { FROM_BEGINNING } from '../../../src/bus/position.ts'
import { errorWords } from '../../../src/errors.ts'
import type { AssignedPartition } from '../client/record-source.ts'
import type { Log } from '../troubles/condition.ts'
import type { UnreadReasons } from '../troubles/inquiry-answers.ts'
import { StuckPartitions } from '../troubles/stuck-partitions.ts'
import type { FollowedTopic } from './followed-topic.ts'

type AskedTopic = Pick<FollowedTopic, 'name' | 'feeds' | 'next' | 'unread'>

export interface InquiryParts {
  readonly topics: ReadonlyMap<string, AskedTopic>
  /** Why partitions cannot be read. */
  readonly inquire: (partitions: readonly AssignedPartition[], signal: AbortSignal) => Promise<UnreadReasons>
  readonly log: Pick<Log, 'debug' | 'info'>
  /** Only differences count. */
  readonly nowMs: () => number
  /** Set when the reader is closed. */
  readonly signal: AbortSignal
}

interface Place {
  readonly topic: AskedTopic
  readonly partition: number
}

const INQUIRY_MS = 5_000
/** Partitions that one inquiry is about. Of more, the next one asks those that follow. */
const ASKED_MAX = 1_000
/** Among these are as many that cannot be read, so that they are found readable soon. */
const UNREAD_ASKED_MAX = 500
/** How often it is asked why records do not come, if nothing was found. */
const STUCK_ASKED_MS = 60_000
/** One line in this time tells an error that no partition shows. */
const TOLD_MS = 60_000

export class Inquiries {
  private readonly parts: InquiryParts
  private open: Promise<void> | null = null
  private askedAtMs = Number.NEGATIVE_INFINITY
  /** At which of all partitions the next inquiry begins: among those that cannot be read, and among the others. */
  private unreadFrom = 0
  private from = 0
  /** The error of a read that no partition has shown yet; null without one. */
  private failure: string | null = null
  /** How many partitions may show it: those that were not asked since. */
  private suspects = 0
  private toldAtMs = Number.NEGATIVE_INFINITY
  private readonly stuck = new StuckPartitions()

  constructor(parts: InquiryParts) {
    this.parts = parts
  }

  /** A read had the error of a partition. */
  ask(error: unknown): void {
    this.failure = errorWords(error)
    this.suspects = Number.POSITIVE_INFINITY
    this.begin()
  }

  /** Asks if a partition could not be read, is still to be found, or has records that do not come. */
  askAgain(): void {
    const nowMs = this.parts.nowMs()
    const isStuck = this.stuck.note(this.behind(), nowMs) && nowMs - this.askedAtMs >= STUCK_ASKED_MS
    if (isStuck || this.failure !== null || this.hasUnread) this.begin()
  }

  /** Resolves soon after the signal, when no inquiry is open. */
  async close(): Promise<void> {
    await this.open
  }

  private get hasUnread(): boolean {
    return [...this.parts.topics.values()].some(({ unread }) => !unread.isEmpty)
  }

  /** Partitions that have more records, by the ends that Kafka told last. */
  private *behind(): Generator<AssignedPartition> {
    for (const { name, feeds } of this.parts.topics.values()) {
      const [feed] = feeds
      for (const partition of feed?.known() ?? []) {
        const offset = feed?.next(partition) ?? FROM_BEGINNING
        if (offset >= 0 && !feed?.isAtEnd(partition)) yield { topic: name, partition, offset }
      }
    }
  }

  private begin(): void {
    const nowMs = this.parts.nowMs()
    if (this.open !== null || nowMs - this.askedAtMs < INQUIRY_MS) return
    this.askedAtMs = nowMs
    this.open = this.inquire().finally(() => {
      this.open = null
    })
  }

  private async inquire(): Promise<void> {
    const { topics, inquire, log, signal } = this.parts
    const { failure } = this
    this.failure = null
    const all = this.all()
    const suspects = Math.min(this.suspects, all.length)
    const asked = this.places(all)
    try {
      const reasons = await inquire(asked, signal)
      if (signal.aborted) return
      for (const [name, found] of reasons) topics.get(name)?.unread.note(this.current(name, found, asked))
      if (failure !== null) this.goOnAbout(failure, suspects - asked.length)
    } catch (error) {
      if (signal.aborted) return
      log.debug(`which partitions cannot be read was not found out: ${errorWords(error)}`)
      if (failure !== null) this.goOnAbout(failure, Math.max(1, suspects))
    }
  }

  /** A partition that was read on since it was asked about can be read, so a reason of before is out of date. */
  private current(
    name: string,
    found: ReadonlyMap<number, string | null>,
    asked: readonly AssignedPartition[],
  ): ReadonlyMap<number, string | null> {
    const current = new Map(found)
    for (const { topic, partition, offset } of asked) {
      if (topic !== name || offset < 0 || !found.has(partition)) continue
      if ((this.parts.topics.get(name)?.next(partition) ?? offset) > offset) current.set(partition, null)
    }
    return current
  }

  /** `suspects`: partitions that were not asked yet. */
  private goOnAbout(failure: string, suspects: number): void {
    if (suspects <= 0) {
      if (!this.hasUnread) this.tell(failure)
      return
    }
    // A read may have had another error meanwhile, for which all are asked again.
    if (this.failure !== null) return
    this.failure = failure
    this.suspects = suspects
  }

  private tell(failure: string): void {
    const { log, nowMs } = this.parts
    const words = `a read has failed, and no partition was found that cannot be read: ${failure}`
    if (nowMs() - this.toldAtMs < TOLD_MS) {
      log.debug(words)
      return
    }
    this.toldAtMs = nowMs()
    log.info(words)
  }

  private all(): readonly Place[] {
    return [...this.parts.topics.values()].flatMap((topic) => {
      const [feed] = topic.feeds
      return (feed?.known() ?? []).map((partition) => ({ topic, partition }))
    })
  }

  /** Where each partition is read on that is asked now. */
  private places(all: readonly Place[]): AssignedPartition[] {
    const isUnread = ({ topic, partition }: Place) => topic.unread.has(partition)
    const unread = following(all, this.unreadFrom, UNREAD_ASKED_MAX, isUnread)
    this.unreadFrom = unread.next
    const room = ASKED_MAX - unread.places.length
    const others = following(all, this.from, room, (place) => !isUnread(place))
    this.from = others.next
    return [...unread.places, ...others.places].map(({ topic, partition }) => {
      return { topic: topic.name, partition, offset: topic.next(partition) }
    })
  }
}

/** At most `max` that are wanted, from one on and round to it again; and at which the next ones begin. */
function following(
  all: readonly Place[],
  from: number,
  max: number,
  isWanted: (place: Place) => boolean,
): { places: readonly Place[]; next: number } {
  const places: Place[] = []
  const first = from % Math.max(1, all.length)
  let passed = 0
  while (passed < all.length && places.length < max) {
    const place = all[(first + passed++) % all.length]
    if (place !== undefined && isWanted(place)) places.push(place)
  }
  return { places, next: first + passed }
}
