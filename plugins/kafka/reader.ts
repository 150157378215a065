// Follows topics with one consumer: finds their partitions, reads them from the beginning, feeds their buses.
// Whatever is missing (the broker, the topic, a leader) it goes on looking for, and says in words what it waits for.

import type { Watermarks } from '../../src/topic.ts'
import { Condition, type Log } from './condition.ts'
import type { ConsumerEvents, RecordSource } from './consumer.ts'
import { jittered, Pause } from './pause.ts'
import { type RecordWriter, TopicFeed } from './topic-feed.ts'
import { Troubles } from './troubles.ts'
import { allWatermarks, watermarksOf } from './watermarks.ts'

export interface ReaderOptions {
  readonly bootstrapServers: string
  readonly createSource: (events: ConsumerEvents) => RecordSource
  readonly log: Log
  /** Only differences count. */
  readonly nowMs: () => number
  /** 0 to 1, for jitter. */
  readonly random: () => number
}

/** New partitions, and a broker that went away unheard, are noticed within this time and a fifth. */
const LOOK_MS = 5_000
/** The pace while something is missing. */
const LOOK_AGAIN_MS = 1_000

interface Followed {
  readonly feed: TopicFeed
  readonly existence: Condition
  readonly pause: Pause
}

export class Reader {
  private readonly options: ReaderOptions
  private readonly source: RecordSource
  private readonly topics = new Map<string, Followed>()
  private readonly troubles: Troubles
  private readonly closing = new AbortController()
  private readonly lookPause = new Pause(this.closing.signal)
  private readonly readPause = new Pause(this.closing.signal)

  /** Throws if librdkafka does not take the configuration. */
  constructor(options: ReaderOptions) {
    this.options = options
    this.troubles = new Troubles(options.log, options.bootstrapServers)
    this.source = options.createSource({
      onRecord: (topic, record) => this.topics.get(topic)?.feed.append(record),
      onEnd: (topic, partition, offset) => this.topics.get(topic)?.feed.endOfPartition(partition, offset),
      onTrouble: () => this.lookPause.wake(),
      onLog: (line, isFailure) => this.troubles.noteLog(line, isFailure),
    })
    void this.run()
  }

  follows(topic: string): boolean {
    return this.topics.has(topic)
  }

  /** Begins to follow a topic that it does not follow yet. */
  follow(topic: string, writer: RecordWriter): void {
    this.topics.set(topic, {
      feed: new TopicFeed(topic, writer),
      existence: new Condition(this.options.log, `topic ${topic} is there`),
      pause: new Pause(this.closing.signal),
    })
    this.lookPause.wake()
  }

  notReady(topic: string): string | null {
    const followed = this.topics.get(topic)
    if (followed === undefined) return `topic ${topic} is not followed`
    return this.troubles.worst ?? followed.existence.trouble ?? followed.feed.progress()
  }

  /** Every partition's watermarks, asked now and until Kafka tells them all. Rejects when the reader closes. */
  async watermarks(topic: string): Promise<ReadonlyMap<number, Watermarks>> {
    for (;;) {
      const known = await this.answered(() => allWatermarks(this.source, topic))
      this.closing.signal.throwIfAborted()
      if (known) return known
      await this.topics.get(topic)?.pause.wait(this.jittered(LOOK_AGAIN_MS))
    }
  }

  /** Within 1 s, whatever the brokers do. */
  async close(): Promise<void> {
    this.closing.abort(new Error('The Kafka consumer is closed'))
    await this.source.close()
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
    for (const followed of this.topics.values()) {
      const complete = await this.answered(() => this.lookAt(followed))
      if (complete === null) return false
      settled &&= complete
    }
    return settled
  }

  private async lookAt({ feed, existence }: Followed): Promise<boolean> {
    const listed = await this.source.partitions(feed.name)
    this.troubles.noteAnswered()
    if (listed.length === 0) {
      existence.set(`topic ${feed.name} does not exist, or may not be seen`)
      return false
    }
    existence.clear()
    feed.list(listed, this.options.nowMs())
    await this.beginUnread(feed)
    this.catchUp(feed)
    return feed.caughtUp && !feed.lacksLeader()
  }

  private async beginUnread(feed: TopicFeed): Promise<void> {
    const watermarks = await watermarksOf(this.source, feed.name, feed.unread())
    if (watermarks.size === 0 || !this.isOpen) return
    for (const [partition, told] of watermarks) feed.begin(partition, told)
    const starts = [...watermarks].map(([partition, { start }]) => [partition, start] as const)
    this.source.assign(feed.name, new Map(starts))
  }

  private async keepReading(): Promise<void> {
    while (this.isOpen) {
      try {
        await this.source.read()
      } catch (error) {
        if (!this.troubles.noteUnread(error)) this.lookPause.wake()
        await this.readPause.wait(this.jittered(LOOK_AGAIN_MS))
      }
      for (const { feed } of this.topics.values()) this.show(feed)
    }
  }

  private show(feed: TopicFeed): void {
    if (feed.publish()) this.troubles.noteRead()
    this.catchUp(feed)
  }

  private catchUp(feed: TopicFeed): void {
    if (feed.catchUp(this.options.nowMs())) this.options.log.info(`topic ${feed.name} is read up to date`)
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
