// Missing offsets where a partition is read on: which may have been tombstones that Kafka has dropped, and what a bus
// that keeps their keys does then.

import { beforeEach, describe, expect, it } from 'vitest'
import { Bus, type BusOptions } from '../../../src/bus/bus.ts'
import { Cursor } from '../../../src/cursor/cursor.ts'
import { StreamReader } from '../../support/stream-reader.ts'
import { BUS_OPTIONS } from '../../support/topic-in-memory.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

describe('What is missing in a partition', () => {
  /** The monotonic clock, and by how much the wall clock is ahead of it. */
  let nowMs: number
  let aheadMs: number
  let bus: Bus

  beforeEach(() => {
    nowMs = 100 * DAY_MS
    aheadMs = 0
    bus = begin()
  })

  const epochMs = () => nowMs + aheadMs
  const moment = () => ({ nowMs, epochMs: epochMs() })

  /** A bus that begins to read a partition. */
  function begin(options: Partial<BusOptions> = {}): Bus {
    const begun = new Bus({
      ...BUS_OPTIONS,
      deleteRetentionMs: DAY_MS,
      nowMs: () => nowMs,
      epochMs,
      ...options,
    })
    begun.setPartition(0, 0)
    return begun
  }

  function put(offset: number, key: string, timestampMs = epochMs()): void {
    const value = Buffer.from(`${key} ${offset}`)
    bus.append({ partition: 0, offset, timestampMs, key: Buffer.from(key), value, headers: [] })
    bus.publish()
  }

  /** Kafka is asked, and tells where the partition ends. */
  const look = (end: number) => bus.noteEnd(0, end, moment())
  const gap = (offset: number) => bus.gapFor(new Map([[0, offset]]))

  function snapshot(): string[] {
    const reader = new StreamReader()
    const cursor = Cursor.fromBeginning(bus)
    for (let read = cursor.read(100_000); read !== null; read = cursor.read(100_000)) reader.feed(read)
    return reader.records
  }

  describe('that was read up to its end', () => {
    beforeEach(() => {
      put(0, 'deleted')
      put(1, 'kept')
      look(2)
      bus.markCaughtUp()
    })

    it('is no tombstone if Kafka told the end within the time that tombstones are kept', () => {
      nowMs += DAY_MS - 1
      put(9, 'new', -1)
      expect(bus.missed).toBeNull()
      expect(snapshot()).toEqual(['deleted 0', 'kept 1', 'new 9'])
      expect(gap(2)).toBeNull()
    })

    it('may be one after that: the bus takes nothing more, and has it right once it is read again', () => {
      nowMs += DAY_MS
      const open = Cursor.fromNow(bus)
      put(9, 'new', -1)
      put(10, 'newer', -1)
      expect(bus.missed).toEqual({ partition: 0, to: 9 })
      expect([bus.positionText(), snapshot(), open.isOutdated]).toEqual([
        'AQIABA==',
        ['deleted 0', 'kept 1'],
        false,
      ])
      bus.startOver()
      expect([bus.missed, bus.caughtUp, open.outdatedBy]).toEqual([null, false, 'deletes-dropped'])
      bus.setPartition(0, 0)
      look(11)
      put(1, 'kept', -1)
      put(9, 'new', -1)
      put(10, 'newer', -1)
      bus.markCaughtUp()
      expect(snapshot()).toEqual(['kept 1', 'new 9', 'newer 10'])
      expect([2, 8, 9, 10].map(gap)).toEqual(['deletes-dropped', 'deletes-dropped', null, null])
      expect(bus.wasRecreated).toBe(false)
    })

    it('may be one even if nothing follows', () => {
      nowMs += DAY_MS
      bus.advance(0, 9)
      expect(bus.missed).toEqual({ partition: 0, to: 9 })
      expect(bus.positionText()).toBe('AQIABA==')
    })

    it('may be one once that time has passed by either clock', () => {
      for (const [monotonicMs, wallMs] of [
        [0, DAY_MS], // a machine that was suspended
        [DAY_MS, -DAY_MS], // a clock that was set back
      ] as const) {
        bus = begin()
        put(0, 'a')
        look(1)
        nowMs += monotonicMs
        aheadMs += wallMs - monotonicMs
        put(9, 'b', -1)
        expect([wallMs, bus.missed?.to]).toEqual([wallMs, 9])
      }
    })

    it('is judged by when Kafka was asked, not by when its answer is read', () => {
      const askedAt = moment()
      nowMs += DAY_MS
      bus.noteEnd(0, 2, askedAt)
      put(9, 'new', -1)
      expect(bus.missed?.to).toBe(9)
    })

    it('is young after an end that Kafka told lately, and not before it', () => {
      nowMs += 2 * DAY_MS
      look(20)
      put(2, 'of the time in between', -1)
      put(19, 'the last of it', epochMs())
      expect(bus.missed).toEqual({ partition: 0, to: 19 })
      bus.startOver()
      bus.setPartition(0, 0)
      look(20)
      for (const offset of [1, 2, 19]) put(offset, `${offset}`, -1)
      nowMs += HOUR_MS
      look(20)
      nowMs += DAY_MS - 1
      put(30, 'new', -1)
      expect(bus.missed).toBeNull()
    })

    it('is young after an end that was told while reading lags, however far it lags', () => {
      for (let next = 2; next < 400; next += 4) {
        nowMs += HOUR_MS
        look(next + 8)
        put(next + 2, 'busy', -1) // the ends of transactions lie between
      }
      expect(bus.missed).toBeNull()
    })

    it('is young if two records before it prove it, unless one after it is older', () => {
      nowMs += 2 * DAY_MS
      put(2, 'a', epochMs() - 2)
      put(3, 'b', epochMs() - 1)
      put(6, 'c')
      expect(bus.missed).toBeNull()
      put(7, 'd', epochMs() - DAY_MS)
      expect(bus.missed).toEqual({ partition: 0, to: 6 })
    })

    it('is not young by timestamps that are ahead of a clock that was set back', () => {
      put(2, 'a')
      put(3, 'b')
      look(4)
      nowMs += DAY_MS
      aheadMs -= 3 * DAY_MS
      put(9, 'c')
      expect(bus.missed).toEqual({ partition: 0, to: 9 })
    })

    it('is doubted only after 30 s, even if tombstones are kept for less', () => {
      bus = begin({ deleteRetentionMs: 1_000 })
      put(0, 'a')
      look(1)
      nowMs += 29_999
      put(4, 'what has come by the first look', -1)
      expect(bus.missed).toBeNull()
      look(5)
      nowMs += 29_999
      put(9, 'b', -1)
      expect(bus.missed).toBeNull()
      nowMs += 1
      put(19, 'c', -1)
      expect(bus.missed?.to).toBe(19)
    })

    it('does not matter to a bus that keeps every record, or if Kafka has deleted all that was read', () => {
      bus = begin({ keeps: 'all' })
      put(0, 'a')
      look(1)
      nowMs += 9 * DAY_MS
      put(9, 'b', -1)
      expect(bus.missed).toBeNull()
      bus = begin()
      put(0, 'a')
      look(1)
      nowMs += 9 * DAY_MS
      bus.skip(0, 8)
      put(9, 'b', -1)
      expect(bus.missed).toBeNull()
      expect([gap(8), gap(9)]).toEqual(['deletes-dropped', null])
    })
  })

  describe('where Kafka keeps tombstones for less time than the reading takes', () => {
    /** Reads what was there when the reading began: that took so long. */
    function load(tookMs: number): void {
      bus = begin({ deleteRetentionMs: 1_000 })
      look(2)
      put(0, 'a')
      nowMs += tookMs
      put(1, 'b')
    }

    it.each([
      ['is read in a moment', 0, 30_000],
      ['is read in five minutes', 300_000, 30_000],
      ['is read in nearly ten minutes', 599_999, 1],
    ])('is no tombstone for 30 s after what %s, 10 min in all', (_what, tookMs, laterMs) => {
      for (const [later, missed] of [
        [laterMs - 1, null],
        [laterMs, { partition: 0, to: 9 }],
      ] as const) {
        load(tookMs)
        nowMs += later
        put(9, 'c', -1)
        expect([later, bus.missed]).toEqual([later, missed])
      }
    })

    it('is judged at the first answer after that, no matter where the partition ends by then', () => {
      load(300_000)
      look(9)
      put(8, 'what came meanwhile', -1)
      nowMs += 29_999
      put(12, 'c', -1)
      expect(bus.missed).toBeNull()
      nowMs += 1
      put(19, 'd', -1)
      expect(bus.missed).toEqual({ partition: 0, to: 19 })
    })
  })

  describe('when its reading begins', () => {
    it('is not hidden by a record that was ahead of the clock when it was written, and is past by now', () => {
      for (const youngMs of [DAY_MS / 2, 1]) {
        bus = begin()
        put(0, 'old', epochMs() - 3 * DAY_MS)
        put(1, 'ahead', epochMs() - youngMs)
        put(7, 'new')
        put(8, 'new')
        put(11, 'behind what is young')
        expect([1, 2, 6, 7, 9].map(gap)).toEqual([
          'deletes-dropped',
          'deletes-dropped',
          'deletes-dropped',
          null,
          null,
        ])
      }
    })

    it('is not hidden by many of them if an older record follows', () => {
      put(0, 'old', epochMs() - 3 * DAY_MS)
      for (const offset of [1, 2, 3]) put(offset, 'ahead', epochMs() - HOUR_MS)
      put(7, 'young by those')
      expect(gap(4)).toBeNull()
      put(8, 'old', epochMs() - 2 * DAY_MS)
      expect([4, 6, 7].map(gap)).toEqual(['deletes-dropped', 'deletes-dropped', null])
      put(12, 'young')
      expect(gap(9)).toBeNull()
    })

    it('may have deleted what was read since, if reading takes longer than Kafka keeps tombstones', () => {
      put(0, 'deleted', epochMs() - 3 * DAY_MS)
      look(20)
      nowMs += DAY_MS - 1
      put(4, 'a', epochMs() - 3 * DAY_MS)
      expect([bus.missed, gap(1)]).toEqual([null, 'deletes-dropped'])
      nowMs += 1
      put(9, 'b', epochMs() - 3 * DAY_MS)
      expect(bus.missed).toEqual({ partition: 0, to: 9 })
      bus = begin()
      look(20)
      nowMs += DAY_MS
      put(9, 'nothing was read of it', epochMs() - 3 * DAY_MS)
      expect(bus.missed).toBeNull()
    })

    it('is young from the end that Kafka told then, no matter what follows', () => {
      for (const offset of [0, 1]) put(offset, `${offset}`, epochMs() - HOUR_MS)
      put(4, 'young by those')
      look(5)
      put(9, 'late', epochMs() - 9 * DAY_MS)
      expect([2, 5].map(gap)).toEqual([null, null])
      expect(bus.missed).toBeNull()
    })
  })
})
