// Follows topics with one consumer: finds their partitions, reads them from the beginning, feeds their buses.
// Whatever is missing (the broker, the topic, a leader) it goes on looking for, and says in words what it waits for.

import type { Watermarks } from '../../src/topic.ts'
import { BetweenReads } from './between-reads.ts'
import type { Log } from './condition.ts'
import type { ConsumerEvents, RecordSource } from './consumer.ts'
import { FollowedTopic } from './followed-topic.ts'
import { jittered, Pause } from './pause.ts'
import { type RecordWriter, TopicFeed } from './topic-feed.ts'
import { Troubles } from './troubles.ts'
import { allWatermarks } from './watermarks.ts'

export interface ReaderOptions {
  readonly bootstrapServers: string
  readonly createSource: (events: ConsumerEvents) => RecordSource
  readonly log: Log
  /** Only differences count. */
  readonly nowMs: () => number
  /** What records' timestamps are compared with; Date.now if it is left out. */
  readonly epochMs?: () => number
  /** 0 to 1, for jitter. */
  readonly random: () => number
}

/** New partitions, and a broker that went away unheard, are noticed within this time and a fifth. */
const LOOK_MS = 5_000
/** The pace while something is missing. */
const LOOK_AGAIN_MS = 1_000
/** Steps of housekeeping between two reads, each in a turn of its own. */
const MAINTENANCE_STEPS_MAX = 16

export class Reader {
  private readonly options: ReaderOptions
  private readonly source: RecordSource
  private readonly topics = new Map<string, FollowedTopic>()
  private readonly troubles: Troubles
  private readonly closing = new AbortController()
  private readonly lookPause = new Pause(this.closing.signal)
  private readonly readPause = new Pause(this.closing.signal)
  private readonly betweenReads = new BetweenReads()

  /** Throws if librdkafka does not take the configuration. */
  constructor(options: ReaderOptions) {
    this.options = options
    this.troubles = new Troubles(options.log, options.bootstrapServers)
    this.source = options.createSource(this.events())
    void this.run()
  }

  follows(topic: string): boolean {
    return this.topics.has(topic)
  }

  /** Begins to follow a topic that it does not follow yet. */
  follow(topic: string, writer: RecordWriter): void {
    const { source, betweenReads } = this
    const { log, nowMs } = this.options
    const followed = new FollowedTopic({
      feed: new TopicFeed(topic, writer),
      source,
      betweenReads,
      log,
      nowMs,
      onAnswered: () => this.troubles.noteAnswered(),
      onChanged: () => this.lookPause.wake(),
    })
    this.topics.set(topic, followed)
    this.lookPause.wake()
  }

  notReady(topic: string): string | null {
    const followed = this.topics.get(topic)
    if (followed === undefined) return `topic ${topic} is not followed`
    return this.troubles.worst ?? followed.trouble
  }

  /** Every partition's watermarks, asked now and until Kafka tells them all. Rejects when the reader closes. */
  async watermarks(topic: string): Promise<ReadonlyMap<number, Watermarks>> {
    const pause = new Pause(this.closing.signal)
    for (;;) {
      const known = await this.answered(() => allWatermarks(this.source, topic))
      this.closing.signal.throwIfAborted()
      if (known) return known
      await pause.wait(this.jittered(LOOK_AGAIN_MS))
    }
  }

  /** Within 1 s, whatever the brokers do. */
  async close(): Promise<void> {
    this.closing.abort(new Error('The Kafka consumer is closed'))
    await this.source.close()
  }

  private events(): ConsumerEvents {
    return {
      onRecord: (topic, record) => this.topics.get(topic)?.feed.append(record),
      onEnd: (topic, partition, offset) => this.topics.get(topic)?.feed.endOfPartition(partition, offset),
      onBatchEnd: () => this.show(),
      onTrouble: () => this.lookPause.wake(),
      onLog: (line, isFailure) => this.troubles.noteLog(line, isFailure),
      onTopicId: (news) => this.topics.get(news.topic)?.noteTopicId(news),
      onStop: ({ topic, partition, isTruncated }) => {
        this.topics.get(topic)?.feed.noteStop(partition, isTruncated)
        this.lookPause.wake()
      },
    }
  }

  private get isOpen(): boolean {
    return !this.closing.signal.aborted
  }

  private async run(): Promise<void> {
    while (this.isOpen && !(await this.connect())) await this.lookPause.wait(this.jittered(LOOK_MS))
    await Promise.all([this.keepLooking(), this.keepReading()])
  }

  private async connect(): Promise<boolean> {
    try {
      await this.source.connect()
      return true
    } catch (error) {
      this.troubles.noteNotStarted(error)
      return false
    }
  }

  private async keepLooking(): Promise<void> {
    while (this.isOpen) {
      const settled = await this.look()
      await this.lookPause.wait(this.jittered(settled ? LOOK_MS : LOOK_AGAIN_MS))
    }
  }

  /** Looks at every topic; true if nothing is missing. */
  private async look(): Promise<boolean> {
    let settled = true
    for (const topic of this.topics.values()) {
      const complete = await this.answered(() => topic.look())
      if (complete === null) return false
      settled &&= complete
    }
    return settled
  }

  private async keepReading(): Promise<void> {
    while (this.isOpen) {
      const error = await this.read()
      if (this.isOpen) this.betweenReads.run()
      this.show()
      await this.maintain()
      if (error !== null) await this.heed(error)
    }
    this.betweenReads.close(this.closing.signal.reason)
  }

  /** What a read ended with besides what it handed over; null if with nothing. */
  private async read(): Promise<{ error: unknown } | null> {
    try {
      await this.source.read()
      return null
    } catch (error) {
      return { error }
    }
  }

  private async heed({ error }: { error: unknown }): Promise<void> {
    for (const { feed } of this.topics.values()) feed.fearStops()
    this.lookPause.wake()
    if (this.troubles.noteUnread(error) === 'pause') await this.readPause.wait(this.jittered(LOOK_AGAIN_MS))
  }

  /** Shows the streams what was read: called before the event loop turns. */
  private show(): void {
    for (const topic of this.topics.values()) {
      if (topic.feed.publish()) this.troubles.noteRead()
      topic.showCatchUp()
    }
  }

  /** Lets the buses tidy up, a step of each in a turn, so that streams get theirs in between. */
  private async maintain(): Promise<void> {
    const { epochMs = Date.now } = this.options
    let hasMore = true
    for (let steps = 0; hasMore && steps < MAINTENANCE_STEPS_MAX && this.isOpen; steps++) {
      await nextTurn()
      hasMore = false
      for (const { feed } of this.topics.values()) hasMore = feed.maintain(epochMs()) || hasMore
    }
  }

  /** What Kafka answers; null if it does not, which is noted. */
  private async answered<T>(question: () => Promise<T>): Promise<T | null> {
    try {
      return await question()
    } catch (error) {
      if (this.isOpen) this.troubles.noteUnanswered(error)
      return null
    }
  }

  private jittered(ms: number): number {
    return jittered(ms, this.options.random())
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
