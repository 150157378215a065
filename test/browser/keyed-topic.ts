// A compacted topic whose keys are written and deleted at random, and its newest values.

import { setTimeout as pause } from 'node:timers/promises'
import { CLEANED_SOON, type Kafka, type TestRecord } from '../kafka/kafka.ts'
import { randomOf } from '../support/random.mjs'

const KEYS = 100
const PARTITIONS = 3
const DELETES_SHARE = 0.3
const BATCH = 10
const BATCH_EVERY_MS = 50

export class KeyedTopic {
  readonly name: string
  private readonly kafka: Kafka
  private readonly random: () => number
  /** By key: the number of the record. */
  private readonly newest = new Map<string, number>()
  private written = 0

  private constructor(kafka: Kafka, name: string, seed: number) {
    this.kafka = kafka
    this.name = name
    this.random = randomOf(seed)
  }

  static async create(kafka: Kafka, seed: number): Promise<KeyedTopic> {
    return new KeyedTopic(
      kafka,
      await kafka.createTopic({ partitions: PARTITIONS, config: CLEANED_SOON }),
      seed,
    )
  }

  /** Key and value of each, by key. */
  get entries(): [string, number][] {
    return [...this.newest].toSorted()
  }

  /** Resolves when Kafka has the last of them. */
  async produceUntil(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      await this.kafka.produce(this.name, ...Array.from({ length: BATCH }, () => this.next()))
      await pause(BATCH_EVERY_MS)
    }
  }

  private next(): TestRecord {
    const number = Math.floor(this.random() * KEYS)
    const [key, partition] = [`key ${number}`, number % PARTITIONS]
    if (this.random() < DELETES_SHARE) {
      this.newest.delete(key)
      return { key, value: null, partition }
    }
    this.newest.set(key, ++this.written)
    return { key, value: String(this.written), partition }
  }
}
