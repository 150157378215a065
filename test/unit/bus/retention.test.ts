// What leaves a bus, and when: tombstones, old records, and those for which there is no room.

import { describe, expect, it } from 'vitest'
import { Bus } from '../../../src/bus/bus.ts'
import { Cursor } from '../../../src/cursor/cursor.ts'
import { BusScene, bytes, DAY_MS, dataOf, positionOf, SEGMENT_BYTES } from '../../support/bus-scene.ts'
import { BUS_OPTIONS } from '../../support/topic-in-memory.ts'

describe('a tombstone', () => {
  it('is sent like a value for as long as Kafka keeps it, then it is removed and noted as lost', () => {
    const scene = new BusScene({ deleteRetentionMs: DAY_MS })
    scene.write('a', 'value')
    scene.write('a', null)
    scene.nowMs += DAY_MS - 1
    scene.tidy()
    expect(scene.snapshot()).toEqual(['delete YQ=='])
    expect(scene.gap({ 0: 1 })).toBeNull()
    scene.nowMs += 1
    scene.tidy()
    expect(scene.snapshot()).toEqual([])
    expect(scene.gap({ 0: 1 })).toBe('deletes-dropped')
    expect(scene.gap({ 0: 2 })).toBeNull()
    expect(scene.bus.keys).toBe(0)
  })

  it('is kept for its time even if the clock is moved, either way', () => {
    for (const clockAheadMs of [2 * DAY_MS, -2 * DAY_MS]) {
      const scene = new BusScene({ deleteRetentionMs: DAY_MS })
      scene.write('a', null)
      scene.clockAheadMs = clockAheadMs
      scene.tidy()
      expect([clockAheadMs, scene.snapshot()]).toEqual([clockAheadMs, ['delete YQ==']])
      scene.nowMs += DAY_MS
      scene.tidy()
      expect([clockAheadMs, scene.snapshot()]).toEqual([clockAheadMs, []])
    }
  })

  it('that is gone ends a stream that had yet to read it, and no other', () => {
    const scene = new BusScene({ deleteRetentionMs: DAY_MS })
    scene.write('a', 'value')
    const behind = Cursor.fromPosition(scene.bus, positionOf({ 0: 1 }))
    const snapshot = Cursor.fromBeginning(scene.bus)
    scene.write('a', null)
    const [reads, later] = [Cursor.fromBeginning(scene.bus), Cursor.fromNow(scene.bus)]
    expect(dataOf(reads)).toEqual(['delete YQ=='])
    scene.nowMs += DAY_MS
    scene.tidy()
    expect([behind, snapshot, reads, later].map(({ lost }) => lost)).toEqual([true, true, false, false])
  })

  it('takes the values with it for a client that has nothing of the partition', () => {
    const scene = new BusScene({ deleteRetentionMs: 1 })
    scene.write('a', 'deleted')
    scene.write('a', null)
    scene.nowMs += 1
    scene.tidy()
    scene.write('b', 'kept')
    expect(scene.gap({ 0: 0 })).toBeNull()
    expect(scene.resume({ 0: 0 })).toEqual(['kept'])
    expect(scene.resume({})).toEqual(['kept'])
  })

  it('may have been where Kafka has nothing any more, after a record that is older than it keeps tombstones', () => {
    const bus = new Bus({ ...BUS_OPTIONS, epochMs: () => 10 * DAY_MS })
    bus.setPartition(0, 0)
    for (const [offset, daysOld] of [
      [0, 5],
      [3, 0.5],
      [4, 0.5],
      [8, 0.25],
    ] as const)
      bus.append({
        partition: 0,
        offset,
        timestampMs: (10 - daysOld) * DAY_MS,
        key: Buffer.from(`${offset}`),
        value: Buffer.from('value'),
        headers: [],
      })
    bus.markCaughtUp()
    expect(bus.gapFor(positionOf({ 0: 1 }))).toBe('deletes-dropped')
    expect(bus.gapFor(positionOf({ 0: 2 }))).toBe('deletes-dropped')
    // 5 to 7 are missing as well, but were younger than half a day: two records prove it.
    for (const offset of [3, 4, 5]) expect(bus.gapFor(positionOf({ 0: offset }))).toBeNull()
  })

  it('may have been at the end of a log, and in one whose leader came back after the others were read', () => {
    const scene = new BusScene({ deleteRetentionMs: DAY_MS })
    scene.bus.setPartition(1, -2) // the bus has caught up without it
    const clients = [
      { 0: 0, 1: 5 },
      { 0: 0, 1: 11 },
      { 0: 0, 1: -2 },
    ].map(positionOf) // of another server
    const cursors = clients.map((position) => Cursor.fromPosition(scene.bus, position))
    scene.bus.setPartition(1, 0)
    const value = bytes('value')
    const timestampMs = scene.epochMs - 2 * DAY_MS
    scene.bus.append({ partition: 1, offset: 8, timestampMs, key: bytes('a'), value, headers: [] })
    expect(cursors.map((cursor) => cursor.lost)).toEqual([true, false, false])
    scene.bus.advance(1, 11)
    scene.bus.noteEnd(1, 11, scene.moment)
    expect(cursors.map((cursor) => cursor.lost)).toEqual([true, false, false])
    expect(clients.map((position) => scene.bus.gapFor(position))).toEqual(['deletes-dropped', null, null])
    expect(scene.gap({ 1: 10 })).toBe('deletes-dropped')
    scene.bus.append({ partition: 1, offset: 14, timestampMs, key: bytes('a'), value, headers: [] })
    expect(scene.gap({ 1: 11 })).toBeNull() // this one came as it was written
  })

  it('may have been after a record whose timestamp is ahead of the clock, which proves nothing', () => {
    const scene = new BusScene({ deleteRetentionMs: DAY_MS })
    scene.bus.recreate()
    scene.bus.setPartition(0, 0)
    for (const [offset, timestampMs] of [
      [0, scene.epochMs * 1000], // in microseconds
      [7, scene.epochMs - 2 * DAY_MS],
      [9, scene.epochMs],
    ] as const) {
      const value = bytes('value')
      scene.bus.append({ partition: 0, offset, timestampMs, key: bytes(`${offset}`), value, headers: [] })
    }
    scene.bus.markCaughtUp()
    expect(scene.gap({ 0: 1 })).toBe('deletes-dropped')
    expect(scene.gap({ 0: 8 })).toBe('deletes-dropped')
    expect(scene.gap({ 0: 9 })).toBeNull()
  })
})

describe('a bus that keeps the newest of every key', () => {
  it('drops records without a key first, the oldest ones, and tells those who missed them', () => {
    const scene = new BusScene({ retainedBytesMax: 8 * SEGMENT_BYTES })
    scene.write('a', 'kept')
    scene.fill(100)
    expect(scene.bus.retainedBytes).toBeLessThanOrEqual(8 * SEGMENT_BYTES)
    expect(scene.bus.isWhole).toBe(true)
    expect(scene.snapshot()[0]).toBe('kept')
    expect(scene.snapshot().length).toBeGreaterThan(15)
    expect(scene.gap({ 0: 2 })).toBe('too-old')
    expect(scene.gap({ 0: 90 })).toBeNull()
  })

  it('counts only what it cannot let go against its bound of records', () => {
    const states: string[] = []
    const scene = new BusScene({ retainedRecordsMax: 20, onPressure: (state) => states.push(state) })
    scene.fill(200, (index) => `${index % 3}`)
    expect(scene.bus.isWhole).toBe(true)
    scene.fill(200)
    expect(scene.bus.isWhole).toBe(true)
    expect(states).toEqual([])
    expect(scene.bus.retainedRecords).toBeGreaterThan(20)
    expect(scene.bus.neededShare).toBe(3 / 20)
    scene.fill(40, (index) => `key ${index}`)
    expect(scene.bus.isWhole).toBe(false)
    expect(states).toEqual(['nearly-full', 'full'])
  })

  it('once it was full has a gap for a moment before what it lost, and none for later ones', () => {
    const scene = new BusScene({ retainedRecordsMax: 20 })
    scene.fill(40, (index) => `key ${index}`)
    expect(scene.bus.isWholeSince(scene.nowMs)).toBe(false)
    expect(scene.bus.isWholeSince(scene.nowMs + 1)).toBe(true)
  })

  it('loses no newest value with what Kafka had deleted, marked or not', () => {
    for (const how of ['skip', 'trim'] as const) {
      const scene = new BusScene({ retainedBytesMax: 4 * SEGMENT_BYTES })
      scene.fill(10, (index) => `key ${index}`)
      const [oldest] = scene.bus.segments
      const frames = oldest?.frames ?? 0
      scene.bus[how](0, how === 'trim' ? frames : 10)
      for (let offset = 10; scene.bus.segments[0] === oldest; offset++) {
        const record = { partition: 0, offset, timestampMs: scene.epochMs, key: bytes(`key ${offset}`) }
        scene.bus.append({ ...record, value: bytes('x'.repeat(700)), headers: [] })
      }
      expect([how, scene.bus.isWhole]).toEqual([how, true])
    }
  })

  it('has no gap for moments after it read a lost record whose timestamp is in the future', () => {
    for (const aheadMs of [3_600_001, 1_000 * DAY_MS, 10 ** 15]) {
      const scene = new BusScene({ retainedRecordsMax: 20 })
      scene.write('ahead', 'value', { timestampMs: scene.epochMs + aheadMs })
      for (let index = 0; scene.bus.isWhole; index++) scene.write(`key ${index}`, 'x'.repeat(700))
      expect([aheadMs, scene.bus.isWholeSince(scene.nowMs)]).toEqual([aheadMs, false])
      expect([aheadMs, scene.bus.isWholeSince(scene.nowMs + 1)]).toEqual([aheadMs, true])
    }
    const scene = new BusScene({ retainedRecordsMax: 20 })
    scene.write('a producer’s clock', 'value', { timestampMs: scene.epochMs + 3_600_000 })
    for (let index = 0; scene.bus.isWhole; index++) scene.write(`key ${index}`, 'x'.repeat(700))
    expect(scene.bus.isWholeSince(scene.epochMs + 3_600_000)).toBe(false)
    expect(scene.bus.isWholeSince(scene.epochMs + 3_600_001)).toBe(true)
  })

  it('is a gap for a moment, too, if the lost record comes after one of that moment, with an older timestamp', () => {
    const scene = new BusScene({ retainedBytesMax: 6 * SEGMENT_BYTES })
    const write = (key: string, timestampMs: number) => scene.write(key, 'x'.repeat(1_500), { timestampMs })
    // What is of the moment is superseded, and leaves as that: no key's newest value is lost with it.
    for (const timestampMs of [2_000, 1_000]) for (const key of ['a', 'b']) write(key, timestampMs)
    for (let index = 0; scene.bus.isWhole; index++) write(`late ${index}`, 1_000)
    expect(scene.bus.isWholeSince(2_001)).toBe(true)
    expect(scene.bus.isWholeSince(1_500)).toBe(false)
  })

  it('ends a snapshot that it can no longer complete, also if only the newest value of a key is gone', () => {
    const scene = new BusScene({ retainedRecordsMax: 20 })
    scene.fill(15, (index) => `key ${index}`)
    const snapshot = Cursor.fromBeginning(scene.bus)
    for (let index = 0; scene.bus.isWhole; index++) scene.fill(1, () => `other key ${index}`)
    expect(scene.gap({ 0: 15 })).toBeNull()
    expect(snapshot.lost).toBe(true)
  })

  it('drops records without a key at their age, by timestamp or else by arrival', () => {
    const scene = new BusScene({ retainedMsMax: 1000 })
    scene.write(null, 'old', { timestampMs: scene.nowMs - 500 })
    scene.write('a', 'keyed', { timestampMs: scene.nowMs - 500 })
    scene.nowMs += 499
    scene.tidy()
    expect(scene.snapshot()).toEqual(['old', 'keyed'])
    scene.nowMs += 1
    scene.tidy()
    expect(scene.snapshot()).toEqual(['keyed'])
    const timeless = new BusScene({ retainedMsMax: 1000 })
    timeless.write(null, 'without a timestamp', { timestampMs: -1 })
    timeless.nowMs += 999
    timeless.tidy()
    expect(timeless.snapshot()).toHaveLength(1)
    timeless.nowMs += 1
    timeless.tidy()
    expect(timeless.snapshot()).toEqual([])
  })
})

describe('a bus that keeps everything', () => {
  it('keeps superseded values, and no index of keys', () => {
    const scene = new BusScene({ keeps: 'all' })
    for (const value of ['1', '2', '3']) scene.write('a', value)
    scene.tidy()
    expect(scene.snapshot()).toEqual(['1', '2', '3'])
    expect(scene.bus.keys).toBe(0)
  })

  it.each([
    ['bytes', { retainedBytesMax: 8 * SEGMENT_BYTES }],
    ['records', { retainedRecordsMax: 30 }],
  ])(
    'drops the oldest at its bound of %s, ends who had still to read it, and gives what is left',
    (_, bound) => {
      const states: string[] = []
      const scene = new BusScene({ keeps: 'all', onPressure: (state) => states.push(state), ...bound })
      const slow = Cursor.fromBeginning(scene.bus)
      scene.fill(100)
      expect(scene.bus.retainedRecords).toBeLessThanOrEqual(40)
      expect(scene.bus.isWhole).toBe(true)
      expect(slow.lost).toBe(true)
      expect(scene.snapshot().length).toBe(scene.bus.retainedRecords)
      const first = 100 - scene.bus.retainedRecords
      expect(scene.gap({ 0: first - 1 })).toBe('too-old')
      expect(scene.gap({ 0: first })).toBeNull()
      expect(states).toEqual([])
    },
  )

  it('drops what has its age', () => {
    const scene = new BusScene({ keeps: 'all', retainedMsMax: 1000 })
    scene.fill(10)
    scene.nowMs += 600
    scene.fill(10)
    scene.nowMs += 400
    scene.tidy()
    expect(scene.snapshot().length).toBeLessThan(15)
    expect(scene.snapshot().length).toBeGreaterThanOrEqual(10)
  })

  describe('whose tail alone holds as many records as allowed', () => {
    const short = (scene: BusScene, records: number) => {
      for (let index = 0; index < records; index++) scene.write(null, `short ${index}`)
    }

    it('drops what is too old, and not its tail, if Kafka has deleted that already', () => {
      const scene = new BusScene({ keeps: 'all', retainedRecordsMax: 20, retainedMsMax: 10_000 })
      for (let index = 0; index < 3; index++) scene.write(null, 'x'.repeat(1000))
      scene.nowMs += 9_000
      scene.write(null, 'x'.repeat(1500)) // of a second segment
      short(scene, 22)
      scene.bus.trim(0, 3)
      scene.tidy()
      scene.nowMs += 2_000
      scene.bus.maintain(scene.epochMs, scene.nowMs)
      expect(scene.bus.segments.length).toBe(1)
      expect(scene.gap({ 0: 10 })).toBeNull()
      const cursor = Cursor.fromNow(scene.bus)
      short(scene, 4)
      expect(dataOf(cursor)).toHaveLength(4)
      expect(scene.resume({ 0: 10 })).toHaveLength(20)
      expect(scene.bus.segments.map(({ endId }) => endId)).toEqual([null])
    })

    it('drops what is over its limit, but not its tail', () => {
      const scene = new BusScene({ keeps: 'all', retainedRecordsMax: 30 })
      for (let index = 0; index < 25; index++) scene.write(null, 'x'.repeat(3000)) // each in a segment of its own
      for (let tails = 0; tails < 2; tails++) {
        const begun = scene.bus.kept.tail?.firstSequence
        for (let index = 0; index < 100 && scene.bus.kept.tail?.firstSequence === begun; index++)
          short(scene, 1)
      }
      short(scene, 30)
      scene.tidy()
      expect(scene.bus.retainedRecords).toBeGreaterThanOrEqual(30)
    })

    it('goes on in an open segment, never in a sealed one that is the last', () => {
      const scene = new BusScene({ keeps: 'all' })
      scene.write(null, 'x'.repeat(1000))
      scene.write(null, 'x'.repeat(3000))
      scene.bus.kept.removeSegment(1)
      short(scene, 1)
      expect(scene.bus.segments.map(({ endId }) => endId === null)).toEqual([false, true])
    })
  })

  it('drops what has been here for the maximum age, even if timestamps and clock say otherwise', () => {
    for (const [timestampMs, clockAheadMs] of [
      [2 ** 42, 0],
      [1_000_000, -1_000_000],
    ] as const) {
      const scene = new BusScene({ keeps: 'all', retainedMsMax: 1000 })
      scene.write(null, 'x', { timestampMs })
      scene.clockAheadMs = clockAheadMs
      scene.nowMs += 999
      scene.tidy()
      expect(scene.snapshot()).toEqual(['x'])
      scene.nowMs += 1
      scene.tidy()
      expect(scene.snapshot()).toEqual([])
    }
  })

  describe('reads back at the start', () => {
    const starts = (keeps: 'all' | 'latest', partitionsCount: number, ...marks: [number, number][]) => {
      const { bus } = new BusScene({ keeps, retainedRecordsMax: 1000 })
      const held = new Map(marks.map(([start, end], partition) => [partition, { start, end }]))
      return Object.fromEntries(bus.readFrom(held, partitionsCount))
    }

    it('no further than it could keep', () => {
      expect(starts('all', 1, [5, 10_000])).toEqual({ 0: 9_000 })
      expect(starts('all', 1, [5, 900])).toEqual({ 0: 5 })
      expect(starts('latest', 1, [5, 10_000])).toEqual({ 0: 5 })
    })

    it('no more in all partitions together than it could keep', () => {
      const many = Array.from({ length: 64 }, (): [number, number] => [0, 20_000_000])
      const read = Object.values(starts('all', 64, ...many)).map((start) => 20_000_000 - start)
      expect(read.reduce((sum, records) => sum + records, 0)).toBeLessThanOrEqual(1_000)
      expect(Math.min(...read)).toBe(15)
    })

    it('and gives what one partition does not need to the others', () => {
      expect(starts('all', 4, [0, 10], [100, 1_000], [0, 300], [5, 5])).toEqual({ 0: 0, 1: 310, 2: 0, 3: 5 })
    })

    it('and leaves their share to partitions that Kafka has not told of yet', () => {
      expect(starts('all', 4, [0, 2_000], [0, 2_000])).toEqual({ 0: 1_750, 1: 1_750 })
    })
  })
})
