// Reads the newest records of a topic once, for a command. Promise: it ends, after a bounded number of records and a
// bounded time.

import { setTimeout as pause } from 'node:timers/promises'
import type { KafkaRecord } from '../../../src/bus/record.ts'
import type { KafkaOptions } from '../../../src/options.ts'
import { processLock } from '../client/blocking-lock.ts'
import { Consumer } from '../client/consumer.ts'
import { isOfGroup, readFailure } from '../client/kafka-error.ts'
import type { ListedPartition } from '../client/questions.ts'

/** Of each partition. A busy topic has some hundred in a second. */
const RECORDS_MAX = 10_000
/** How long Kafka has for each question, and for all records. */
const ASKED_MS = 5_000
const READ_MS = 10_000
/** A client that has just been made may not be connected yet when it is asked. */
const LISTINGS_MAX = 3
const LISTED_AGAIN_MS = 100

/** Rejects if Kafka does not answer, or refuses. Partitions whose leader is silent are left out. */
export async function readNewest(
  options: KafkaOptions,
  topic: string,
  onRecord: (record: KafkaRecord) => void,
): Promise<void> {
  /** By partition that is not read yet: where it ended. */
  const ends = new Map<number, number>()
  const events = {
    onRecord: (_topic: string, record: KafkaRecord) => {
      onRecord(record)
      if (record.offset + 1 >= (ends.get(record.partition) ?? 0)) ends.delete(record.partition)
    },
    onEnd: (_topic: string, partition: number) => void ends.delete(partition),
    onBatchEnd: () => {},
    onTrouble: () => {},
    onLog: () => {},
    onTopicId: () => {},
    onStop: () => {},
  }
  const consumer = new Consumer(options, events, processLock, 'read_uncommitted')
  try {
    await consumer.connect()
    const listed = await partitionsOf(consumer, topic)
    const asked = listed.map(({ partition }) => ({ topic, partition }))
    const starts = (await consumer.starts(asked, ASKED_MS)).get(topic)
    for (const [partition, end] of (await consumer.ends(asked, ASKED_MS)).get(topic) ?? [])
      if (end > (starts?.get(partition) ?? end)) ends.set(partition, end)
    if (ends.size === 0) return
    consumer.assign(
      [...ends].map(([partition, end]) => {
        return { topic, partition, offset: Math.max(starts?.get(partition) ?? 0, end - RECORDS_MAX) }
      }),
    )
    const untilMs = performance.now() + READ_MS
    while (ends.size > 0 && performance.now() < untilMs) await readSome(consumer, topic)
  } finally {
    await consumer.close()
  }
}

async function readSome(consumer: Consumer, topic: string): Promise<void> {
  try {
    await consumer.read()
  } catch (error) {
    if (!isOfGroup(error)) throw new Error(readFailure(error, `topic ${topic}`))
  }
}

async function partitionsOf(consumer: Consumer, topic: string): Promise<readonly ListedPartition[]> {
  for (let listing = 1; ; listing++) {
    try {
      return (await consumer.partitions([topic])).get(topic) ?? []
    } catch (error) {
      if (listing === LISTINGS_MAX) throw error
      await pause(LISTED_AGAIN_MS)
    }
  }
}
