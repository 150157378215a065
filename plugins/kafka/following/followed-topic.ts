// One topic that a reader follows, for however many buses. Every refresh begins what is new of it, and finds out what has become of
// the rest: records deleted, leaders gone, the topic made anew. Streams stay open over all of it; a line and the readiness tell.

import type { Missed, Moment } from '../../../src/bus/holes.ts'
import type { Watermarks } from '../../../src/bus/record.ts'
import { wordsOf } from '../client/kafka-error.ts'
import type { ListedPartition } from '../client/questions.ts'
import type { AskedWatermarks } from './comparison.ts'
import { Condition, type Log } from './condition.ts'
import { isLost } from './followed-partition.ts'
import { LogFanOut } from './log-fan-out.ts'
import type { LedPartition } from './refusals.ts'
import { type RecordWriter, TopicFeed } from './topic-feed.ts'
import type { TwoConsumers } from './two-consumers.ts'

export interface TopicParts {
  readonly name: string
  readonly source: Pick<TwoConsumers, 'follow' | 'arrive' | 'goOn' | 'leave'>
  /** Feeds that have something to publish, or partitions that have come to their end. */
  readonly changed: Set<TopicFeed>
  /** Something was begun that the next refresh must not wait long for. */
  readonly onChanged: () => void
}

/** A bus that is fed, and the logger of those whose it is. */
interface Fed {
  readonly feed: TopicFeed
  readonly log: Log
  /** How far each partition was read when its leader was asked; null: it was not, in this refresh. */
  asked: ReadonlyMap<number, number | null> | null
}

/** Refreshes in a row in which a leader is missing, after which it is told: a move of a moment is not worth a word. */
const SILENT_REFRESHES_MIN = 3

export class FollowedTopic {
  readonly name: string
  private readonly parts: TopicParts
  private readonly logs = new LogFanOut()
  private readonly existence: Condition
  private readonly leaders: Condition
  private readonly reading: Condition
  private readonly fed = new Map<TopicFeed, Fed>()
  /** Partitions that were told of in this refresh. */
  private answered = new Set<number>()
  private leaderOf = new Map<number, number | null>()
  /** Partitions for which no leader answers, and since when: also a bus that comes later need not wait for them for longer. */
  private silentSinceMs = new Map<number, number>()
  private topicId: string | null = null
  private silentRefreshes = 0

  constructor(parts: TopicParts) {
    const { name } = parts
    this.name = name
    this.parts = parts
    this.existence = new Condition(this.logs, `topic ${name} is there`)
    this.leaders = new Condition(this.logs, `topic ${name}: every partition has a leader that answers`)
    this.reading = new Condition(this.logs, `topic ${name}: what Kafka told of it is taken`)
  }

  /** Feeds one more bus from its beginning; the others go on. */
  add(writer: RecordWriter, log: Log): TopicFeed {
    const feed = new TopicFeed(this.name, writer, this.parts.changed)
    if (this.topicId !== null) feed.noteTopicId(this.topicId)
    this.fed.set(feed, { feed, log, asked: null })
    if (this.logs.add(log)) this.tell(log)
    return feed
  }

  /** The bus gets nothing more; false once there is none left. */
  remove(feed: TopicFeed): boolean {
    const fed = this.fed.get(feed)
    if (fed !== undefined) {
      this.leave(feed)
      this.fed.delete(feed)
      this.parts.changed.delete(feed)
      this.logs.remove(fed.log)
    }
    return this.fed.size > 0
  }

  get feeds(): IterableIterator<TopicFeed> {
    return this.fed.keys()
  }

  /** What is wrong for this bus, in words; null if nothing is. */
  troubleOf(feed: TopicFeed): string | null {
    const { existence, leaders, reading } = this
    return existence.trouble ?? leaders.trouble ?? reading.trouble ?? feed.progress()
  }

  /** Whether a partition's leader was silent for so long that nobody waits for its answer: the refreshes go on asking it. */
  isLost(partition: number, nowMs: number): boolean {
    return isLost(this.silentSinceMs.get(partition) ?? null, nowMs)
  }

  /** Begins a refresh: takes what Kafka lists. */
  list(listed: readonly ListedPartition[]): void {
    this.answered.clear()
    this.leaderOf = new Map(listed.map(({ partition, leader }) => [partition, leader]))
    for (const fed of this.fed.values()) fed.asked = null
    if (listed.length === 0) {
      this.existence.set(`topic ${this.name} does not exist, or may not be seen`)
      return
    }
    this.existence.clear()
    for (const fed of this.fed.values()) {
      fed.feed.list(listed)
      fed.asked = fed.feed.askable()
    }
  }

  /** Whether there is something to begin with. */
  get hasUnread(): boolean {
    for (const { feed, asked } of this.fed.values()) if (asked !== null && feed.hasUnread) return true
    return false
  }

  /** Partitions whose leaders are to be asked. */
  askable(): LedPartition[] {
    const asked: LedPartition[] = []
    for (const [partition, leader] of this.leaderOf) {
      if (leader !== null) asked.push({ topic: this.name, partition, leader })
    }
    return asked
  }

  /** Takes what one leader, asked after that moment, tells of some partitions. What goes wrong with it is this topic's trouble alone, and no other bus's. */
  take(told: ReadonlyMap<number, Watermarks>, askedAt: Moment): void {
    for (const partition of told.keys()) this.answered.add(partition)
    if (this.forEachFed((fed) => this.takeFor(fed, told, askedAt))) this.reading.clear()
  }

  /** Ends a refresh whose leaders were asked at that time; true if nothing is missing, and the next one can wait. */
  endRefresh(askedAtMs: number, nowMs: number): boolean {
    if (this.existence.trouble !== null) return false
    this.noteSilence(askedAtMs)
    let isSettled = this.reading.trouble === null
    for (const { feed, asked } of this.fed.values()) {
      if (asked !== null) feed.noteSilence(this.silentSinceMs)
      this.showCatchUp(feed, nowMs)
      isSettled &&= feed.isSettled
    }
    this.tellSilence()
    return isSettled && this.silentRefreshes === 0
  }

  /** The topic has this id as of now. If that is another one, what was read is forgotten at once. */
  noteTopicId(id: string): void {
    this.topicId = id
    let isAnother = false
    for (const feed of this.feeds) isAnother = feed.noteTopicId(id) || isAnother
    if (isAnother) this.recreate()
  }

  /** Shows what was read, and lets go on live what has come to its end; false if nothing was. */
  show(feed: TopicFeed, nowMs: number): boolean {
    const { missed } = feed
    if (missed !== null) {
      this.startOver(feed, missed)
      return true
    }
    for (const partition of feed.takeArrived()) {
      this.parts.source.arrive(this.name, partition, feed.next(partition), feed)
    }
    const isNew = feed.publish()
    if (feed.isWhole) this.showCatchUp(feed, nowMs)
    return isNew
  }

  /** Lets buses begin that have waited for long enough for partitions of which no leader answers. */
  showCatchUps(nowMs: number): void {
    for (const feed of this.feeds) if (!feed.caughtUp) this.showCatchUp(feed, nowMs)
  }

  private showCatchUp(feed: TopicFeed, nowMs: number): void {
    if (feed.catchUp(nowMs)) this.fed.get(feed)?.log.info(`topic ${this.name} is read up to date`)
  }

  private tell(log: Log): void {
    for (const condition of [this.existence, this.leaders, this.reading]) condition.tell(log)
  }

  private noteSilence(askedAtMs: number): void {
    const before = this.silentSinceMs
    this.silentSinceMs = new Map()
    for (const partition of this.leaderOf.keys()) {
      if (!this.answered.has(partition)) this.silentSinceMs.set(partition, before.get(partition) ?? askedAtMs)
    }
  }

  private tellSilence(): void {
    const silent = [...this.silentSinceMs.keys()]
    this.silentRefreshes = silent.length === 0 ? 0 : this.silentRefreshes + 1
    if (silent.length === 0) this.leaders.clear()
    else if (this.silentRefreshes >= SILENT_REFRESHES_MIN) {
      const isLed = (partition: number) => (this.leaderOf.get(partition) ?? null) !== null
      const leaderless = silent.filter((partition) => !isLed(partition))
      this.leaders.set(`topic ${this.name}: ${wordsOfSilent(leaderless, silent.filter(isLed))}`)
    }
  }

  /** False if something is left for the next refresh to find again. */
  private takeFor(
    { feed, log, asked }: Fed,
    told: ReadonlyMap<number, Watermarks>,
    askedAt: Moment,
  ): boolean {
    // A bus that came during the refresh; the next one asks for it.
    if (asked === null) return true
    const { isReplaced, passed, stalled, failure } = feed.compare({ asked, told, askedAt })
    if (isReplaced) return this.recreate()
    for (const { partition, from, to } of passed)
      log.warn(
        `topic ${this.name}: records ${from} to ${to - 1} of partition ${partition} were deleted before they were read`,
      )
    for (const { partition } of passed) this.readOn(feed, partition)
    for (const partition of stalled) this.readOn(feed, partition)
    this.begin(feed, { asked, told, askedAt })
    if (failure !== null) throw failure.error
    return true
  }

  /** Does it for every bus, whatever goes wrong with others; false if something did, which is told, or if one says so. */
  private forEachFed(act: (fed: Fed) => boolean): boolean {
    let isDone = true
    for (const fed of this.fed.values()) {
      try {
        isDone = act(fed) && isDone
      } catch (error) {
        isDone = false
        this.reading.set(`topic ${this.name}: ${wordsOf(error)}`)
      }
    }
    return isDone
  }

  private begin(feed: TopicFeed, { asked, told, askedAt }: AskedWatermarks): void {
    const unread = new Map([...told].filter(([partition]) => asked.get(partition) === null))
    if (unread.size === 0) return
    const starts = feed.startsOf(unread)
    for (const [partition, marks] of unread) {
      feed.begin(partition, starts.get(partition) ?? marks.start, marks, askedAt)
      this.readOn(feed, partition)
    }
  }

  /** Has the partition read from where the bus is: live if that is its end. */
  private readOn(feed: TopicFeed, partition: number): void {
    const { source } = this.parts
    const next = feed.next(partition)
    if (feed.isAtEnd(partition)) {
      source.goOn(this.name, partition, next, feed)
    } else {
      feed.setOnItsWay(partition)
      source.follow(this.name, partition, next, feed)
    }
  }

  /** What this bus has of before it may keep for ever, so it reads all of the topic again; others may have been quicker. */
  private startOver(feed: TopicFeed, { partition, to }: Missed): void {
    const words = `deletes below ${to} of partition ${partition} may have been missed: Kafka was not read for longer than it keeps them`
    const fed = this.fed.get(feed)
    if (fed === undefined) return
    fed.log.warn(`topic ${this.name}: ${words}. The topic is read again`)
    this.leave(feed)
    fed.asked = null
    feed.startOver()
    this.parts.onChanged()
  }

  /** False if a bus did not take it: the next refresh finds it again. */
  private recreate(): boolean {
    const words = 'it is another topic by the same name now, or its log was cut off'
    this.logs.warn(`topic ${this.name}: ${words}: it is read from its beginning`)
    const isDone = this.forEachFed((fed) => {
      this.leave(fed.feed)
      fed.asked = null
      fed.feed.recreate()
      return true
    })
    this.silentSinceMs.clear()
    this.parts.onChanged()
    return isDone
  }

  private leave(feed: TopicFeed): void {
    for (const partition of feed.known()) this.parts.source.leave(this.name, partition, feed)
  }
}

function wordsOfSilent(leaderless: readonly number[], silent: readonly number[]): string {
  const words = []
  if (leaderless.length > 0) words.push(`no leader for ${listOf(leaderless)}`)
  if (silent.length > 0) words.push(`no answer from the leader of ${listOf(silent)}`)
  return words.join(', ')
}

/** "partition 3", "partitions 1, 2". More than ten are counted. */
function listOf(partitions: readonly number[]): string {
  const sorted = [...partitions].sort((a, b) => a - b)
  if (sorted.length === 1) return `partition ${sorted[0]}`
  return sorted.length > 10 ? `${sorted.length} partitions` : `partitions ${sorted.join(', ')}`
}
