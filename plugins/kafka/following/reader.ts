// Follows topics with one source of records: finds their partitions, reads them from the beginning, feeds their buses.
// While a broker, a topic or a leader is missing it retries, and says what it waits for.

import type { PartitionWatermarks } from '../../../src/bus/record.ts'
import type { AssignedPartition, ConsumerEvents, RecordSource } from '../client/record-source.ts'
import { BrokerTroubles } from '../troubles/broker-troubles.ts'
import type { Log } from '../troubles/condition.ts'
import type { UnreadReasons } from '../troubles/inquiry-answers.ts'
import { LogFanOut } from '../troubles/log-fan-out.ts'
import type { Outage, ReaderName } from '../troubles/outage.ts'
import { FollowedTopic } from './followed-topic.ts'
import { Housekeeping } from './housekeeping.ts'
import { Inquiries } from './inquiries.ts'
import { CLOSED, Listings } from './listings.ts'
import { jittered, Pause, untilAnswered } from './pause.ts'
import { ReadLoop } from './read-loop.ts'
import { askWatermarks, refresh } from './refresh.ts'
import type { RecordWriter, TopicFeed } from './topic-feed.ts'
import { type SourceEvents, TwoConsumers } from './two-consumers.ts'

export interface ReaderOptions {
  readonly name: ReaderName
  /** Shared with other readers of the same brokers. */
  readonly outage: Outage
  /** Why partitions cannot be read. */
  readonly inquire: (partitions: readonly AssignedPartition[], signal: AbortSignal) => Promise<UnreadReasons>
  readonly bootstrapServers: string
  readonly createConsumer: (events: ConsumerEvents) => RecordSource
  /** Only differences count. */
  readonly nowMs: () => number
  /** Wall clock for comparison with records' timestamps. Default: Date.now. */
  readonly epochMs?: () => number
  /** 0 to 1, for jitter. */
  readonly random: () => number
}

/** A bus that is fed. */
export interface Feeding {
  /** Why the bus is not ready, for an operator; null when it is. */
  notReady(): string | null
  /** Every partition's watermarks, null where its leader did not answer. Waits until Kafka lists the topic. */
  watermarks(): Promise<PartitionWatermarks>
  /** Stops feeding the bus. Rejects pending requests for watermarks. */
  stop(): void
}

/** New partitions, and brokers that vanished silently, are noticed within this time plus a fifth. */
const REFRESH_MS = 5_000
/** The interval while something is missing. */
const RETRY_MS = 1_000

export class Reader {
  private readonly options: ReaderOptions
  private readonly logs = new LogFanOut()
  private readonly source: TwoConsumers
  private readonly topics = new Map<string, FollowedTopic>()
  private readonly changed = new Set<TopicFeed>()
  private readonly troubles: BrokerTroubles
  private readonly housekeeping: Housekeeping
  private readonly closing = new AbortController()
  private readonly refreshPause = new Pause(this.closing.signal)
  private readonly readPause = new Pause(this.closing.signal)
  /** One for each feed. Not AbortSignal.any, which holds some bytes for each as long as `closing` lives. */
  private readonly stopping = new Set<AbortController>()
  /** Whether Kafka has topics that are not followed. */
  readonly listings: Listings
  /** An error of a read may have hidden that partitions have stopped. */
  private suspectsStops = false
  private readonly inquiries: Inquiries
  private readonly readLoop: ReadLoop

  /** Throws if librdkafka does not take the configuration. */
  constructor(options: ReaderOptions) {
    this.options = options
    this.troubles = new BrokerTroubles(this.logs, options.bootstrapServers, options.outage)
    options.outage.enter(this.troubles, options.name)
    this.housekeeping = new Housekeeping(() => this.feeds(), options.nowMs)
    this.source = new TwoConsumers(options.createConsumer, this.events(), options.nowMs)
    this.listings = new Listings((names) => this.answered(() => this.source.partitions(names)), this.retryMs)
    this.inquiries = new Inquiries({
      ...options,
      topics: this.topics,
      log: this.logs,
      signal: this.closing.signal,
    })
    this.readLoop = this.createReadLoop()
    void this.run()
  }

  /** From now on `log` gets the lines that concern all topics. */
  join(log: Log): void {
    this.options.outage.join(log)
    if (this.logs.add(log)) this.troubles.tell(log)
  }

  leave(log: Log): void {
    this.options.outage.part(log)
    this.logs.remove(log)
  }

  /** Feeds a bus from the topic's beginning. Other buses of the topic go on. */
  feed(name: string, writer: RecordWriter, log: Log): Feeding {
    const topic = this.topics.get(name) ?? this.follow(name)
    const feed = topic.add(writer, log)
    this.refreshPause.cut()
    const stopping = new AbortController()
    this.stopping.add(stopping)
    return {
      notReady: () => this.troubles.worst ?? topic.troubleOf(feed),
      watermarks: () => this.watermarks(topic, stopping.signal),
      stop: () => {
        this.stopping.delete(stopping)
        stopping.abort(new Error(CLOSED))
        this.housekeeping.forget(feed)
        if (!topic.remove(feed) && this.topics.get(name) === topic) this.topics.delete(name)
      },
    }
  }

  /** Whether the last refresh found the topic; false, too, if the topic is not followed. */
  hasFound(name: string): boolean {
    return this.topics.get(name)?.leaders.isListed ?? false
  }

  /** Resolves within 1 s, even if no broker answers. */
  async close(): Promise<void> {
    this.closing.abort()
    this.options.outage.leave(this.troubles)
    this.listings.close()
    for (const stopping of this.stopping) stopping.abort(new Error(CLOSED))
    await Promise.all([this.source.close(), this.inquiries.close()])
  }

  private follow(name: string): FollowedTopic {
    const { source, changed } = this
    const topic = new FollowedTopic({ name, source, changed, onChanged: () => this.refreshPause.wake() })
    this.topics.set(name, topic)
    return topic
  }

  private createReadLoop(): ReadLoop {
    const { nowMs, epochMs = Date.now } = this.options
    const { source, topics, changed, troubles, housekeeping, inquiries, readPause: pause, retryMs } = this
    const onFailed = () => {
      this.suspectsStops = true
      this.refreshPause.wake()
    }
    const parts = { source, topics, changed, troubles, housekeeping, inquiries, pause, retryMs }
    return new ReadLoop({ ...parts, onFailed, nowMs, epochMs })
  }

  private events(): SourceEvents {
    return {
      onBatchEnd: () => this.readLoop.show(),
      onTrouble: () => this.refreshPause.wake(),
      onLog: (line, isFailure) => this.troubles.noteLog(line, isFailure),
      onThrottle: (ms) => this.troubles.noteThrottled(ms, this.options.nowMs()),
      onTokenTrouble: (words) => this.troubles.noteTokens(words),
      onTopicId: ({ topic, id }) => this.topics.get(topic)?.noteTopicId(id),
      onStop: () => this.refreshPause.wake(),
    }
  }

  private get isOpen(): boolean {
    return !this.closing.signal.aborted
  }

  private *feeds(): Generator<TopicFeed> {
    for (const topic of this.topics.values()) yield* topic.feeds
  }

  private async run(): Promise<void> {
    while (this.isOpen && !(await this.connect())) await this.refreshPause.wait(this.jittered(REFRESH_MS))
    await Promise.all([this.keepRefreshing(), this.keepReading()])
  }

  private async connect(): Promise<boolean> {
    try {
      await this.source.connect()
      return true
    } catch (error) {
      if (this.isOpen) this.troubles.noteNotStarted(error)
      return false
    }
  }

  private async keepRefreshing(): Promise<void> {
    while (this.isOpen) {
      this.refreshPause.clearCut()
      const settled = this.topics.size === 0 || (await this.answered(() => this.refresh()))
      this.inquiries.askAgain()
      await this.refreshPause.wait(this.jittered(settled ? REFRESH_MS : RETRY_MS))
    }
  }

  private refresh(): Promise<boolean> {
    const { source, topics } = this
    const { nowMs, epochMs = Date.now } = this.options
    const takeSuspicion = () => {
      const suspects = this.suspectsStops
      this.suspectsStops = false
      return suspects
    }
    return refresh({
      source,
      topics,
      takeSuspicion,
      nowMs,
      epochMs,
      onAnswered: () => this.troubles.noteAnswered(),
    })
  }

  private async keepReading(): Promise<void> {
    while (this.isOpen) await this.readLoop.turn()
  }

  private watermarks(topic: FollowedTopic, signal: AbortSignal): Promise<PartitionWatermarks> {
    const question = () => askWatermarks(this.source, topic, this.options.nowMs())
    return untilAnswered(() => this.answered(question), signal, this.retryMs)
  }

  /** Kafka's answer; null, and logged, if there is none. */
  private async answered<T>(question: () => Promise<T>): Promise<T | null> {
    const askedAtMs = this.options.nowMs()
    try {
      const answer = await question()
      this.troubles.noteAnswered()
      return answer
    } catch (error) {
      if (this.isOpen) this.troubles.noteUnanswered(error, askedAtMs)
      return null
    }
  }

  private readonly retryMs = () => this.jittered(RETRY_MS)
  private readonly jittered = (ms: number) => jittered(ms, this.options.random())
}
