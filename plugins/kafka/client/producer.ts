// A producer for the commands. Each record resolves when Kafka has it, or rejects with one line that says why not.

import type { DeliveryReport, LibrdKafkaError, Metadata, Producer } from 'node-rdkafka'
import { errorWords } from '../../../src/errors.ts'
import type { KafkaOptions } from '../../../src/options.ts'
import { answerOf } from './callback.ts'
import { writeFailure } from './kafka-error.ts'
import { failureOf, type LogLine, tellsFailure } from './log-line.ts'
import { newProducer } from './new-client.ts'
import { producerProperties, redacting, redactor } from './properties.ts'
import { type TokenSupply, tokenSupply } from './token-supply.ts'

export interface ProducedRecord {
  readonly topic: string
  /** null: by the key's hash, at random without a key. */
  readonly partition: number | null
  readonly key: Uint8Array | null
  /** null is a tombstone. */
  readonly value: Uint8Array | null
  readonly headers: readonly { readonly name: string; readonly value: string }[]
}

export interface Delivery {
  readonly partition: number
  readonly offset: number
}

const CONNECT_MS = 5_000
/** librdkafka retries for this long before it gives a record up. */
const DELIVERY_MS = 30_000
/** How long a topic may be unknown, also one that Kafka makes because it is written to. */
const UNKNOWN_TOPIC_MS = 4_000
/** Without a delivery for so long, the caller is told. */
const SILENT_MS = 6_000
const POLL_MS = 10
/** Records under way at a time. Beyond this `produce` waits for a delivery. */
const UNDER_WAY_MAX = 10_000

/** node-rdkafka hands on no code of a record. */
const UNKNOWN_TOPIC = /unknown topic/i
const TIMED_OUT = /message timed out/i

interface UnderWay {
  resolve(delivery: Delivery): void
  reject(error: Error): void
}

export class RecordProducer {
  private readonly client: Producer
  private readonly bootstrapServers: string
  private readonly redact: (text: string) => string
  private readonly tokens: TokenSupply | null
  private readonly underWay = new Set<UnderWay>()
  private waiting: (() => void) | null = null
  /** Of the last connection that failed since Kafka took a record; empty if none did. */
  private failure = ''
  /** Ends when Kafka has taken nothing for SILENT_MS, though records are under way. Each delivery starts it again. */
  private silence: NodeJS.Timeout | null = null
  private readonly onSilence: ((words: string) => void) | null

  /**
   * Throws, naming the property, if librdkafka does not take the configuration. `onSilence` is told, once until the
   * next delivery, that Kafka has taken no record for 6 s, and why.
   */
  constructor(options: KafkaOptions, onSilence: ((words: string) => void) | null = null) {
    this.onSilence = onSilence
    const properties = producerProperties(options, {
      'delivery.timeout.ms': DELIVERY_MS,
      'topic.metadata.propagation.max.ms': UNKNOWN_TOPIC_MS,
    })
    this.bootstrapServers = options.bootstrapServers
    this.redact = redactor(options)
    this.tokens = tokenSupply(options)
    this.client = redacting(this.redact, () => newProducer(properties))
    this.client.on('delivery-report', (error, report) => this.settle(error, report))
  }

  /** Rejects within about 5 s if no broker answers. */
  async connect(): Promise<void> {
    this.client.on('event.log', (line: LogLine) => {
      if (tellsFailure(line)) this.failure = failureOf(this.redact(line.message))
    })
    await this.tokens?.give(this.client)
    try {
      await answerOf<unknown>((callback) =>
        this.client.connect({ allTopics: false, timeout: CONNECT_MS }, callback),
      )
    } catch (error) {
      throw new Error(`no Kafka answers at ${this.bootstrapServers}: ${this.failure || this.wordsOf(error)}`)
    }
    this.client.setPollInterval(POLL_MS)
  }

  /** Whether Kafka has the topic. Does not make it, as writing to it may. */
  async hasTopic(topic: string): Promise<boolean> {
    try {
      const { topics } = await answerOf<Metadata>((callback) =>
        this.client.getMetadata({ allTopics: true, timeout: CONNECT_MS }, callback),
      )
      return topics.some(({ name }) => name === topic)
    } catch (error) {
      throw new Error(`Kafka does not list its topics: ${this.wordsOf(error)}`)
    }
  }

  /** Resolves when there is room for the record. `delivered` settles when Kafka has it, or it is given up. */
  async produce(record: ProducedRecord): Promise<{ delivered: Promise<Delivery> }> {
    while (this.underWay.size >= UNDER_WAY_MAX) {
      await new Promise<void>((resolve) => {
        this.waiting = resolve
      })
    }
    const delivered = new Promise<Delivery>((resolve, reject) => this.hand(record, { resolve, reject }))
    return { delivered }
  }

  /** Gives up the records that are under way. */
  async close(): Promise<void> {
    this.endSilence()
    this.tokens?.release(this.client)
    await answerOf<unknown>((callback) => this.client.disconnect(callback))
  }

  private hand({ topic, partition, key, value, headers }: ProducedRecord, underWay: UnderWay): void {
    const named = headers.map(({ name, value }) => ({ [name]: value }))
    this.underWay.add(underWay)
    this.silence ??= setTimeout(() => this.tellSilence(), SILENT_MS)
    try {
      this.client.produce(topic, partition, payload(value), payload(key), null, underWay, named)
    } catch (error) {
      this.underWay.delete(underWay)
      if (this.underWay.size === 0) this.endSilence()
      underWay.reject(new Error(this.wordsOf(error)))
    }
  }

  private settle(error: LibrdKafkaError | null, { opaque, topic, partition, offset }: DeliveryReport): void {
    const underWay: UnderWay = opaque
    this.underWay.delete(underWay)
    if (this.underWay.size === 0) this.endSilence()
    else this.silence?.refresh()
    if (error) underWay.reject(new Error(this.failureOfRecord(error, topic)))
    else underWay.resolve({ partition, offset })
    if (!error) this.failure = ''
    this.waiting?.()
    this.waiting = null
  }

  private tellSilence(): void {
    const since = `has taken no record for ${SILENT_MS / 1_000} s; still trying`
    this.onSilence?.(`Kafka at ${this.bootstrapServers} ${since}${this.because()}`)
  }

  private endSilence(): void {
    if (this.silence !== null) clearTimeout(this.silence)
    this.silence = null
  }

  private failureOfRecord(error: LibrdKafkaError, topic: string): string {
    const words = this.wordsOf(error)
    if (UNKNOWN_TOPIC.test(words)) return `there is no topic ${topic} at ${this.bootstrapServers}`
    if (TIMED_OUT.test(words)) return `Kafka did not take a record of topic ${topic} in time${this.because()}`
    return writeFailure(words, `topic ${topic}`)
  }

  private because(): string {
    return this.failure && `: ${this.failure}`
  }

  private wordsOf(error: unknown): string {
    return this.redact(errorWords(error))
  }
}

/** node-rdkafka takes an empty buffer for null, unless it is a slice of another. */
function payload(bytes: Uint8Array | null): Buffer | null {
  if (bytes === null) return null
  return bytes.length === 0 ? Buffer.alloc(1).subarray(0, 0) : Buffer.from(bytes)
}
