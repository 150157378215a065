// Follows topics with one consumer: finds their partitions, reads them from the beginning, feeds their buses.
// Whatever is missing (the broker, the topic, a leader) it goes on looking for, and says in words what it waits for.

import type { Watermarks } from '../../src/topic.ts'
import { Condition, type Log } from './condition.ts'
import type { ConsumerEvents, RecordSource } from './consumer.ts'
import { failureOf } from './log-line.ts'
import { jittered, Pause } from './pause.ts'
import { type RecordWriter, TopicFeed } from './topic-feed.ts'

export interface ReaderOptions {
  readonly bootstrapServers: string
  readonly createSource: (events: ConsumerEvents) => RecordSource
  readonly log: Log
  /** Epoch or not: differences count. */
  readonly nowMs: () => number
  readonly random: () => number
}

/** New partitions, and a broker that went away unheard, are noticed within this time. */
const LOOK_MS = 5_000
/** The pace while something is missing. */
const LOOK_AGAIN_MS = 1_000
const ERRORS_TOLD_ELSEWHERE = new Set([
  3, // UNKNOWN_TOPIC_OR_PART: the look at the topic tells
  -190, // ERR__UNKNOWN_PARTITION: likewise
  30, // GROUP_AUTHORIZATION_FAILED: librdkafka asks after the group's coordinator; nothing here needs it
])

interface Followed {
  readonly feed: TopicFeed
  readonly existence: Condition
  readonly pause: Pause
}

export class Reader {
  private readonly options: ReaderOptions
  private readonly source: RecordSource
  private readonly topics = new Map<string, Followed>()
  private readonly closing = new AbortController()
  private readonly lookPause = new Pause(this.closing.signal)
  private readonly readPause = new Pause(this.closing.signal)
  private readonly reachable: Condition
  private readonly readable: Condition
  /** Why the last connection failed, as librdkafka says it. */
  private failure: string | null = null

  /** Throws if librdkafka does not take the configuration. */
  constructor(options: ReaderOptions) {
    this.options = options
    const { bootstrapServers, log } = options
    this.reachable = new Condition(log, `Kafka answers: ${bootstrapServers}`)
    this.readable = new Condition(log, 'records are read again')
    this.source = options.createSource({
      onRecord: (topic, record) => this.topics.get(topic)?.feed.append(record),
      onEnd: (topic, partition, offset) => this.topics.get(topic)?.feed.endOfPartition(partition, offset),
      onTrouble: () => this.lookPause.wake(),
      onLog: (line, isFailure) => this.noteLog(line, isFailure),
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
    return (
      this.reachable.trouble ??
      followed.existence.trouble ??
      this.readable.trouble ??
      followed.feed.progress()
    )
  }

  /** Every partition's watermarks, asked now and until Kafka tells them all. Rejects when the reader closes. */
  async watermarks(topic: string): Promise<ReadonlyMap<number, Watermarks>> {
    for (;;) {
      const known = await this.askWatermarks(topic).catch((error: Error) => this.noteUnanswered(error))
      if (known) return known
      await this.topics.get(topic)?.pause.wait(this.jittered(LOOK_AGAIN_MS))
      this.closing.signal.throwIfAborted()
    }
  }

  /** Within 1 s, whatever the brokers do. */
  async close(): Promise<void> {
    this.closing.abort(new Error('The Kafka consumer is closed'))
    await this.source.close()
  }

  private async run(): Promise<void> {
    while (!this.closing.signal.aborted && !(await this.connect()))
      await this.lookPause.wait(this.jittered(LOOK_MS))
    await Promise.all([this.keepLooking(), this.keepReading()])
  }

  private async connect(): Promise<boolean> {
    try {
      await this.source.connect()
      return true
    } catch (error) {
      this.reachable.set(`Kafka client does not start: ${messageOf(error)}`)
      return false
    }
  }

  private async keepLooking(): Promise<void> {
    while (!this.closing.signal.aborted) {
      const settled = await this.look()
      await this.lookPause.wait(this.jittered(settled ? LOOK_MS : LOOK_AGAIN_MS))
    }
  }

  /** Looks at every topic; true if nothing is missing. */
  private async look(): Promise<boolean> {
    let settled = true
    for (const followed of this.topics.values()) {
      try {
        if (!(await this.lookAt(followed))) settled = false
      } catch (error) {
        this.noteUnanswered(error)
        return false
      }
    }
    return settled
  }

  private async lookAt({ feed, existence }: Followed): Promise<boolean> {
    const listed = await this.source.partitions(feed.name)
    this.noteAnswered()
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
    const watermarks = await this.watermarksOf(feed.name, feed.unread())
    if (watermarks.size === 0 || this.closing.signal.aborted) return
    for (const [partition, told] of watermarks) feed.begin(partition, told)
    this.source.assign(
      feed.name,
      new Map([...watermarks].map(([partition, { start }]) => [partition, start])),
    )
  }

  private async watermarksOf(topic: string, partitions: readonly number[]): Promise<Map<number, Watermarks>> {
    const starts = await this.source.starts(topic, partitions)
    const ends = await this.source.ends(topic, [...starts.keys()])
    const known = new Map<number, Watermarks>()
    for (const [partition, end] of ends) known.set(partition, { start: starts.get(partition) ?? end, end })
    return known
  }

  /** null if Kafka does not know, or not of every partition: one without a leader may hold what an id speaks of. */
  private async askWatermarks(topic: string): Promise<Map<number, Watermarks> | null> {
    const listed = await this.source.partitions(topic)
    const known = await this.watermarksOf(
      topic,
      listed.map(({ partition }) => partition),
    )
    return listed.length > 0 && known.size === listed.length ? known : null
  }

  private async keepReading(): Promise<void> {
    while (!this.closing.signal.aborted) {
      try {
        await this.source.read()
      } catch (error) {
        this.noteReadError(error)
        await this.readPause.wait(this.jittered(LOOK_AGAIN_MS))
      }
      for (const { feed } of this.topics.values()) this.show(feed)
    }
  }

  private show(feed: TopicFeed): void {
    if (feed.publish()) this.readable.clear()
    this.catchUp(feed)
  }

  private catchUp(feed: TopicFeed): void {
    if (feed.catchUp(this.options.nowMs())) this.options.log.info(`topic ${feed.name} is read up to date`)
  }

  private noteReadError(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (typeof code === 'number' && ERRORS_TOLD_ELSEWHERE.has(code)) this.lookPause.wake()
    else this.readable.set(`records cannot be read: ${messageOf(error)}`)
  }

  private noteLog(line: string, isFailure: boolean): void {
    this.options.log.debug(line)
    if (isFailure) this.failure = failureOf(line)
  }

  private noteAnswered(): void {
    this.failure = null
    this.reachable.clear()
  }

  private noteUnanswered(error: unknown): null {
    if (this.closing.signal.aborted) return null
    const { bootstrapServers } = this.options
    this.reachable.set(`Kafka is not reachable at ${bootstrapServers}: ${this.failure ?? messageOf(error)}`)
    return null
  }

  private jittered(ms: number): number {
    return jittered(ms, this.options.random())
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
