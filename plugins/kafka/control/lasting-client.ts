// One client of librdkafka that writes records which must not be lost. Promise: each record that it was handed settles,
// at the latest when the client is closed; closing works at any time, also before the client has connected.

import type { DeliveryReport, LibrdKafkaError, Metadata, Producer } from 'node-rdkafka'
import { errorWords } from '../../../src/errors.ts'
import { codeOf } from '../client/kafka-error.ts'
import { failureOf, type LogLine } from '../client/log-line.ts'
import { rdkafka } from '../client/native.ts'
import { newProducer } from '../client/new-client.ts'
import type { Delivery } from '../client/producer.ts'
import type { ClientProperties } from '../client/properties.ts'
import type { TokenSupply } from '../client/token-supply.ts'

const POLL_MS = 5
/** Time for closing: what is under way may still arrive. */
const CLOSE_MS = 900
// node-rdkafka's types do not say that success comes with a null.
const NO_ERROR = null as unknown as LibrdKafkaError
const NO_METADATA: Metadata = { orig_broker_id: -1, orig_broker_name: '', topics: [], brokers: [] }

export interface SentBytes {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly Readonly<Record<string, string>>[]
}

interface UnderWay {
  resolve(delivery: Delivery): void
  reject(error: unknown): void
}

export class LastingClient {
  private readonly client: Producer
  private readonly onFatal: () => void
  private readonly tokens: TokenSupply | null
  private readonly underWay = new Set<UnderWay>()
  /** Why librdkafka takes nothing more; null as long as it does. Its errors of records do not say it. */
  private fatal: string | null = null
  /** Resolves with whether it has connected. That is to itself: brokers are found later. */
  private readonly connected: Promise<boolean>

  /** Throws if librdkafka does not take the properties. `onFatal`: it takes no record any more; may be called often. */
  constructor(properties: ClientProperties, tokens: TokenSupply | null, onFatal: () => void) {
    this.client = newProducer(properties)
    this.onFatal = onFatal
    this.tokens = tokens
    this.client.on('delivery-report', (error: LibrdKafkaError | null, report) => this.settle(error, report))
    this.client.on('event.error', (error) => this.noteError(error))
    this.client.on('event.log', (line: LogLine) => this.hearLog(line))
    this.connected = this.connect()
  }

  /** Records under way. */
  get size(): number {
    return this.underWay.size
  }

  /** Rejects with an error of node-rdkafka's. `partition` null: by the key. */
  async send(topic: string, partition: number | null, record: SentBytes): Promise<Delivery> {
    return new Promise((resolve, reject) => {
      const sent: UnderWay = { resolve, reject }
      this.underWay.add(sent)
      void this.connected.then(() => this.hand(sent, topic, partition, record))
    })
  }

  /** Gives up what Kafka has not taken by then. Resolves within 1 s. */
  async close(): Promise<void> {
    this.tokens?.release(this.client)
    if (await this.connected) await this.disconnect()
    for (const { reject } of this.underWay) reject(new Error('the client was closed'))
    this.underWay.clear()
  }

  private async connect(): Promise<boolean> {
    const { client } = this
    if (!(await this.takeToken())) return false
    // connect() ends with a question for metadata, and destroys the client if no answer comes. Without it the client
    // waits, and connects by itself.
    client.getMetadata = (_options, answer) => {
      answer?.(NO_ERROR, NO_METADATA)
      return client
    }
    return new Promise((resolve) => {
      client.connect({ allTopics: false }, (error) => {
        if (!error) client.setPollInterval(POLL_MS)
        resolve(!error)
      })
    })
  }

  /** Without a token no broker would answer; a record is refused then, and the next client asks again. */
  private async takeToken(): Promise<boolean> {
    try {
      await this.tokens?.give(this.client)
      return true
    } catch (error) {
      this.fatal = errorWords(error)
      return false
    }
  }

  private hand(sent: UnderWay, topic: string, partition: number | null, record: SentBytes): void {
    const { key, value, headers } = record
    try {
      this.client.produce(topic, partition, bytes(value), bytes(key), null, sent, [...headers])
    } catch (error) {
      this.underWay.delete(sent)
      if (this.fatal === null) this.noteError(error)
      else this.onFatal()
      this.refuse(sent, error)
    }
  }

  private disconnect(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, CLOSE_MS)
      this.client.disconnect(CLOSE_MS, () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  private settle(error: LibrdKafkaError | null, { opaque, partition, offset }: DeliveryReport): void {
    const sent: UnderWay = opaque
    this.underWay.delete(sent)
    if (error) this.refuse(sent, error)
    else sent.resolve({ partition, offset })
  }

  private refuse({ reject }: UnderWay, error: unknown): void {
    reject(this.fatal === null ? error : new Error(this.fatal))
  }

  private hearLog({ fac, message }: LogLine): void {
    if (fac === 'FATAL') this.fatal = failureOf(message)
  }

  private noteError(error: unknown): void {
    if (codeOf(error) === rdkafka.CODES.ERRORS.ERR__FATAL) this.onFatal()
  }
}

/** node-rdkafka takes an empty buffer for null; records here have no empty part. */
function bytes(part: Uint8Array | null): Buffer | null {
  return part === null ? null : Buffer.from(part)
}
