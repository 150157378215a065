// Writes records to the control topic. Promise: a record resolves when all in-sync replicas of Kafka have it, once and
// in order (acks=all, idempotent), or rejects within `DELIVERY_MS`; nothing waits in an unbounded queue.

import { MAC_HEADER, macText, type RecordBytes } from '../../../src/control/control-record.ts'
import { errorWords } from '../../../src/errors.ts'
import type { KafkaOptions } from '../../../src/options.ts'
import type { Delivery } from '../client/producer.ts'
import { lastingProducerProperties, redacting, redactor } from '../client/properties.ts'
import { tokenSupply } from '../client/token-supply.ts'
import { LastingClient } from './lasting-client.ts'

/** librdkafka retries for this long before it gives a record up. */
const DELIVERY_MS = 5_000
/** Partitions that are added have to be known as soon as they are read. */
const METADATA_MS = 2_000
const HOLDS = { 'delivery.timeout.ms': DELIVERY_MS, 'topic.metadata.refresh.interval.ms': METADATA_MS }
/** Records under way at a time. Another one is refused at once. */
const UNDER_WAY_MAX = 10_000
/** After a fatal error librdkafka takes nothing more. Least time between two new clients. */
const RENEWED_MS = 1_000

export class ControlProducer {
  private readonly options: KafkaOptions
  private readonly topic: string
  private readonly redact: (text: string) => string
  private readonly nowMs: () => number
  private client: LastingClient
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
  async write({ key, value, mac }: RecordBytes, partition: number | null): Promise<Delivery> {
    if (this.isClosed) throw new Error('the control topic is closed')
    if (this.client.size >= UNDER_WAY_MAX)
      throw new Error(`${UNDER_WAY_MAX} records are under way to the control topic`)
    const headers = mac === null ? [] : [{ [MAC_HEADER]: macText(mac) }]
    try {
      return await this.client.send(this.topic, partition, { key, value, headers })
    } catch (error) {
      throw new Error(this.redact(errorWords(error)))
    }
  }

  /** What Kafka has not taken by then is given up. Resolves within 1 s. */
  async close(): Promise<void> {
    this.isClosed = true
    await this.client.close()
  }

  private connected(): LastingClient {
    const properties = lastingProducerProperties(this.options, HOLDS)
    const tokens = tokenSupply(this.options)
    return redacting(this.redact, () => new LastingClient(properties, tokens, () => this.replaceClient()))
  }

  /**
   * A fatal error, such as a sequence that Kafka has lost, ends an idempotent producer. Its records are given up. One
   * that comes too soon is told again by the next record.
   */
  private replaceClient(): void {
    if (this.isClosed || this.nowMs() - this.madeAtMs < RENEWED_MS) return
    this.madeAtMs = this.nowMs()
    const former = this.client
    this.client = this.connected()
    void former.close()
  }
}
