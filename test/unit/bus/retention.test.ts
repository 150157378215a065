// What leaves a bus, when, and what those are told who had still to read it.

import { describe, expect, it } from 'vitest'
import { Bus, type BusOptions } from '../../../src/bus/bus.ts'
import type { Position } from '../../../src/bus/position.ts'
import { Cursor } from '../../../src/cursor/cursor.ts'
import { SegmentPool } from '../../../src/segments/segment-pool.ts'
import { BUS_OPTIONS } from '../../support/bus-options.ts'
import { StreamReader } from '../../support/stream-reader.ts'

const SEGMENT_BYTES = 4096
const DAY_MS = 86_400_000

/** A bus of small segments that is fed by partition, key and value, at offsets that count up. */
class Scene {
  /** The monotonic clock, and by how much the wall clock is ahead of it. */
  nowMs = 1_000_000
  clockAheadMs = 0
  readonly bus: Bus
  private readonly offsets = new Map<number, number>()

  constructor(options: Partial<BusOptions> = {}, partitions = 1) {
    const pool = new SegmentPool(SEGMENT_BYTES)
    this.bus = new Bus({
      ...BUS_OPTIONS,
      pool,
      nowMs: () => this.nowMs,
      epochMs: () => this.epochMs,
      ...options,
    })
    for (let partition = 0; partition < partitions; partition++) this.bus.setPartition(partition, 0)
    this.bus.markCaughtUp()
  }

  get epochMs(): number {
    return this.nowMs + this.clockAheadMs
  }

  get moment() {
    return { nowMs: this.nowMs, epochMs: this.epochMs }
  }

  write(key: string | null, value: string | null, { partition = 0, timestampMs = this.epochMs } = {}): void {
    const offset = this.offsets.get(partition) ?? 0
    this.offsets.set(partition, offset + 1)
    this.bus.append({ partition, offset, timestampMs, key: bytes(key), value: bytes(value), headers: [] })
    this.bus.publish()
  }

  /** Kafka deletes what is below `start`, and not all of it was read. */
  skip(partition: number, start: number): void {
    this.offsets.set(partition, start)
    this.bus.skip(partition, start)
  }

  /** Records without a key, of a fifth of a segment each. */
  fill(records: number, key: (index: number) => string | null = () => null): void {
    for (let index = 0; index < records; index++) this.write(key(index), 'x'.repeat(700))
  }

  tidy(): void {
    while (this.bus.maintain(this.epochMs, this.nowMs));
  }

  gap(position: Record<number, number>): string | null {
    return this.bus.gapFor(positionOf(position))
  }

  /** Data of the events that a new stream gets. */
  snapshot(): string[] {
    return dataOf(Cursor.fromBeginning(this.bus))
  }

  resume(position: Record<number, number>): string[] {
    return dataOf(Cursor.fromPosition(this.bus, positionOf(position)))
  }
}

function positionOf(offsets: Record<number, number>): Position {
  return new Map(Object.entries(offsets).map(([partition, offset]) => [Number(partition), offset]))
}

function bytes(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text)
}

function dataOf(cursor: Cursor): string[] {
  const reader = new StreamReader()
  for (let read = cursor.read(100_000); read !== null; read = cursor.read(100_000)) reader.feed(read)
  return reader.events.map(({ event, data }) => (event === 'delete' ? `delete ${data}` : data))
}

describe('a tombstone', () => {
  it('is sent like a value until it was kept for as long as Kafka keeps it, then it is gone and remembered', () => {
    const scene = new Scene({ deleteRetentionMs: DAY_MS })
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

  it('is kept for its time whichever way the clock is moved', () => {
    for (const clockAheadMs of [2 * DAY_MS, -2 * DAY_MS]) {
      const scene = new Scene({ deleteRetentionMs: DAY_MS })
      scene.write('a', null)
      scene.clockAheadMs = clockAheadMs
      scene.tidy()
      expect([clockAheadMs, scene.snapshot()]).toEqual([clockAheadMs, ['delete YQ==']])
      scene.nowMs += DAY_MS
      scene.tidy()
      expect([clockAheadMs, scene.snapshot()]).toEqual([clockAheadMs, []])
    }
  })

  it('that is gone ends the stream that had still to read it, and no other', () => {
    const scene = new Scene({ deleteRetentionMs: DAY_MS })
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
    const scene = new Scene({ deleteRetentionMs: 1 })
    scene.write('a', 'deleted')
    scene.write('a', null)
    scene.nowMs += 1
    scene.tidy()
    scene.write('b', 'kept')
    expect(scene.gap({ 0: 0 })).toBeNull()
    expect(scene.resume({ 0: 0 })).toEqual(['kept'])
    expect(scene.resume({})).toEqual(['kept'])
  })

  it('may have stood where Kafka has nothing any more, behind a record that is older than it keeps them', () => {
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
    // 5 to 7 are missing as well, but whatever stood there is younger than half a day: two records say so.
    for (const offset of [3, 4, 5]) expect(bus.gapFor(positionOf({ 0: offset }))).toBeNull()
  })

  it('may have stood at the end of a log, and in one whose leader came back after the others were read', () => {
    const scene = new Scene({ deleteRetentionMs: DAY_MS })
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

  it('may have stood behind a record whose timestamp is ahead of the clock: that one proves nothing', () => {
    const scene = new Scene({ deleteRetentionMs: DAY_MS })
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
  it('lets records without a key go first, the oldest ones, and tells who missed them', () => {
    const scene = new Scene({ retainedBytesMax: 8 * SEGMENT_BYTES })
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
    const scene = new Scene({ retainedRecordsMax: 20, onPressure: (state) => states.push(state) })
    scene.fill(200, (index) => `${index % 3}`)
    expect(scene.bus.isWhole).toBe(true)
    scene.fill(200)
    expect(scene.bus.isWhole).toBe(true)
    expect(states).toEqual([])
    scene.fill(40, (index) => `key ${index}`)
    expect(scene.bus.isWhole).toBe(false)
    expect(states).toEqual(['nearly-full', 'full'])
  })

  it('once it was full says so to a moment before what it lost, and honours later ones', () => {
    const scene = new Scene({ retainedRecordsMax: 20 })
    scene.fill(40, (index) => `key ${index}`)
    expect(scene.bus.isWholeSince(scene.nowMs)).toBe(false)
    expect(scene.bus.isWholeSince(scene.nowMs + 1)).toBe(true)
  })

  it('has lost no newest value with what Kafka had deleted, whether that is marked yet or not', () => {
    for (const how of ['skip', 'trim'] as const) {
      const scene = new Scene({ retainedBytesMax: 4 * SEGMENT_BYTES })
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

  it('honours moments after it lost a record whose timestamp no clock has come to, from when that was read', () => {
    for (const aheadMs of [3_600_001, 1_000 * DAY_MS, 10 ** 15]) {
      const scene = new Scene({ retainedRecordsMax: 20 })
      scene.write('ahead', 'value', { timestampMs: scene.epochMs + aheadMs })
      for (let index = 0; scene.bus.isWhole; index++) scene.write(`key ${index}`, 'x'.repeat(700))
      expect([aheadMs, scene.bus.isWholeSince(scene.nowMs)]).toEqual([aheadMs, false])
      expect([aheadMs, scene.bus.isWholeSince(scene.nowMs + 1)]).toEqual([aheadMs, true])
    }
    const scene = new Scene({ retainedRecordsMax: 20 })
    scene.write('a producer’s clock', 'value', { timestampMs: scene.epochMs + 3_600_000 })
    for (let index = 0; scene.bus.isWhole; index++) scene.write(`key ${index}`, 'x'.repeat(700))
    expect(scene.bus.isWholeSince(scene.epochMs + 3_600_000)).toBe(false)
    expect(scene.bus.isWholeSince(scene.epochMs + 3_600_001)).toBe(true)
  })

  it('cannot be had from a moment on, either, where what went is behind a record of that moment with an older timestamp', () => {
    const scene = new Scene({ retainedBytesMax: 6 * SEGMENT_BYTES })
    const write = (key: string, timestampMs: number) => scene.write(key, 'x'.repeat(1_500), { timestampMs })
    // What is of the moment is superseded, and leaves as that: no key's newest value is lost with it.
    for (const timestampMs of [2_000, 1_000]) for (const key of ['a', 'b']) write(key, timestampMs)
    for (let index = 0; scene.bus.isWhole; index++) write(`late ${index}`, 1_000)
    expect(scene.bus.isWholeSince(2_001)).toBe(true)
    expect(scene.bus.isWholeSince(1_500)).toBe(false)
  })

  it('ends a snapshot that it can no longer complete, also where the newest value of a key went that it was made with', () => {
    const scene = new Scene({ retainedRecordsMax: 20 })
    scene.fill(15, (index) => `key ${index}`)
    const snapshot = Cursor.fromBeginning(scene.bus)
    for (let index = 0; scene.bus.isWhole; index++) scene.fill(1, () => `other key ${index}`)
    expect(scene.gap({ 0: 15 })).toBeNull()
    expect(snapshot.lost).toBe(true)
  })

  it('lets records without a key go at their age, by their timestamp or else by when they came', () => {
    const scene = new Scene({ retainedMsMax: 1000 })
    scene.write(null, 'old', { timestampMs: scene.nowMs - 500 })
    scene.write('a', 'keyed', { timestampMs: scene.nowMs - 500 })
    scene.nowMs += 499
    scene.tidy()
    expect(scene.snapshot()).toEqual(['old', 'keyed'])
    scene.nowMs += 1
    scene.tidy()
    expect(scene.snapshot()).toEqual(['keyed'])
    const timeless = new Scene({ retainedMsMax: 1000 })
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
    const scene = new Scene({ keeps: 'all' })
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
      const scene = new Scene({ keeps: 'all', onPressure: (state) => states.push(state), ...bound })
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
    const scene = new Scene({ keeps: 'all', retainedMsMax: 1000 })
    scene.fill(10)
    scene.nowMs += 600
    scene.fill(10)
    scene.nowMs += 400
    scene.tidy()
    expect(scene.snapshot().length).toBeLessThan(15)
    expect(scene.snapshot().length).toBeGreaterThanOrEqual(10)
  })

  describe('whose tail alone holds as many records as it may', () => {
    const short = (scene: Scene, records: number) => {
      for (let index = 0; index < records; index++) scene.write(null, `short ${index}`)
    }

    it('drops what it found aged, and not its tail, where Kafka has deleted that already', () => {
      const scene = new Scene({ keeps: 'all', retainedRecordsMax: 20, retainedMsMax: 10_000 })
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

    it('drops what is behind its bound, but not its tail', () => {
      const scene = new Scene({ keeps: 'all', retainedRecordsMax: 30 })
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

    it('writes on in a segment that is open, whichever is the last', () => {
      const scene = new Scene({ keeps: 'all' })
      scene.write(null, 'x'.repeat(1000))
      scene.write(null, 'x'.repeat(3000))
      scene.bus.kept.drop(1)
      short(scene, 1)
      expect(scene.bus.segments.map(({ endId }) => endId === null)).toEqual([false, true])
    })
  })

  it('drops what has been here for its age, whatever its timestamps and the clock say', () => {
    for (const [timestampMs, clockAheadMs] of [
      [2 ** 42, 0],
      [1_000_000, -1_000_000],
    ] as const) {
      const scene = new Scene({ keeps: 'all', retainedMsMax: 1000 })
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
      const { bus } = new Scene({ keeps, retainedRecordsMax: 1000 })
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

describe.each(['latest', 'all'] as const)('what Kafka has deleted (%s)', (keeps) => {
  it('is no loss to a client that has nothing of its partition', () => {
    const scene = new Scene({ keeps }, 2)
    scene.write('a', '0/0')
    for (let offset = 0; offset < 12; offset++) scene.write(`${offset}`, `1/${offset}`, { partition: 1 })
    const reading = Cursor.fromPosition(scene.bus, positionOf({ 0: 1, 1: -2 }))
    scene.bus.trim(1, 10)
    for (const position of [{ 0: 1, 1: 0 }, { 0: 1, 1: -2 }, { 0: 1 }]) {
      expect([position, scene.gap(position)]).toEqual([position, null])
      scene.tidy()
      expect(scene.resume(position)).toEqual(['1/10', '1/11'])
    }
    expect(scene.gap({ 0: 1, 1: 1 })).toBe('too-old')
    expect(reading.lost).toBe(true)
  })

  it('is no loss to a reader that is past it, although what another had still to read went before', () => {
    const scene = new Scene({ keeps }, 2)
    for (let offset = 0; offset < 40; offset++)
      scene.write(`${offset}`, `${offset} ${'x'.repeat(700)}`, { partition: offset % 2 })
    scene.bus.trim(0, 15) // the 30th record of all
    scene.tidy()
    const resumed = Cursor.fromPosition(scene.bus, positionOf({ 0: 15, 1: 5 }))
    const halfRead = Cursor.fromPosition(scene.bus, positionOf({ 0: 15, 1: 5 }))
    expect(halfRead.read(1)).not.toHaveLength(0)
    scene.bus.trim(1, 5)
    scene.tidy()
    expect([resumed.lost, halfRead.lost]).toEqual([false, false])
    expect(dataOf(resumed)).toHaveLength(20)
    expect(dataOf(halfRead)).toHaveLength(19)
    scene.bus.trim(1, 7)
    scene.tidy()
    expect([resumed.lost, halfRead.lost]).toEqual([false, false])
  })

  it('is no loss to a reader whose client has it, wherever it stands in this bus', () => {
    const scene = new Scene({ keeps }, 2)
    for (let offset = 0; offset < 10; offset++) scene.write(`${offset}`, `1/${offset}`, { partition: 1 })
    for (let offset = 0; offset < 10; offset++) scene.write(`${offset}`, `0/${offset}`)
    // Its server had read partition 0 first.
    const cursors = [1, 1, 1].map(() => Cursor.fromPosition(scene.bus, positionOf({ 0: 8, 1: 3 })))
    for (const [reads, cursor] of cursors.entries()) for (let read = 0; read < reads; read++) cursor.read(1)
    scene.bus.trim(0, 8)
    scene.tidy()
    for (const [reads, cursor] of cursors.entries()) {
      expect([reads, cursor.lost]).toEqual([reads, false])
      expect(dataOf(cursor)).toHaveLength(9 - reads)
    }
    const owed = Cursor.fromPosition(scene.bus, positionOf({ 0: 8, 1: 3 }))
    scene.bus.trim(0, 9)
    scene.tidy()
    expect(owed.lost).toBe(true)
  })

  it('before it was read is no loss to a reader whose client has it from elsewhere, up to the record behind it', () => {
    const scene = new Scene({ keeps }, 2)
    for (let offset = 0; offset < 3; offset++) scene.write(`${offset}`, `1/${offset}`, { partition: 1 })
    const cursor = Cursor.fromPosition(scene.bus, positionOf({ 1: 5 }))
    scene.write('a', '0/0')
    scene.skip(1, 5)
    scene.write('5', '1/5', { partition: 1 })
    expect([String(cursor.read(100_000)).includes('0/0'), cursor.lost]).toEqual([true, false])
    expect(dataOf(cursor)).toEqual(['1/5'])
  })

  it('is not sent any more, and is given back', () => {
    const scene = new Scene({ keeps }, 2)
    for (let count = 0; count < 40; count++) scene.fill(1, () => `${count}`)
    scene.write('elsewhere', 'other partition', { partition: 1 })
    scene.bus.trim(0, 38)
    expect(scene.gap({ 0: 37 })).toBe('too-old')
    expect(scene.gap({ 0: 38 })).toBeNull()
    scene.tidy()
    expect(scene.snapshot()).toHaveLength(3)
    expect(scene.resume({ 1: 0 })).toHaveLength(3)
    if (keeps === 'all') expect(scene.bus.retainedRecords).toBeLessThan(15)
    else expect(scene.bus.keys).toBe(3)
  })

  it('before it was read ends whoever would have read on past it', () => {
    const scene = new Scene({ keeps })
    scene.write('a', 'read, and deleted since')
    const cursors = [Cursor.fromNow(scene.bus), Cursor.fromBeginning(scene.bus)]
    for (const cursor of cursors) cursor.read(1)
    scene.bus.skip(0, 10)
    scene.bus.append({
      partition: 0,
      offset: 10,
      timestampMs: 0,
      key: bytes('b'),
      value: bytes('next'),
      headers: [],
    })
    scene.bus.publish()
    expect(cursors.map((cursor) => cursor.read(1000))).toEqual([null, null])
    expect(cursors.map(({ lost }) => lost)).toEqual([true, true])
    expect(scene.gap({ 0: 1 })).toBe('too-old')
    expect(scene.snapshot()).toEqual(['next'])
  })
})

describe('a stream that was at the tail', () => {
  it('is told no id past what it has missed, between that and its end', () => {
    const scene = new Scene({}, 1)
    scene.write('a', 'read')
    const cursor = Cursor.fromNow(scene.bus)
    expect([cursor.read(1), cursor.atTail()]).toEqual([null, true])
    scene.bus.skip(0, 10)
    expect([cursor.atTail(), cursor.lost]).toEqual([false, true])
  })

  it('is told an id that is good, and no gap for it, also where all that it had yet to read is deleted', () => {
    const scene = new Scene({}, 1)
    scene.write('a', 'read')
    scene.bus.skip(0, 10)
    const cursor = Cursor.fromBeginning(scene.bus)
    expect([cursor.read(1)?.length, cursor.atTail(), cursor.id()]).toEqual([0, true, 'AQIAFA==']) // {0:10}
    expect(scene.gap({ 0: 10 })).toBeNull()
  })

  it('goes on no further back than it was told where its topic is read again', () => {
    const scene = new Scene({}, 1)
    const cursor = Cursor.fromPosition(scene.bus, positionOf({ 0: 0 }))
    scene.bus.advance(0, 1) // a control record
    expect([cursor.read(1), cursor.id()]).toEqual([null, 'AQIAAg==']) // {0:1}
    scene.bus.startOver()
    expect(cursor.ownPosition).toEqual(positionOf({ 0: 1 }))
  })

  it('is told no id of the topic that has taken its topic’s place, before it is told of that', () => {
    const scene = new Scene({}, 1)
    const cursor = Cursor.fromNow(scene.bus)
    scene.bus.recreate()
    scene.bus.setPartition(0, 0)
    scene.write('a', 'of the new one')
    expect([cursor.read(1000), cursor.atTail(), cursor.isOutdated]).toEqual([null, false, true])
    const late = Cursor.fromNow(scene.bus)
    scene.bus.recreate()
    expect([late.read(1000), late.atTail(), late.isOutdated]).toEqual([null, false, true])
  })
})

describe('what Kafka has deleted before it was read, until it is marked', () => {
  const next = (scene: Scene, offset: number, key: string, value: string) => {
    const record = { partition: 0, offset, timestampMs: scene.epochMs, key: bytes(key), value: bytes(value) }
    scene.bus.append({ ...record, headers: [] })
    scene.bus.publish()
  }

  it('is passed over by all who begin after it, by whatever they begin with', () => {
    const scene = new Scene({}, 2)
    scene.write('a', 'deleted')
    scene.write('b', 'other partition', { partition: 1 })
    scene.bus.skip(0, 10)
    next(scene, 10, 'c', 'next')
    const all = ['other partition', 'next']
    const since = () => dataOf(Cursor.fromTime(scene.bus, 0))
    expect([scene.snapshot(), scene.resume({}), scene.resume({ 1: 0 }), since()]).toEqual([
      all,
      all,
      all,
      all,
    ])
    scene.tidy()
    expect([scene.snapshot(), scene.resume({}), scene.resume({ 1: 0 }), since()]).toEqual([
      all,
      all,
      all,
      all,
    ])
    expect(scene.bus.skipped.size).toBe(0)
  })

  it('stays passed over by who began before it was marked, also where its key got a new value meanwhile', () => {
    const scene = new Scene()
    scene.write('a', 'deleted')
    scene.bus.skip(0, 10)
    const resumed = Cursor.fromPosition(scene.bus, new Map())
    next(scene, 10, 'a', 'new')
    scene.tidy()
    expect(dataOf(resumed)).toEqual(['new'])
    expect(resumed.lost).toBe(false)
  })

  it('ends nobody who began after it when it is marked, or dropped', () => {
    const bounds = [8, 6].map((segments) => ({ retainedBytesMax: segments * SEGMENT_BYTES }))
    const [wide, narrow] = bounds
    for (const options of [{ keeps: 'all' as const }, { ...wide }, { keeps: 'all' as const, ...narrow }]) {
      const scene = new Scene(options)
      scene.fill(12)
      scene.bus.skip(0, 100)
      const began = [Cursor.fromBeginning(scene.bus), Cursor.fromPosition(scene.bus, new Map())]
      if (!('retainedBytesMax' in options)) scene.tidy()
      else for (let offset = 100; offset < 120; offset++) next(scene, offset, `${offset}`, 'x'.repeat(700))
      expect(began.map(({ lost }) => lost)).toEqual([false, false])
    }
  })

  it.each(['skip', 'trim'] as const)(
    'lets a bus be whole that drops nothing else for want of room (%s)',
    (how) => {
      const scene = new Scene({ retainedBytesMax: 4 * SEGMENT_BYTES })
      scene.fill(12, (index) => `deleted ${index}`)
      if (how === 'skip') scene.bus.skip(0, 100)
      else scene.bus.trim(0, 12)
      for (let offset = 100; offset < 110; offset++) next(scene, offset, `${offset}`, 'x'.repeat(700))
      scene.tidy()
      expect([scene.bus.isWhole, scene.snapshot().length]).toEqual([true, 10])
      expect(scene.gap({ 0: 11 })).toBe('too-old')
      for (let offset = 110; offset < 130; offset++) next(scene, offset, `${offset}`, 'x'.repeat(700))
      expect(scene.bus.isWhole).toBe(false)
    },
  )

  it('may be further on before the first pass is through', () => {
    const scene = new Scene({ keeps: 'all' }, 2)
    for (let count = 0; count < 20; count++) scene.fill(1)
    scene.bus.skip(0, 100)
    scene.bus.maintain(scene.epochMs, scene.nowMs)
    next(scene, 100, 'a', 'read, and deleted')
    scene.bus.skip(0, 200)
    next(scene, 200, 'a', 'next')
    scene.bus.trim(0, 201)
    scene.tidy()
    expect(scene.snapshot()).toEqual([])
    expect(scene.bus.skipped.size).toBe(0)
  })
})

describe('a topic that is another one now', () => {
  it('has nothing of the old one, not even what it had lost, and outdates its readers', () => {
    const scene = new Scene()
    scene.fill(20, (index) => `${index}`)
    scene.bus.trim(0, 3)
    scene.tidy()
    const [reader, atTail] = [Cursor.fromBeginning(scene.bus), Cursor.fromNow(scene.bus)]
    const before = scene.bus.allocatedBytes
    scene.bus.recreate()
    expect([reader, atTail].map((cursor) => [cursor.read(1000), cursor.isOutdated])).toEqual([
      [null, true],
      [null, true],
    ])
    expect([scene.bus.caughtUp, scene.bus.retainedRecords, scene.bus.keys]).toEqual([false, 0, 0])
    scene.bus.setPartition(0, 0)
    scene.bus.append({ partition: 0, offset: 0, timestampMs: 0, key: null, value: bytes('new'), headers: [] })
    scene.bus.markCaughtUp()
    expect(scene.snapshot()).toEqual(['new'])
    expect(scene.gap({ 0: 1 })).toBeNull()
    expect(scene.bus.allocatedBytes).toBe(before)
    expect(Cursor.fromNow(scene.bus).isOutdated).toBe(false)
  })
})

describe('a beginning at a moment', () => {
  const since = (scene: Scene, sinceMs: number) => dataOf(Cursor.fromTime(scene.bus, sinceMs))

  it('is each partition’s first record at or after it, and all behind that, whatever its timestamp', () => {
    const scene = new Scene({}, 3)
    for (const [partition, timestampMs] of [
      [0, 100],
      [1, 90],
      [0, 200],
      [1, 300],
      [0, 150],
      [2, 50],
      [1, 10],
    ] as const)
      scene.write(null, `${partition} at ${timestampMs}`, { partition, timestampMs })
    expect(since(scene, 200)).toEqual(['0 at 200', '1 at 300', '0 at 150', '1 at 10'])
    expect(since(scene, 100)).toEqual(['0 at 100', '0 at 200', '1 at 300', '0 at 150', '1 at 10'])
    expect(since(scene, -1)).toHaveLength(7)
    expect(since(scene, 301)).toEqual([])
  })

  it('is now where it lies in the future, and stays there', () => {
    const scene = new Scene({}, 2)
    scene.fill(20)
    const cursor = Cursor.fromTime(scene.bus, Number.MAX_SAFE_INTEGER)
    scene.write('a', 'after the request')
    expect(dataOf(cursor)).toEqual(['after the request'])
  })

  it('is complete no sooner than what was compacted away before it was found', () => {
    const scene = new Scene()
    const cursor = Cursor.fromTime(scene.bus, 0)
    scene.fill(20, () => 'a')
    scene.fill(20, (index) => `${index}`)
    scene.tidy()
    scene.write('a', 'now')
    const reader = new StreamReader()
    do reader.feed(cursor.read(1) ?? Buffer.alloc(0))
    while (!cursor.complete && !cursor.atTail())
    expect(reader.records.at(-1)).toBe('now')
  })

  it('is looked for a segment a turn, but for those that are older, and past timestamps that an entry cannot hold', () => {
    const scene = new Scene({ keeps: 'all' })
    scene.fill(400)
    scene.nowMs += 1000
    scene.fill(3)
    scene.write(null, 'far off', { timestampMs: 2 ** 50 })
    const reader = new StreamReader()
    const turnsFor = (sinceMs: number) => {
      const cursor = Cursor.fromTime(scene.bus, sinceMs)
      let turns = 0
      for (let read = cursor.read(1000); read !== null; read = cursor.read(1000), turns++) reader.feed(read)
      return turns
    }
    expect(turnsFor(scene.nowMs)).toBeLessThan(10)
    expect(reader.records.at(-1)).toBe('far off')
    expect(reader.records).toHaveLength(4)
    scene.bus.setPartition(1, 0) // of which nothing is ever found
    expect(turnsFor(0)).toBeGreaterThan(50)
  })

  it('is found on a full bus that drops its oldest segment as fast as it is looked through', () => {
    const scene = new Scene({ keeps: 'all', retainedBytesMax: 8 * SEGMENT_BYTES }, 2)
    scene.fill(100)
    const cursor = Cursor.fromTime(scene.bus, 0)
    let turns = 0
    for (; cursor.read(1)?.length === 0; turns++) scene.fill(5)
    expect([cursor.lost, turns < 20]).toEqual([false, true])
    expect(dataOf(cursor)).toHaveLength(scene.bus.retainedRecords - 1)
  })
})
