// Records whose value is their partition and their number there, and what a client has read of them.

import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Kafka, TestRecord } from '../kafka/kafka.ts'

/** `name` is the partition and the number, as a client gets it. */
type RecordOf = (partition: number, name: string) => TestRecord

/** 500 records a second. */
const FAST = { records: 25, everyMs: 50 }

export class NumberedRecords {
  readonly #kafka: Kafka
  readonly #topic: string
  /** Records of each partition so far. */
  readonly #produced: number[]
  readonly #batch: typeof FAST

  constructor(kafka: Kafka, topic: string, partitions: number, batch = FAST) {
    this.#batch = batch
    this.#kafka = kafka
    this.#topic = topic
    this.#produced = new Array<number>(partitions).fill(0)
  }

  /** By partition. */
  get counts(): readonly number[] {
    return this.#produced
  }

  get total(): number {
    return this.#produced.reduce((sum, count) => sum + count, 0)
  }

  /** Resolves when Kafka has the last of them. */
  async produceUntil(isDone: () => boolean, recordOf: RecordOf = keyed): Promise<void> {
    const { records, everyMs } = this.#batch
    while (!isDone()) {
      await this.#kafka.produce(this.#topic, ...Array.from({ length: records }, () => this.#next(recordOf)))
      await pause(everyMs)
    }
  }

  countsOf(received: readonly string[]): { lost: number; twice: number } {
    const distinct = new Set(received).size
    return { lost: this.total - distinct, twice: received.length - distinct }
  }

  /** How many are lost and come twice to all of them together. */
  tell(all: readonly (readonly string[])[]): string {
    const counts = all.map((received) => this.countsOf(received))
    const sum = (count: 'lost' | 'twice') => counts.reduce((total, { [count]: more }) => total + more, 0)
    return `${sum('lost')} lost, ${sum('twice')} twice`
  }

  /** Each once, in the order of its partition. */
  expectAll(received: readonly string[]): void {
    expect(this.countsOf(received)).toEqual({ lost: 0, twice: 0 })
    for (const [partition, count] of this.#produced.entries())
      expect(received.filter((name) => name.startsWith(`${partition}:`))).toEqual(
        Array.from({ length: count }, (_, number) => `${partition}:${number}`),
      )
  }

  #next(recordOf: RecordOf): TestRecord {
    const partition = Math.floor(Math.random() * this.#produced.length)
    const number = this.#produced[partition] ?? 0
    this.#produced[partition] = number + 1
    return recordOf(partition, `${partition}:${number}`)
  }
}

function keyed(partition: number, name: string): TestRecord {
  return { partition, key: name, value: name }
}
