// A source that has two consumers. One reads the live partitions, which are read up to their end. The other reads the
// partitions that are behind, a batch at a time. Promise: a live record never waits behind the million records that a
// consumer has fetched of another topic.

import { errorWords } from '../../../src/errors.ts'
import type { ListedPartition } from '../client/questions.ts'
import type { ConsumerEvents, RecordSource } from '../client/record-source.ts'
import { Assignment, type Receiver } from './assignment.ts'
import type { LedPartition } from './refused-partitions.ts'
import { LeaderQuestions, type TopicMarks } from './watermarks.ts'

/** The consumers' events, except those of records and partitions, which go to the receivers. */
export type SourceEvents = Omit<ConsumerEvents, 'onRecord' | 'onEnd' | 'onStop'> & {
  /** librdkafka has stopped reading a partition. Its receivers know. */
  onStop(): void
}

/** How long to wait for one consumer's record while partitions are behind. The other consumer is not read meanwhile. */
const BEHIND_WAIT_MS = 5
/** How often a consumer without partitions is read: until then its log lines and errors pile up in librdkafka. */
const IDLE_READ_MS = 1000
/** How long the behind consumer is left unused after Kafka has not answered it. */
const UNANSWERED_MS = 10_000

export class TwoConsumers {
  private readonly liveConsumer: RecordSource
  private readonly behindConsumer: RecordSource
  private readonly live: Assignment
  private readonly behind: Assignment
  private readonly leaderQuestions: LeaderQuestions
  private readonly events: SourceEvents
  private readonly nowMs: () => number
  private idleReadAtMs: number
  /** The last read of the behind consumer brought records, so more may be there at once. */
  private behindFlows = true
  /** Since when Kafka has not answered the behind consumer; null if it has. */
  private unansweredSinceMs: number | null = null

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
        this.behind.deliver(topic, record)
      },
    })
    this.behind = new Assignment(this.behindConsumer)
    this.leaderQuestions = new LeaderQuestions(this.liveConsumer)
  }

  async connect(): Promise<void> {
    await Promise.all([this.liveConsumer.connect(), this.behindConsumer.connect()])
  }

  /**
   * Rejects if Kafka does not answer. librdkafka then goes on asking the same broker for up to half a minute, even if
   * it hangs. A question to each leader, with its own time-out, makes librdkafka drop that connection.
   */
  async partitions(topics: readonly string[]): Promise<Map<string, ListedPartition[]>> {
    try {
      return await this.liveConsumer.partitions(topics)
    } catch (error) {
      await this.leaderQuestions.findSilent()
      throw error
    }
  }

  /**
   * Makes topics known to the behind consumer before it reads them: librdkafka takes up to a second to begin with an
   * unknown topic. While this consumer gets no answer, the live consumer reads everything.
   */
  async prepare(topics: readonly string[]): Promise<void> {
    if (this.unansweredSinceMs !== null && this.nowMs() - this.unansweredSinceMs < UNANSWERED_MS) return
    try {
      await this.behindConsumer.partitions(topics)
      this.unansweredSinceMs = null
    } catch (error) {
      this.unansweredSinceMs = this.nowMs()
      this.events.onLog(
        `one consumer reads everything, because the other gets no answer: ${errorWords(error)}`,
        false,
      )
    }
  }

  /** Hands over each leader's answer, one after the other. Leaders that were silent the last time come last. */
  watermarks(partitions: readonly LedPartition[], onAnswer: (answer: TopicMarks) => unknown): Promise<void> {
    return this.leaderQuestions.ask(partitions, onAnswer)
  }

  /** Reads a partition from `next` on with the behind consumer, until `goLive` is called. */
  follow(topic: string, partition: number, next: number, receiver: Receiver): void {
    const [assignment, other] =
      this.unansweredSinceMs === null ? [this.behind, this.live] : [this.live, this.behind]
    other.remove(topic, partition, receiver)
    assignment.addAgain(topic, partition, next, receiver)
  }

  /** The receiver has reached the end of the partition, which goes on live from `next` on. */
  goLive(topic: string, partition: number, next: number, receiver: Receiver): void {
    this.live.add(topic, partition, next, receiver)
    this.behind.remove(topic, partition, receiver)
  }

  /** As `goLive`, for a partition that librdkafka no longer reads, or reads at another place. */
  goLiveAgain(topic: string, partition: number, next: number, receiver: Receiver): void {
    this.live.addAgain(topic, partition, next, receiver)
    this.behind.remove(topic, partition, receiver)
  }

  leave(topic: string, partition: number, receiver: Receiver): void {
    this.live.remove(topic, partition, receiver)
    this.behind.remove(topic, partition, receiver)
  }

  /**
   * Reads live records first, then a batch of the partitions that are behind, which is mostly ready. If that batch is
   * empty, the next read waits some milliseconds for live records. If no partition is behind, it waits as long as a
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
      await this.readBehind() // also where the live consumer's read failed
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
    onRecord: (topic, record) => assignment().deliver(topic, record),
    onEnd: (topic, partition, offset) => assignment().deliverEnd(topic, partition, offset),
    onStop: ({ topic, partition, isTruncated }) => {
      assignment().deliverStop(topic, partition, isTruncated)
      events.onStop()
    },
  }
}
