// A producer for the commands. Each record resolves when Kafka has it, or rejects with one line that says why not.

import type { DeliveryReport, LibrdKafkaError, Metadata, Producer } from 'node-rdkafka'
import { errorWords } from '../../../src/errors.ts'
import type { KafkaOptions } from '../../../src/options.ts'
import { answerOf } from './callback.ts'
import { writeFailure } from './kafka-error.ts'
import { failureOf, type LogLine, tellsFailure } from './log-line.ts'
import { rdkafka } from './native.ts'
import { producerProperties, redacting, redactor } from './properties.ts'

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
const POLL_MS = 10
/** Records under way at a time. Beyond this `produce` waits for a delivery. */
const UNDER_WAY_MAX = 10_000

interface UnderWay {
  resolve(delivery: Delivery): void
  reject(error: Error): void
}

export class RecordProducer {
  private readonly client: Producer
  private readonly bootstrapServers: string
  private readonly redact: (text: string) => string
  private readonly underWay = new Set<UnderWay>()
  private waiting: (() => void) | null = null

  /** Throws, naming the property, if librdkafka does not take the configuration. */
  constructor(options: KafkaOptions) {
    const { global, topic } = producerProperties(options, { 'delivery.timeout.ms': DELIVERY_MS })
    this.bootstrapServers = options.bootstrapServers
    this.redact = redactor(options)
    this.client = redacting(this.redact, () => new rdkafka.Producer(global, topic))
    this.client.on('delivery-report', (error, report) => this.settle(error, report))
  }

  /** Rejects within about 5 s if no broker answers. */
  async connect(): Promise<void> {
    let failure = ''
    this.client.on('event.log', (line: LogLine) => {
      if (tellsFailure(line)) failure = failureOf(this.redact(line.message))
    })
    try {
      await answerOf<unknown>((callback) =>
        this.client.connect({ allTopics: false, timeout: CONNECT_MS }, callback),
      )
    } catch (error) {
      throw new Error(`no Kafka answers at ${this.bootstrapServers}: ${failure || this.wordsOf(error)}`)
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
    await answerOf<unknown>((callback) => this.client.disconnect(callback))
  }

  private hand({ topic, partition, key, value, headers }: ProducedRecord, underWay: UnderWay): void {
    const named = headers.map(({ name, value }) => ({ [name]: value }))
    this.underWay.add(underWay)
    try {
      this.client.produce(topic, partition, payload(value), payload(key), null, underWay, named)
    } catch (error) {
      this.underWay.delete(underWay)
      underWay.reject(new Error(this.wordsOf(error)))
    }
  }

  private settle(error: LibrdKafkaError | null, { opaque, topic, partition, offset }: DeliveryReport): void {
    const underWay: UnderWay = opaque
    this.underWay.delete(underWay)
    if (error) underWay.reject(new Error(writeFailure(this.wordsOf(error), `topic ${topic}`)))
    else underWay.resolve({ partition, offset })
    this.waiting?.()
    this.waiting = null
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
