// One topic that a reader follows, for any number of buses. Each refresh begins to read new partitions and finds what
// changed: records deleted, leaders gone, the topic recreated. Promise: streams stay open during all of these.

import type { Missed, Moment } from '../../../src/bus/holes.ts'
import { FROM_BEGINNING } from '../../../src/bus/position.ts'
import type { Watermarks } from '../../../src/bus/record.ts'
import { errorWords } from '../../../src/errors.ts'
import type { ListedPartition } from '../client/questions.ts'
import { Condition, type Log, missingTopic } from '../troubles/condition.ts'
import { LogFanOut } from '../troubles/log-fan-out.ts'
import { UnreadPartitions } from '../troubles/unread-partitions.ts'
import type { AskedWatermarks } from './comparison.ts'
import { LeaderWatch } from './leader-watch.ts'
import { type RecordWriter, TopicFeed } from './topic-feed.ts'
import type { TwoConsumers } from './two-consumers.ts'

export interface TopicParts {
  readonly name: string
  readonly source: Pick<TwoConsumers, 'follow' | 'goLive' | 'goLiveAgain' | 'leave'>
  /** Feeds that have something to publish or have reached the end of a partition. */
  readonly changed: Set<TopicFeed>
  /** Called when a bus is read again, so that the next refresh comes soon. */
  readonly onChanged: () => void
}

/** A bus, and the logger of its registration. */
interface Fed {
  readonly feed: TopicFeed
  readonly log: Log
  /** How far each partition was read when its leader was asked; null if this refresh asks nothing for the bus. */
  asked: ReadonlyMap<number, number | null> | null
}

export class FollowedTopic {
  readonly name: string
  private readonly parts: TopicParts
  private readonly logs = new LogFanOut()
  private readonly existence: Condition
  readonly leaders: LeaderWatch
  private readonly reading: Condition
  /** Partitions that cannot be read. */
  readonly unread: UnreadPartitions
  private readonly fed = new Map<TopicFeed, Fed>()
  private topicId: string | null = null

  constructor(parts: TopicParts) {
    const { name } = parts
    this.name = name
    this.parts = parts
    this.existence = new Condition(this.logs, `topic ${name} exists`)
    this.leaders = new LeaderWatch(name, this.logs)
    this.unread = new UnreadPartitions(name, this.logs, (partition) => this.next(partition))
    this.reading = new Condition(this.logs, `topic ${name}: Kafka's answers are processed again`)
  }

  /** Feeds one more bus from the topic's beginning; the others go on. */
  add(writer: RecordWriter, log: Log): TopicFeed {
    const feed = new TopicFeed(this.name, writer, this.parts.changed)
    if (this.topicId !== null) feed.noteTopicId(this.topicId)
    this.fed.set(feed, { feed, log, asked: null })
    if (this.logs.add(log)) for (const condition of this.conditions) condition.tell(log)
    return feed
  }

  /** Stops feeding a bus; false once none is left. */
  remove(feed: TopicFeed): boolean {
    const log = this.fed.get(feed)?.log
    if (log !== undefined) this.logs.remove(log)
    this.leave(feed)
    this.fed.delete(feed)
    this.parts.changed.delete(feed)
    return this.fed.size > 0
  }

  get feeds(): IterableIterator<TopicFeed> {
    return this.fed.keys()
  }

  /** Why this bus is not ready, for an operator; null if it is. */
  troubleOf(feed: TopicFeed): string | null {
    return this.conditions.find(({ trouble }) => trouble !== null)?.trouble ?? feed.progress()
  }

  /** The worst comes first. */
  private get conditions(): readonly Condition[] {
    return [this.existence, this.leaders.condition, this.unread.condition, this.reading]
  }

  /** How far any bus has the partition. */
  next(partition: number): number {
    return Math.max(...[...this.feeds].map((feed) => feed.next(partition)), FROM_BEGINNING)
  }

  /** Begins a refresh with the partitions that Kafka lists. */
  list(listed: readonly ListedPartition[]): void {
    this.leaders.list(listed)
    const isListed = listed.length > 0
    if (isListed) this.existence.clear()
    else this.existence.set(missingTopic(this.name))
    for (const fed of this.fed.values()) {
      if (isListed) fed.feed.list(listed)
      fed.asked = isListed ? fed.feed.askable() : null
    }
  }

  /** Whether there is a partition whose reading has not begun. */
  get hasUnread(): boolean {
    return [...this.fed.values()].some(({ feed, asked }) => asked !== null && feed.hasUnread)
  }

  /** Takes one leader's answer, which was asked for after `askedAt`. An error here affects this topic alone. */
  take(watermarks: ReadonlyMap<number, Watermarks>, askedAt: Moment): void {
    this.leaders.noteAnswered(watermarks.keys())
    if (this.forEachFed((fed) => this.takeFor(fed, watermarks, askedAt))) this.reading.clear()
  }

  /** Ends a refresh that asked the leaders at `askedAtMs`. True if the next refresh can wait. */
  endRefresh(askedAtMs: number, nowMs: number): boolean {
    if (this.existence.trouble !== null) return false
    const silentSinceMs = this.leaders.endRefresh(askedAtMs)
    let isSettled = this.reading.trouble === null
    for (const { feed, asked } of this.fed.values()) {
      if (asked !== null) feed.noteSilence(silentSinceMs)
      this.showCatchUp(feed, nowMs)
      isSettled &&= feed.isSettled
    }
    return isSettled && this.leaders.isSettled
  }

  /** If the topic's id has changed, forgets at once what was read. */
  noteTopicId(id: string): void {
    this.topicId = id
    if ([...this.feeds].filter((feed) => feed.noteTopicId(id)).length > 0) this.recreate()
  }

  /** Publishes what was read; false if that is nothing. Partitions that have reached their end go on live. */
  show(feed: TopicFeed, nowMs: number): boolean {
    const { missed } = feed
    if (missed !== null) {
      this.startOver(feed, missed)
      return true
    }
    for (const partition of feed.takeReadyForLive()) {
      this.parts.source.goLive(this.name, partition, feed.next(partition), feed)
    }
    const isNew = feed.publish()
    this.unread.noteProgress()
    if (feed.isWhole) this.showCatchUp(feed, nowMs)
    return isNew
  }

  /** Ends the wait of buses whose partitions have had no answering leader for too long. */
  showCatchUps(nowMs: number): void {
    for (const feed of this.feeds) if (!feed.caughtUp) this.showCatchUp(feed, nowMs)
  }

  private showCatchUp(feed: TopicFeed, nowMs: number): void {
    if (feed.catchUp(nowMs)) this.fed.get(feed)?.log.info(`topic ${this.name} is read up to date`)
  }

  /** False if the next refresh has to find something again. */
  private takeFor(
    { feed, log, asked }: Fed,
    watermarks: ReadonlyMap<number, Watermarks>,
    askedAt: Moment,
  ): boolean {
    // A bus that was added during the refresh: the next one asks for it.
    if (asked === null) return true
    const { isReplaced, passed, stalled, failure } = feed.compare({ asked, watermarks, askedAt })
    if (isReplaced) return this.recreate()
    for (const { partition, from, to } of passed)
      log.warn(
        `topic ${this.name}: records ${from} to ${to - 1} of partition ${partition} were deleted before they were read`,
      )
    for (const partition of [...passed.map((each) => each.partition), ...stalled])
      this.readOn(feed, partition)
    this.begin(feed, { asked, watermarks, askedAt })
    if (failure !== null) throw failure.error
    return true
  }

  /** Calls `act` for every bus. If it throws for one, logs that and goes on. True if all calls returned true. */
  private forEachFed(act: (fed: Fed) => boolean): boolean {
    let isDone = true
    for (const fed of this.fed.values()) {
      try {
        isDone = act(fed) && isDone
      } catch (error) {
        isDone = false
        this.reading.set(`topic ${this.name}: ${errorWords(error)}`)
      }
    }
    return isDone
  }

  private begin(feed: TopicFeed, { asked, watermarks, askedAt }: AskedWatermarks): void {
    const unread = new Map([...watermarks].filter(([partition]) => asked.get(partition) === null))
    if (unread.size === 0) return
    const starts = feed.startsOf(unread)
    for (const [partition, marks] of unread) {
      feed.begin(partition, starts.get(partition) ?? marks.start, marks, askedAt)
      this.readOn(feed, partition)
    }
  }

  /** Reads the partition from the bus's next offset on. The live consumer reads it if that offset is its end. */
  private readOn(feed: TopicFeed, partition: number): void {
    const { source } = this.parts
    const next = feed.next(partition)
    if (feed.isAtEnd(partition)) {
      source.goLiveAgain(this.name, partition, next, feed)
    } else {
      feed.setReadBehind(partition)
      source.follow(this.name, partition, next, feed)
    }
  }

  /** This bus may hold records whose deletion it missed, so it reads the whole topic again. */
  private startOver(feed: TopicFeed, { partition, to }: Missed): void {
    const missed = `deletes below ${to} of partition ${partition} may have been missed`
    const fed = this.fed.get(feed)
    if (fed === undefined) return
    const reason = 'Kafka was not read for longer than it keeps them'
    fed.log.warn(`topic ${this.name}: ${missed}: ${reason}. The topic is read again`)
    this.leave(feed)
    fed.asked = null
    feed.startOver()
    this.parts.onChanged()
  }

  /** False if a bus threw: the next refresh finds the replacement again. */
  private recreate(): boolean {
    const words = 'it is another topic by the same name now, or its log was cut off'
    this.logs.warn(`topic ${this.name}: ${words}: it is read from its beginning`)
    const isDone = this.forEachFed((fed) => {
      this.leave(fed.feed)
      fed.asked = null
      fed.feed.recreate()
      return true
    })
    this.leaders.forget()
    this.unread.forget()
    this.parts.onChanged()
    return isDone
  }

  private leave(feed: TopicFeed): void {
    for (const partition of feed.known()) this.parts.source.leave(this.name, partition, feed)
  }
}
