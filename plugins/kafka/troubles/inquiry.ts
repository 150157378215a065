// Asks why partitions cannot be read. node-rdkafka hands on no more of a read's error than its code, so a client that
// lives for some seconds is asked, whose debug lines name partition and reason. Promise: it takes at most `INQUIRY_MS`
// and the time for closing, and no record of it reaches a bus.

import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type { KafkaOptions } from '../../../src/options.ts'
import type { ConsumerLock } from '../client/blocking-lock.ts'
import { Consumer } from '../client/consumer.ts'
import { isOfPartition } from '../client/kafka-error.ts'
import type { Isolation } from '../client/properties.ts'
import type { AssignedPartition } from '../client/record-source.ts'
import { InquiryAnswers, type UnreadReasons } from './inquiry-answers.ts'

const INQUIRY_MS = 4_000
const POLL_MS = 20
/** Its records are read for nothing, so it asks for few. */
const FEW = { 'max.partition.fetch.bytes': 16_384, 'queued.min.messages': 1 }

/** `partitions`: from which offset on each is to be read. Ends early at `signal`. Rejects if no client can be made. */
export async function inquire(
  options: KafkaOptions,
  partitions: readonly AssignedPartition[],
  lock: ConsumerLock,
  isolation: Isolation,
  signal: AbortSignal,
): Promise<UnreadReasons> {
  const answers = new InquiryAnswers(partitions)
  const asking = { ...options, config: { ...options.config, ...FEW, debug: 'fetch,msg' } }
  const consumer = new Consumer(asking, answers, lock, isolation)
  try {
    await connected(consumer, signal)
    consumer.assign(partitions)
    const untilMs = performance.now() + INQUIRY_MS
    let failure: unknown = null
    while (!answers.isComplete && !signal.aborted && performance.now() < untilMs) {
      await consumer.read(0).catch((error: unknown) => {
        if (isOfPartition(error)) failure = error
      })
      await pause(POLL_MS)
    }
    return answers.reasons(failure)
  } finally {
    await consumer.close()
  }
}

/** Gives up at `signal`: a token, or a turn of the lock, may take longer. */
async function connected(consumer: Consumer, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const done = new AbortController()
  const ended = once(signal, 'abort', { signal: done.signal }).then(() => signal.throwIfAborted())
  await Promise.race([consumer.connect(), ended]).finally(() => done.abort())
}
