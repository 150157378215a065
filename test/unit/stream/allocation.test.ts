// What the live path allocates for each record and stream: nothing.

import { setImmediate as turn } from 'node:timers/promises'
import { GCProfiler, getHeapStatistics } from 'node:v8'
import { expect, it } from 'vitest'
import { FROM_EARLIEST } from '../../../src/beginning/requested-beginning.ts'
import type { Sink } from '../../../src/stream/sink.ts'
import { Streams } from '../../../src/stream/streams.ts'
import { streamsSettings } from '../../support/streams-scene.ts'
import { recordOf, TopicInMemory } from '../../support/topic-in-memory.ts'

const STREAMS = 2000
const RECORDS = 100
const ROUNDS = 30
/** An object of one field is 16 B or more, and a string as much. */
const BYTES_MAX = 1
/** Of a stream and round, for any number of records. */
const ROUND_BYTES_MAX = 300

/** Writes that are to be taken in the next turn: an array of its own, so that sinks allocate nothing. */
const untaken: (() => void)[] = new Array(STREAMS).fill(() => {})
let writes = 0

class TakingSink implements Sink {
  bytes = 0

  write(bytes: Uint8Array, taken: () => void): void {
    this.bytes += bytes.length
    untaken[writes++] = taken
  }

  end(): void {}

  releaseUntaken(): void {}
  cancel(): void {}

  onClose(): void {}
}

const sinks = Array.from({ length: STREAMS }, () => new TakingSink())
const topic = new TopicInMemory()
let nextOffset = 0

/** Bytes that were allocated while `act` ran, collected meanwhile or not. */
async function allocated(act: () => Promise<void>): Promise<number> {
  const profiler = new GCProfiler()
  profiler.start()
  const before = getHeapStatistics().used_heap_size
  await act()
  const after = getHeapStatistics().used_heap_size
  const { statistics } = profiler.stop()
  const used = (heap: { usedHeapSize: number }) => heap.usedHeapSize
  const collected = statistics.map(({ beforeGC, afterGC }) =>
    Math.max(0, used(beforeGC.heapStatistics) - used(afterGC.heapStatistics)),
  )
  return after - before + collected.reduce((sum, bytes) => sum + bytes, 0)
}

/** Until nothing was written for some turns: how many a round takes depends on how fast the machine is just then. */
async function deliver(): Promise<void> {
  topic.bus.publish()
  for (let quietTurns = 0; quietTurns < 10; quietTurns++) {
    await turn()
    if (writes > 0) quietTurns = 0
    const taken = writes
    writes = 0
    for (let i = 0; i < taken; i++) untaken[i]?.()
  }
}

/** Bytes allocated in a round of this many records for each stream; the median of several. */
async function round(records: number): Promise<number> {
  const rounds: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    for (let record = 0; record < records; record++)
      topic.bus.append(recordOf(nextOffset++, 'x'.repeat(100), null, 0))
    rounds.push(await allocated(deliver))
  }
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN
}

it('is nothing for each stream and record, and little for each stream and write', async () => {
  const streams = new Streams(streamsSettings(STREAMS))
  const session = {
    issuer: 'https://auth.example.com',
    subject: 'example',
    scopes: new Set<string>(),
    expiresAtMs: Date.now() + 3_600_000,
    issuedAtMs: null,
    sessionId: null,
    client: null,
    tokenId: null,
    tokenDigest: 'digest',
    claims: {},
  }
  for (const sink of sinks) {
    const admitted = { release: () => {} }
    streams.open({
      topic,
      sink,
      session,
      route: '/',
      params: '[]',
      signals: false,
      admitted,
      requested: FROM_EARLIEST,
    })
  }
  await round(RECORDS) // until everything is compiled
  const [few, many] = [await round(1), await round(RECORDS)]
  const [written] = sinks.map(({ bytes }) => bytes)
  expect(written).toBeGreaterThan(ROUNDS * RECORDS * 10)
  expect(new Set(sinks.map(({ bytes }) => bytes)).size).toBe(1)
  console.log(`${few / STREAMS} B for a write of 1 record, ${many / STREAMS} B for one of ${RECORDS}`)
  expect((many - few) / STREAMS / (RECORDS - 1)).toBeLessThan(BYTES_MAX)
  expect(few / STREAMS).toBeLessThan(ROUND_BYTES_MAX)
})
