// What tests do to a Kafka: topics made and removed, records produced, also in transactions. One client each, closed by
// close().

import { randomUUID } from 'node:crypto'
import rdkafka, { type IAdminClient, type Producer } from 'node-rdkafka'
import { inject, vi } from 'vitest'
import { answerOf } from '../../plugins/kafka/client/callback.ts'
import { deleteRecords } from './delete-records.ts'
import type { Broker } from './wire.ts'

/** The run's Kafka, null where tests on it are left out: `describe.skipIf(bootstrapServers === null)`. */
export const bootstrapServers = inject('kafkaBootstrapServers')
export const canStartKafka = inject('kafkaCanStart')

const ANSWER_MS = 20_000
/** One question: librdkafka asks it again of the broker that it was for, which a test may have killed. */
const QUESTION_MS = 2_000

/** A topic's settings: cleaned within seconds, but for the segment that is written to. */
export const CLEANED_SOON = {
  'cleanup.policy': 'compact',
  'segment.ms': '300',
  'min.cleanable.dirty.ratio': '0.01',
  'max.compaction.lag.ms': '500',
  'delete.retention.ms': '500',
}

export interface TestRecord {
  value: string | Uint8Array | null
  key?: string | Uint8Array | null
  partition?: number
  timestampMs?: number
  headers?: Record<string, string>[]
}

export class Kafka {
  readonly bootstrapServers: string
  private admin: IAdminClient | null = null
  private readonly producers = new Map<string, Promise<Producer>>()

  constructor(servers: string | null) {
    if (servers === null) throw new Error('this test needs a Kafka')
    this.bootstrapServers = servers
  }

  /** Makes a topic by a name of its own, and resolves with the name. */
  async createTopic(
    options: { name?: string; partitions?: number; replicas?: number; config?: Record<string, string> } = {},
  ): Promise<string> {
    const topic = options.name ?? `topic-${randomUUID()}`
    const { partitions = 1, replicas = 1, config = {} } = options
    const description = { topic, num_partitions: partitions, replication_factor: replicas, config }
    await answerOf((callback) => this.adminClient().createTopic(description, ANSWER_MS, callback))
    return topic
  }

  async deleteTopic(topic: string): Promise<void> {
    await answerOf((callback) => this.adminClient().deleteTopic(topic, ANSWER_MS, callback))
  }

  /** Resolves when the new partitions can be written to. */
  async addPartitions(topic: string, total: number): Promise<void> {
    await answerOf((callback) => this.adminClient().createPartitions(topic, total, ANSWER_MS, callback))
    await vi.waitFor(() => this.leader(topic, total - 1), { timeout: ANSWER_MS, interval: 20 })
  }

  /** Deletes the topic and makes it again by the same name: another topic. */
  async recreateTopic(
    topic: string,
    options: { partitions?: number; replicas?: number } = {},
  ): Promise<void> {
    await this.deleteTopic(topic)
    // The name is taken until the brokers have let go of it.
    await vi.waitFor(() => this.createTopic({ name: topic, ...options }), {
      timeout: ANSWER_MS,
      interval: 20,
    })
  }

  /** Deletes the partition's records below `offset`: its log starts there. */
  async deleteRecords(topic: string, partition: number, offset: number): Promise<void> {
    await deleteRecords(await this.leader(topic, partition), topic, partition, offset)
  }

  /** The broker that leads the partition, and those that are in sync with it; rejects while there is none. */
  async leader(topic: string, partition: number): Promise<Broker & { id: number; inSync: number[] }> {
    const producer = await this.producer({})
    const { topics, brokers } = await vi.waitFor(
      () =>
        answerOf<rdkafka.Metadata>((callback) =>
          producer.getMetadata({ topic, allTopics: false, timeout: QUESTION_MS }, callback),
        ),
      { timeout: ANSWER_MS },
    )
    const led = topics.find(({ name }) => name === topic)?.partitions.find(({ id }) => id === partition)
    const leader = brokers.find(({ id }) => id === led?.leader)
    if (leader === undefined) throw new Error(`${topic} [${partition}] has no leader`)
    return { ...leader, inSync: [...(led?.isrs ?? [])] }
  }

  /** Resolves when Kafka has all of the records. */
  async produce(topic: string, ...records: TestRecord[]): Promise<void> {
    const producer = await this.producer({})
    await send(producer, topic, records)
  }

  /** The same with records of up to `bytesMax`, of which the topic's `max.message.bytes` has to know. */
  async produceLarge(topic: string, bytesMax: number, ...records: TestRecord[]): Promise<void> {
    await send(await this.producer({ 'message.max.bytes': String(bytesMax) }), topic, records)
  }

  /** Produces the records in one transaction, committed or aborted: aborted ones are written all the same. */
  async produceInTransaction(
    outcome: 'commit' | 'abort',
    topic: string,
    ...records: TestRecord[]
  ): Promise<void> {
    const transaction = await this.openTransaction(topic, records)
    await transaction[outcome]()
  }

  /** A transaction that holds the record and stays open until it is committed or aborted, or until its time is over. */
  async openTransaction(
    topic: string,
    records: readonly TestRecord[],
    timeoutMs = 60_000,
  ): Promise<Transaction> {
    const times = { 'transaction.timeout.ms': String(timeoutMs), 'message.timeout.ms': String(timeoutMs) }
    const producer = await this.producer({ 'transactional.id': randomUUID(), ...times })
    await answerOf((callback) => producer.initTransactions(ANSWER_MS, callback))
    await answerOf((callback) => producer.beginTransaction(callback))
    await send(producer, topic, records)
    return {
      commit: () => answerOf((callback) => producer.commitTransaction(ANSWER_MS, callback)),
      abort: () => answerOf((callback) => producer.abortTransaction(ANSWER_MS, callback)),
    }
  }

  async close(): Promise<void> {
    const producers = await Promise.all(this.producers.values())
    await Promise.all(producers.map((producer) => answerOf((callback) => producer.disconnect(callback))))
    this.admin?.disconnect()
  }

  private adminClient(): IAdminClient {
    this.admin ??= rdkafka.AdminClient.create({ 'metadata.broker.list': this.bootstrapServers })
    return this.admin
  }

  private producer(config: Record<string, string>): Promise<Producer> {
    const key = JSON.stringify(config)
    const producer = this.producers.get(key) ?? this.connect(config)
    this.producers.set(key, producer)
    return producer
  }

  private async connect(config: Record<string, string>): Promise<Producer> {
    const limits = { 'message.max.bytes': 20_000_000, 'queue.buffering.max.messages': 1_000_000 }
    // Tried again, a record could else come twice, or behind later ones.
    const order = { 'enable.idempotence': true }
    const servers = { 'metadata.broker.list': this.bootstrapServers }
    const producer = new rdkafka.Producer({ ...servers, ...limits, ...order, ...config }, {})
    await answerOf((callback) => producer.connect({ allTopics: false, timeout: ANSWER_MS }, callback))
    producer.setPollInterval(20)
    return producer
  }
}

export interface Transaction {
  commit(): Promise<unknown>
  abort(): Promise<unknown>
}

async function send(producer: Producer, topic: string, records: readonly TestRecord[]): Promise<void> {
  for (const { value, key = null, partition = 0, timestampMs, headers } of records) {
    producer.produce(topic, partition, payloadOf(value), bytesOf(key), timestampMs, undefined, headers)
  }
  await answerOf((callback) => producer.flush(ANSWER_MS, callback))
}

/** node-rdkafka takes an empty buffer for none, unless it lies inside of another. */
function payloadOf(value: string | Uint8Array | null): Buffer | null {
  const bytes = bytesOf(value)
  return bytes?.length === 0 ? Buffer.alloc(1).subarray(0, 0) : bytes
}

function bytesOf(field: string | Uint8Array | null): Buffer | null {
  return field === null ? null : Buffer.from(field)
}
