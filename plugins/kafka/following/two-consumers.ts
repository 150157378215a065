// A source of two consumers. What has come to the end of its partition is read by one, live; what is still on its way there, by
// the other, a batch at a time: so nobody's next record waits behind the million that a consumer has fetched of another topic.

import { wordsOf } from '../client/kafka-error.ts'
import type { ListedPartition } from '../client/questions.ts'
import type { ConsumerEvents, RecordSource } from '../client/record-source.ts'
import { Assignment, type Receiver } from './assignment.ts'
import type { LedPartition } from './refusals.ts'
import { Leaders, type TopicMarks } from './watermarks.ts'

/** What is heard of Kafka besides records, which go to their receivers. */
export type SourceEvents = Omit<ConsumerEvents, 'onRecord' | 'onEnd' | 'onStop'> & {
  /** librdkafka has stopped reading some partition; its receivers were told. */
  onStop(): void
}

/** How long to wait for a record of either while some are on their way: the other is not looked for meanwhile. */
const BEHIND_WAIT_MS = 5
/** How often one that has nothing to read is read all the same: what librdkafka has to say piles up until then. */
const IDLE_READ_MS = 1000
/** How long the consumer of what is behind is left alone once Kafka did not answer it. */
const DEAF_MS = 10_000

export class TwoConsumers {
  private readonly liveConsumer: RecordSource
  private readonly behindConsumer: RecordSource
  private readonly live: Assignment
  private readonly behind: Assignment
  private readonly leaders: Leaders
  private readonly events: SourceEvents
  private readonly nowMs: () => number
  private idleReadAtMs: number
  /** Something came of what is behind with the last read of it: there may be more at once. */
  private behindFlows = true
  /** Since when Kafka has not answered the consumer of what is behind; null: it has. */
  private deafSinceMs: number | null = null

  /** `nowMs`: only differences count. */
  constructor(
    createConsumer: (events: ConsumerEvents) => RecordSource,
    events: SourceEvents,
    nowMs: () => number,
  ) {
    this.events = events
    this.nowMs = nowMs
    this.idleReadAtMs = nowMs()
    this.liveConsumer = createConsumer(assignmentEvents(events, () => this.live))
    this.live = new Assignment(this.liveConsumer)
    this.behindConsumer = createConsumer({
      ...assignmentEvents(events, () => this.behind),
      onRecord: (topic, record) => {
        this.behindFlows = true
        this.behind.tell(topic, record)
      },
    })
    this.behind = new Assignment(this.behindConsumer)
    this.leaders = new Leaders(this.liveConsumer)
  }

  async connect(): Promise<void> {
    await Promise.all([this.liveConsumer.connect(), this.behindConsumer.connect()])
  }

  /**
   * Rejects if Kafka does not answer. librdkafka goes on asking the broker that it asked last, for half a minute also one that
   * hangs; a question that has a time of its own makes it let go.
   */
  async partitions(topics: readonly string[]): Promise<Map<string, ListedPartition[]>> {
    try {
      return await this.liveConsumer.partitions(topics)
    } catch (error) {
      await this.leaders.findSilent()
      throw error
    }
  }

  /**
   * Has the other one hear of topics before it reads them: librdkafka takes up to a second to begin with one that it does not
   * know. Where it gets no answer, it is not counted on: all is read by the live one until it does.
   */
  async prepare(topics: readonly string[]): Promise<void> {
    if (this.deafSinceMs !== null && this.nowMs() - this.deafSinceMs < DEAF_MS) return
    try {
      await this.behindConsumer.partitions(topics)
      this.deafSinceMs = null
    } catch (error) {
      this.deafSinceMs = this.nowMs()
      this.events.onLog(`all is read by one consumer, the other is not answered: ${wordsOf(error)}`, false)
    }
  }

  /** Hands over what each leader tells, one after the other; those that did not answer the last time come last. */
  watermarks(partitions: readonly LedPartition[], onTold: (told: TopicMarks) => unknown): Promise<void> {
    return this.leaders.ask(partitions, onTold)
  }

  /** Reads a partition from `next` on, behind the others until `arrive` is called. */
  follow(topic: string, partition: number, next: number, receiver: Receiver): void {
    const [assignment, other] =
      this.deafSinceMs === null ? [this.behind, this.live] : [this.live, this.behind]
    other.remove(topic, partition, receiver)
    assignment.addAgain(topic, partition, next, receiver)
  }

  /** The receiver has come to the end of the partition: it goes on live, from `next` on. */
  arrive(topic: string, partition: number, next: number, receiver: Receiver): void {
    this.live.add(topic, partition, next, receiver)
    this.behind.remove(topic, partition, receiver)
  }

  /** As `arrive`, of a partition that librdkafka reads no further, or at another place. */
  goOn(topic: string, partition: number, next: number, receiver: Receiver): void {
    this.live.addAgain(topic, partition, next, receiver)
    this.behind.remove(topic, partition, receiver)
  }

  leave(topic: string, partition: number, receiver: Receiver): void {
    this.live.remove(topic, partition, receiver)
    this.behind.remove(topic, partition, receiver)
  }

  /**
   * What is new of those that have caught up comes first; what is behind is there at once, mostly. Where nothing comes of
   * that, a few milliseconds pass in the wait for the live ones. Where none is behind, these are waited for as long as a
   * consumer does.
   */
  async read(): Promise<void> {
    this.live.settle()
    this.behind.settle()
    if (this.behind.isEmpty && this.behind.isSettled) return this.readLive()
    try {
      if (this.live.isEmpty) await this.readIdle(this.liveConsumer)
      else await this.liveConsumer.read(this.behindFlows ? 0 : BEHIND_WAIT_MS)
    } finally {
      await this.readBehind() // whatever is wrong with the others
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.liveConsumer.close(), this.behindConsumer.close()])
  }

  private async readLive(): Promise<void> {
    if (this.live.isSettled) await this.liveConsumer.read()
    else await this.liveConsumer.read(0)
    await this.readIdle(this.behindConsumer)
  }

  private async readBehind(): Promise<void> {
    this.behindFlows = false
    await this.behindConsumer.read(this.live.isEmpty ? BEHIND_WAIT_MS : 0)
  }

  private async readIdle(consumer: RecordSource): Promise<void> {
    const nowMs = this.nowMs()
    if (nowMs - this.idleReadAtMs < IDLE_READ_MS) return
    this.idleReadAtMs = nowMs
    await consumer.read(0)
  }
}

function assignmentEvents(events: SourceEvents, assignment: () => Assignment): ConsumerEvents {
  return {
    ...events,
    onRecord: (topic, record) => assignment().tell(topic, record),
    onEnd: (topic, partition, offset) => assignment().tellEnd(topic, partition, offset),
    onStop: ({ topic, partition, isTruncated }) => {
      assignment().tellStop(topic, partition, isTruncated)
      events.onStop()
    },
  }
}
