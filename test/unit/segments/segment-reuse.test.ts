// One thread returns and reuses segments as fast as it can, others hold and read them: while one is held, its bytes
// stay the same. Needs `npm run build`.

import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import type { Segment } from '../../../src/segments/segment.ts'
import { CONTROL_BYTES } from '../../../src/segments/segment-layout.ts'
import { SegmentPool } from '../../../src/segments/segment-pool.ts'

const SECONDS = 3
const SEGMENT_BYTES = 16 * 1024
const READERS = 2
/** Those that are in use, and enough others for one to be always free of readers. */
const IN_USE = 3
const SEGMENTS = IN_USE + READERS + 1
const TURNS_PER_LOOK = 100

interface Seen {
  readonly held: number
  readonly refused: number
  readonly wrong: number
}

it('changes no byte of a segment that another thread holds', async () => {
  const pool = new SegmentPool(SEGMENT_BYTES)
  const segments = Array.from({ length: SEGMENTS }, () => pool.take(0, 1))
  const published = new Int32Array(new SharedArrayBuffer(4 * SEGMENTS))
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const inUse: Segment[] = []
  let reused = 0

  function use(segment: Segment): void {
    segment.bytes.fill(segment.generation & 255, CONTROL_BYTES)
    Atomics.store(published, segments.indexOf(segment), segment.generation)
    inUse.push(segment)
  }

  function reuseOne(): void {
    const [oldest] = inUse.splice(0, 1)
    if (oldest !== undefined) pool.give(oldest)
    use(pool.take(0, 1))
    reused++
  }

  for (const [at, segment] of segments.entries()) {
    if (at < IN_USE) use(segment)
    else pool.give(segment)
  }
  const buffers = segments.map(({ shared }) => shared)
  const readers = await Promise.all(
    Array.from({ length: READERS }, async (_, at) => {
      const workerData = { buffers, published, stop, reader: at + 1 }
      const worker = new Worker(new URL('segment-reuse-reader.mjs', import.meta.url), {
        workerData,
        execArgv: [],
      })
      await once(worker, 'message')
      return worker
    }),
  )
  for (const untilMs = Date.now() + SECONDS * 1000; Date.now() < untilMs; await nextTurn())
    for (let turn = 0; turn < TURNS_PER_LOOK; turn++) reuseOne()
  Atomics.store(stop, 0, 1)
  const answers = await Promise.all(readers.map((worker) => once(worker, 'message')))
  const seen = answers.map(([answer]) => answer as Seen)
  console.log(`${reused} times reused:`, JSON.stringify(seen))
  expect(pool.allocatedBytes).toBe(SEGMENTS * SEGMENT_BYTES)
  for (const { held, refused, wrong } of seen) {
    expect(wrong).toBe(0)
    expect(held).toBeGreaterThan(1_000)
    expect(refused).toBeGreaterThan(100)
  }
  for (const { holdCount: counted } of segments) expect(counted).toBe(0)
})
