// The questions of a consumer to Kafka. Each waits for the blocking lock, and gives up after a stated time; the caller
// decides whether to ask again.

import type { KafkaConsumer, Metadata } from 'node-rdkafka'
import type { ConsumerLock } from './blocking-lock.ts'
import { answerOf, type Callback } from './callback.ts'
import { codeOf } from './kafka-error.ts'
import { rdkafka } from './native.ts'

export interface ListedPartition {
  readonly partition: number
  /** The broker that leads the partition; null while none does. */
  readonly leader: number | null
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A number for each of some partitions of some topics. */
export type TopicOffsets = Map<string, Map<number, number>>

/** Time for the list of partitions. Doubled after a late answer, up to the maximum. */
const LIST_MS = 1_000
const LIST_MAX_MS = 4_000
/** Time for a question whose answer is not needed. */
const INTRODUCE_MS = 1
const BEGINNING = -2
const END = -1

export class Questions {
  private readonly client: KafkaConsumer
  private readonly lock: ConsumerLock
  private listMs = LIST_MS
  /** Topics that were asked for by name, which librdkafka knows from then on. */
  private readonly named = new Set<string>()

  constructor(client: KafkaConsumer, lock: ConsumerLock) {
    this.client = client
    this.lock = lock
  }

  /** One question for all topics that librdkafka knows already. */
  async partitions(topics: readonly string[]): Promise<Map<string, ListedPartition[]>> {
    const listed = new Map<string, ListedPartition[]>()
    const unknown = topics.filter((topic) => !this.named.has(topic))
    if (unknown.length > 1) await this.introduce(unknown)
    if (topics.length > 1) this.note(await this.metadata(null), listed)
    for (const topic of topics) {
      if (!listed.has(topic)) this.note(await this.metadata(topic), listed)
      this.named.add(topic)
    }
    return new Map(topics.map((topic) => [topic, listed.get(topic) ?? []]))
  }

  starts(partitions: readonly TopicPartition[], timeoutMs: number): Promise<TopicOffsets> {
    return this.offsets(partitions, BEGINNING, timeoutMs)
  }

  ends(partitions: readonly TopicPartition[], timeoutMs: number): Promise<TopicOffsets> {
    return this.offsets(partitions, END, timeoutMs)
  }

  /**
   * Makes these topics known to librdkafka, so that one question covers all. librdkafka knows a topic once it was asked
   * for, answered or not. Kafka answers a connection's requests in order, and a fetch among them waits 100 ms for
   * records. So 200 topics that are asked for one by one would take 20 s.
   */
  private async introduce(topics: readonly string[]): Promise<void> {
    for (const topic of topics) {
      const question = (callback: Callback<Metadata>) =>
        this.client.getMetadata({ topic, allTopics: false, timeout: INTRODUCE_MS }, callback)
      await this.ask(question).catch(() => {
        // The time-out is expected: librdkafka knows the topic now.
      })
      this.named.add(topic)
    }
  }

  private async metadata(topic: string | null): Promise<Metadata> {
    try {
      const metadata = await this.ask<Metadata>((callback) =>
        this.client.getMetadata(
          { ...(topic === null ? {} : { topic }), allTopics: false, timeout: this.listMs },
          callback,
        ),
      )
      this.listMs = LIST_MS
      return metadata
    } catch (error) {
      const isLate = codeOf(error) === rdkafka.CODES.ERRORS.ERR__TIMED_OUT
      this.listMs = isLate ? Math.min(LIST_MAX_MS, this.listMs * 2) : LIST_MS
      throw error
    }
  }

  private note({ topics }: Metadata, listed: Map<string, ListedPartition[]>): void {
    for (const { name, partitions } of topics) {
      listed.set(
        name,
        partitions.map(({ id, leader }) => ({ partition: id, leader: leader >= 0 ? leader : null })),
      )
    }
  }

  private async offsets(
    partitions: readonly TopicPartition[],
    time: number,
    timeoutMs: number,
  ): Promise<TopicOffsets> {
    const asked = partitions.map(({ topic, partition }) => ({ topic, partition, offset: time }))
    const answers = await this.ask<((TopicPartition & { readonly offset: number }) | Error)[]>((callback) =>
      this.client.offsetsForTimes(asked, timeoutMs, callback),
    )
    const offsets: TopicOffsets = new Map()
    for (const each of answers) {
      // A partition that could not be asked is an Error in the list.
      if (each instanceof Error || each.offset < 0) continue
      const known = offsets.get(each.topic) ?? new Map<number, number>()
      offsets.set(each.topic, known.set(each.partition, each.offset))
    }
    return offsets
  }

  private ask<T>(question: (callback: Callback<T>) => void): Promise<T> {
    return this.lock.ask(() => answerOf<T>(question))
  }
}
