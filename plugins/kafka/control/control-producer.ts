// Writes records to the control topic. Promise: a record resolves when all in-sync replicas of Kafka have it, once and
// in order (acks=all, idempotent), or rejects within `DELIVERY_MS`; nothing waits in an unbounded queue.

import rdkafka, { type DeliveryReport, type LibrdKafkaError, type Metadata } from 'node-rdkafka'
import { MAC_HEADER, macText, type RecordBytes } from '../../../src/control/control-record.ts'
import { errorWords } from '../../../src/errors.ts'
import type { KafkaOptions } from '../../../src/options.ts'
import { codeOf } from '../client/kafka-error.ts'
import type { Delivery } from '../client/producer.ts'
import { lastingProducerProperties, redacting, redactor } from '../client/properties.ts'

/** librdkafka retries for this long before it gives a record up. */
const DELIVERY_MS = 5_000
const POLL_MS = 5
/** Partitions that are added have to be known as soon as they are read. */
const METADATA_MS = 2_000
const HOLDS = { 'delivery.timeout.ms': DELIVERY_MS, 'topic.metadata.refresh.interval.ms': METADATA_MS }
/** Records under way at a time. Another one is refused at once. */
const UNDER_WAY_MAX = 10_000
/** Time for closing: what is under way may still arrive. */
const CLOSE_MS = 900
/** After a fatal error librdkafka takes nothing more. Least time between two new clients. */
const RENEWED_MS = 1_000
// node-rdkafka's types do not say that success comes with a null.
const NO_ERROR = null as unknown as LibrdKafkaError
const NO_METADATA: Metadata = { orig_broker_id: -1, orig_broker_name: '', topics: [], brokers: [] }

interface UnderWay {
  resolve(delivery: Delivery): void
  reject(error: unknown): void
}

export class ControlProducer {
  private readonly options: KafkaOptions
  private readonly topic: string
  private readonly redact: (text: string) => string
  private readonly nowMs: () => number
  private client: rdkafka.Producer
  private underWay = 0
  private madeAtMs: number
  private isClosed = false

  /** Throws, naming the property, if librdkafka does not take the configuration. `nowMs`: only differences count. */
  constructor(options: KafkaOptions, topic: string, nowMs: () => number) {
    this.options = options
    this.topic = topic
    this.redact = redactor(options)
    this.nowMs = nowMs
    this.client = this.connected()
    this.madeAtMs = nowMs()
  }

  /** `partition` null: by the key. Rejects with an error of node-rdkafka's, whose words hold no secret. */
  write({ key, value, mac }: RecordBytes, partition: number | null): Promise<Delivery> {
    if (this.isClosed) return Promise.reject(new Error('the control topic is closed'))
    if (this.underWay >= UNDER_WAY_MAX)
      return Promise.reject(new Error(`${UNDER_WAY_MAX} records are under way to the control topic`))
    return new Promise((resolve, reject) => {
      this.underWay++
      const settled: UnderWay = {
        resolve: (delivery) => {
          this.underWay--
          resolve(delivery)
        },
        reject: (error) => {
          this.underWay--
          reject(new Error(this.redact(errorWords(error))))
        },
      }
      this.hand({ key, value, mac }, partition, settled)
    })
  }

  /** Resolves within 1 s. */
  async close(): Promise<void> {
    this.isClosed = true
    await closed(this.client, CLOSE_MS)
  }

  private hand({ key, value, mac }: RecordBytes, partition: number | null, settled: UnderWay): void {
    const headers = mac === null ? [] : [{ [MAC_HEADER]: macText(mac) }]
    try {
      this.client.produce(this.topic, partition, bytes(value), bytes(key), null, settled, headers)
    } catch (error) {
      settled.reject(error)
    }
  }

  private connected(): rdkafka.Producer {
    const { global, topic } = lastingProducerProperties(this.options, HOLDS)
    const client = redacting(this.redact, () => new rdkafka.Producer(global, topic))
    client.on('delivery-report', (error: LibrdKafkaError | null, report: DeliveryReport) => {
      const settled: UnderWay = report.opaque
      if (error) settled.reject(error)
      else settled.resolve({ partition: report.partition, offset: report.offset })
    })
    client.on('event.error', (error) => {
      if (codeOf(error) === rdkafka.CODES.ERRORS.ERR__FATAL) this.replaceClient()
    })
    // connect() ends with a question for metadata, and destroys the client if no answer comes. Without it the client
    // waits, and connects by itself.
    client.getMetadata = (_options, answer) => {
      answer?.(NO_ERROR, NO_METADATA)
      return client
    }
    client.connect({ allTopics: false }, () => client.setPollInterval(POLL_MS))
    return client
  }

  /** A fatal error, such as a sequence that Kafka has lost, ends an idempotent producer. Its records were given up. */
  private replaceClient(): void {
    if (this.isClosed || this.nowMs() - this.madeAtMs < RENEWED_MS) return
    this.madeAtMs = this.nowMs()
    const former = this.client
    this.client = this.connected()
    void closed(former, CLOSE_MS)
  }
}

function closed(client: rdkafka.Producer, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, withinMs)
    client.disconnect(withinMs, () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** node-rdkafka takes an empty buffer for null; records here have no empty part. */
function bytes(part: Uint8Array | null): Buffer | null {
  return part === null ? null : Buffer.from(part)
}
