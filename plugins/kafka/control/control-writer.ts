// Writes what this process tells others, signed. Promise: what Kafka does not take is counted, and its reason is in
// the log at debug; a caller learns no more than that it was not written.

import type { ControlFigures } from '../../../src/control/control-figures.ts'
import type { ControlKeys } from '../../../src/control/control-keys.ts'
import { type ControlRecord, encodeRecord } from '../../../src/control/control-record.ts'
import { ControlUnwritable, errorWords } from '../../../src/errors.ts'
import type { Clock } from '../../../src/stream/clock.ts'
import { writeFailure } from '../client/kafka-error.ts'
import type { Delivery } from '../client/producer.ts'
import type { Log } from '../troubles/condition.ts'
import type { ControlProducer } from './control-producer.ts'

/** How Kafka refuses a record without a key in a compacted topic. node-rdkafka hands on no code. */
const INVALID_RECORD = /failed to validate record/i

/** A record that does not name its writer yet. */
type Unattributed<Kind = ControlRecord> = Kind extends ControlRecord ? Omit<Kind, 'by' | 'atMs'> : never

export interface ControlWriterParts {
  readonly topic: string
  readonly producer: Pick<ControlProducer, 'write'>
  readonly keys: ControlKeys
  /** Names this process. */
  readonly by: string
  readonly clock: Pick<Clock, 'epochMs'>
  readonly figures: ControlFigures
  readonly log: Pick<Log, 'debug'>
}

export class ControlWriter {
  private readonly parts: ControlWriterParts
  /** Kafka has refused the last heartbeat because the topic is compacted. */
  isCompacted = false
  /** Why Kafka did not take the last heartbeat; null if it did. */
  failure: string | null = null
  /** Of the last record that Kafka did not take, of any kind. */
  private lastFailure: string | null = null

  constructor(parts: ControlWriterParts) {
    this.parts = parts
  }

  /** Resolves when Kafka has it. Rejects with ControlUnwritable. `partition` null: by the record's key. */
  async write(record: Unattributed, partition: number | null = null): Promise<Delivery> {
    return this.send({ ...record, ...this.written(this.parts.clock.epochMs()) } as ControlRecord, partition)
  }

  /** Never rejects: readiness tells if heartbeats do not come back. */
  async beat(partition: number, atMs: number): Promise<void> {
    try {
      await this.send({ op: 'alive', ...this.written(atMs) }, partition)
      this.isCompacted = false
      this.failure = null
    } catch (error) {
      this.isCompacted ||= error instanceof KeyRequired
      this.failure = this.lastFailure
    }
  }

  private written(atMs: number): Pick<ControlRecord, 'by' | 'atMs'> {
    return { by: this.parts.by, atMs }
  }

  /** As `write`, for a record that names its writer. */
  async send(record: ControlRecord, partition: number | null): Promise<Delivery> {
    const { topic, producer, keys, figures, log } = this.parts
    try {
      return await producer.write(encodeRecord(record, topic, keys), partition)
    } catch (error) {
      this.lastFailure = writeFailure(errorWords(error), 'it')
      figures.unwritten[record.op]++
      log.debug(`control topic ${topic}: a record of ${record.op} is not written: ${this.lastFailure}`)
      throw INVALID_RECORD.test(this.lastFailure) ? new KeyRequired() : new ControlUnwritable()
    }
  }
}

/** Of the records that are written, only heartbeats have no key. */
class KeyRequired extends Error {}
