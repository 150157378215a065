// What a consumer asks Kafka: one question at a time, so that no more than one thread of libuv's pool waits for an answer.
// Every question gives up after a stated time; who asks decides whether to ask again.

import rdkafka, { type KafkaConsumer, type Metadata } from 'node-rdkafka'
import { answerOf, type Callback } from './answer.ts'
import { codeOf } from './troubles.ts'

export interface ListedPartition {
  readonly partition: number
  readonly hasLeader: boolean
}

interface PartitionOffset {
  readonly partition: number
  readonly offset: number
}

/** Time for one answer. Doubled, up to the maximum, after an answer that came too late; short, since close() waits for it. */
const ANSWER_MS = 1_000
const ANSWER_MAX_MS = 8_000
const BEGINNING = -2
const END = -1

export class Questions {
  private readonly client: KafkaConsumer
  private answerMs = ANSWER_MS
  /** The last question, settled or not. */
  private last: Promise<unknown> = Promise.resolve()

  constructor(client: KafkaConsumer) {
    this.client = client
  }

  async partitions(topic: string): Promise<ListedPartition[]> {
    const metadata = await this.ask<Metadata>((timeout, callback) =>
      this.client.getMetadata({ topic, allTopics: false, timeout }, callback),
    )
    const listed = metadata.topics.find(({ name }) => name === topic)?.partitions ?? []
    return listed.map(({ id, leader }) => ({ partition: id, hasLeader: leader >= 0 }))
  }

  starts(topic: string, partitions: readonly number[]): Promise<Map<number, number>> {
    return this.offsets(topic, partitions, BEGINNING)
  }

  ends(topic: string, partitions: readonly number[]): Promise<Map<number, number>> {
    return this.offsets(topic, partitions, END)
  }

  private async offsets(
    topic: string,
    partitions: readonly number[],
    time: number,
  ): Promise<Map<number, number>> {
    if (partitions.length === 0) return new Map()
    const asked = partitions.map((partition) => ({ topic, partition, offset: time }))
    const told = await this.ask<(PartitionOffset | Error)[]>((timeoutMs, callback) =>
      this.client.offsetsForTimes(asked, timeoutMs, callback),
    )
    // A partition that could not be asked is an Error in the list.
    const known = told.filter((each): each is PartitionOffset => !(each instanceof Error) && each.offset >= 0)
    return new Map(known.map(({ partition, offset }) => [partition, offset]))
  }

  private ask<T>(question: (timeoutMs: number, callback: Callback<T>) => void): Promise<T> {
    const answer = this.last.then(() => answerOf<T>((callback) => question(this.answerMs, callback)))
    this.last = answer.then(
      () => this.noteAnswer(null),
      (error: unknown) => this.noteAnswer(error),
    )
    return answer
  }

  private noteAnswer(error: unknown): void {
    const slow = error !== null && codeOf(error) === rdkafka.CODES.ERRORS.ERR__TIMED_OUT
    this.answerMs = slow ? Math.min(ANSWER_MAX_MS, this.answerMs * 2) : ANSWER_MS
  }
}
