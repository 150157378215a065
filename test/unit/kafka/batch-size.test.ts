// How many records a read takes in one turn of the event loop.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BatchSize } from '../../../plugins/kafka/client/batch-size.ts'

/** One turn of the event loop, and what a batch costs besides its records. */
const TURN_MS_MAX = 6
const BATCH_MS = 0.2
const SMALL_BYTES = 250

/** Takes this many batches of a consumer that always has more; returns how long each took. */
function take(size: BatchSize, batches: number, recordMs: number, bytes = SMALL_BYTES): number[] {
  return Array.from({ length: batches }, () => {
    const { records } = size
    const tookMs = BATCH_MS + records * recordMs
    size.note(records, records * bytes, tookMs)
    return tookMs
  })
}

describe('The size of a batch', () => {
  it('grows to 256 records within a few batches if these take little time', () => {
    const size = new BatchSize()
    take(size, 3, 0.006)
    expect(size.records).toBe(256)
  })

  it('holds the loop for at most 6 ms from the first on, if a record takes up to a third of a millisecond', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 0.33, noNaN: true }), (recordMs) => {
        const size = new BatchSize()
        const tookMs = take(size, 20, recordMs)
        expect(Math.max(...tookMs)).toBeLessThan(TURN_MS_MAX)
        expect(size.records === 256 || (tookMs.at(-1) ?? 0) > 3).toBe(true)
      }),
    )
  })

  it('is small again if other partitions are read, or if few records came', () => {
    const size = new BatchSize()
    take(size, 5, 0.006)
    size.startOver()
    expect(Math.max(...take(size, 20, 0.08))).toBeLessThan(TURN_MS_MAX)
    const quiet = new BatchSize()
    take(quiet, 5, 0.006)
    quiet.note(2, 2 * SMALL_BYTES, 0.02)
    expect(Math.max(...take(quiet, 20, 0.08))).toBeLessThan(TURN_MS_MAX)
  })

  it('is corrected by the next batch if one took too long, and grows again', () => {
    const size = new BatchSize()
    take(size, 5, 0.006)
    const tookMs = take(size, 3, 0.08)
    expect(tookMs[0]).toBeGreaterThan(TURN_MS_MAX)
    expect(Math.max(...tookMs.slice(1))).toBeLessThan(TURN_MS_MAX)
    take(size, 4, 0.006)
    expect(size.records).toBe(256)
  })

  it('is at most a megabyte of records, and at least one record', () => {
    const size = new BatchSize()
    take(size, 5, 0.001, 100_000)
    expect(size.records).toBe(10)
    size.note(1, 16_000_000, 3)
    expect(size.records).toBe(1)
    take(size, 5, 0.001)
    expect(size.records).toBe(256)
  })

  it('is estimated from the bytes of a record that came alone', () => {
    const size = new BatchSize()
    take(size, 5, 0.006)
    size.noteAlone(SMALL_BYTES)
    expect(size.records).toBe(256)
    size.noteAlone(500_000)
    expect(size.records).toBe(2)
    size.note(0, 0, 0)
    expect(size.records).toBe(2)
  })
})
