// A bus as another thread sees it, at the moments at which the two differ. test/model/resume.test.ts has random
// courses.

import { beforeEach, describe, expect, it } from 'vitest'
import { Bus } from '../../../src/bus/bus.ts'
import { FRAME_BYTES_MAX } from '../../../src/bus/frame.ts'
import type { Keeps } from '../../../src/bus/record.ts'
import { Cursor } from '../../../src/cursor/cursor.ts'
import { SegmentPool } from '../../../src/segments/segment-pool.ts'
import { BusMirror } from '../../../src/threads/bus-mirror.ts'
import { BusReporter, type BusUpdate } from '../../../src/threads/bus-reporter.ts'
import { StreamReader } from '../../support/stream-reader.ts'
import { BUS_OPTIONS } from '../../support/topic-in-memory.ts'

const SEGMENT_BYTES = 4096
/** Three of its records fill a segment. */
const VALUE = 'x'.repeat(1_200)
const THREAD = 1

describe('a bus that another thread reads', () => {
  let pool: SegmentPool
  let bus: Bus
  let reporter: BusReporter
  let mirror: BusMirror
  let offset: number

  beforeEach(() => open('latest'))

  function open(keeps: Keeps, retainedSegments = 12): void {
    pool = new SegmentPool(SEGMENT_BYTES)
    bus = new Bus({ ...BUS_OPTIONS, keeps, pool, retainedBytesMax: retainedSegments * SEGMENT_BYTES })
    reporter = new BusReporter(bus)
    mirror = new BusMirror(THREAD)
    offset = 0
    bus.setPartition(0, 0)
    bus.markCaughtUp()
    mirror.receive(update())
  }

  /** As it comes through a message port. */
  const update = (): BusUpdate => structuredClone(reporter.takeUpdate())

  /** What an update says of the list. */
  function shapeOf({ pieces }: BusUpdate): object[] {
    return (pieces ?? []).map((piece) => ('added' in piece ? { added: piece.added.length } : piece))
  }

  /** Records whose value says their offset. */
  function append(...keys: string[]): void {
    for (const key of keys) {
      const value = Buffer.from(`${offset} ${VALUE}`)
      bus.append({
        partition: 0,
        offset: offset++,
        timestampMs: 0,
        key: Buffer.from(key),
        value,
        headers: [],
      })
    }
    bus.publish()
  }

  /** Offsets of what there is to be read. */
  function read(cursor: Cursor, bytesMax = 64 * 1024): number[] {
    const reader = new StreamReader()
    for (let bytes = cursor.read(bytesMax); bytes !== null; bytes = cursor.read(bytesMax)) reader.feed(bytes)
    return reader.records.map((record) => Number(record.split(' ')[0]))
  }

  /** The next frame's offset; null where there is nothing to be read. */
  function readOne(cursor: Cursor): number | null {
    const bytes = cursor.read(1)
    return bytes === null ? null : Number(/^data:(\d+) /.exec(bytes.toString())?.[1])
  }

  function compact(): void {
    while (bus.maintain(0));
  }

  const parted = () => bus.partedBytes / SEGMENT_BYTES

  it('knows of a record that was too large, once it is compacted, too', () => {
    append('a', 'b', 'c', 'd')
    const value = Buffer.alloc(FRAME_BYTES_MAX)
    bus.append({
      partition: 0,
      offset: offset++,
      timestampMs: 0,
      key: Buffer.from('large'),
      value,
      headers: [],
    })
    append(...'abcdabcdabcdabcd')
    mirror.receive(update())
    const [, written] = mirror.segments
    compact()
    mirror.receive(update())
    expect(mirror.segments).not.toContain(written)
    const read = new StreamReader()
    const cursor = Cursor.fromBeginning(mirror)
    let tooLarge = 0
    for (let bytes = cursor.read(1_000_000); bytes !== null; bytes = cursor.read(1_000_000)) {
      read.feed(bytes)
      tooLarge += cursor.tooLarge
    }
    expect(tooLarge).toBe(1)
    expect(read.comments).toEqual(['gap too-large'])
  })

  it('gets all changes that were not fetched as one update', () => {
    for (let count = 0; count < 100; count++) append('a', 'b', 'c')
    const told = update()
    expect(shapeOf(told)).toEqual([{ added: bus.segments.length }])
    mirror.receive(told)
    const nothing = update()
    expect(nothing).toMatchObject({ isWhole: true, pieces: null, logs: null, losses: null })
    mirror.receive(nothing)
    expect(read(Cursor.fromBeginning(mirror))).toEqual(read(Cursor.fromBeginning(bus)))
    expect(mirror.positionText()).toBe(bus.positionText())
  })

  it('is not told of segments that came and went in between', () => {
    open('all', 4)
    append(...'abc')
    mirror.receive(update())
    for (let count = 0; count < 50; count++) append(...'abc')
    const told = update()
    expect(shapeOf(told)).toEqual([{ added: bus.segments.length }])
    mirror.receive(told)
    expect(read(Cursor.fromBeginning(mirror))).toEqual(read(Cursor.fromBeginning(bus)))
    expect(mirror.losses.state).toEqual(bus.losses.state)
  })

  it('is told what changed anywhere in the list, and not what stayed', () => {
    open('latest', 6)
    append(...'abcdefghijkljkljkl')
    mirror.receive(update())
    compact()
    const told = update()
    expect(shapeOf(told)).toEqual([{ from: 0, count: 1 }, { added: 2 }, { from: 5, count: 1 }])
    mirror.receive(told)
    expect(read(Cursor.fromBeginning(mirror))).toEqual(read(Cursor.fromBeginning(bus)))
  })

  it('is told many segments in parts, and shows nothing of them before they are whole', () => {
    append('a')
    mirror.receive(update())
    const cursor = Cursor.fromBeginning(mirror)
    expect(read(cursor)).toEqual([0])
    for (let count = 0; count < 10; count++) append(`${count} a`, `${count} b`, `${count} c`)
    const told: string[] = []
    for (let part = reporter.takeUpdate(3); ; part = reporter.takeUpdate(3)) {
      const before = mirror.positionText()
      mirror.receive(structuredClone(part))
      told.push(JSON.stringify(shapeOf(part)))
      if (part.isWhole) break
      expect([mirror.positionText(), read(cursor), mirror.segments.length]).toEqual([before, [], 1])
      append(`${told.length} more`) // what comes meanwhile is told, too
    }
    expect(told.length).toBeGreaterThan(3)
    expect(read(cursor)).toEqual(Array.from({ length: offset - 1 }, (_, at) => at + 1))
    expect(read(Cursor.fromBeginning(mirror))).toEqual(read(Cursor.fromBeginning(bus)))
  })

  it('is told the whole list if it is too far behind for changes', () => {
    open('all', 4)
    append(...'abc')
    mirror.receive(update())
    for (let count = 0; count < 1_000; count++) append(...'abc')
    mirror.receive(update())
    expect(read(Cursor.fromBeginning(mirror))).toEqual(read(Cursor.fromBeginning(bus)))
  })

  it('sees nothing that it was not told, although that is in the same bytes', () => {
    append('a')
    mirror.receive(update())
    append('b')
    expect(read(Cursor.fromBeginning(mirror))).toEqual([0])
    expect(mirror.position().get(0)).toBe(1)
    expect(mirror.positionText()).not.toBe(bus.positionText())
  })

  it('finds by its moment what Kafka has deleted, until it hears of that', () => {
    append(...'abc')
    mirror.receive(update())
    bus.trim(0, 1)
    compact()
    const early = Cursor.fromTime(mirror, 0)
    expect(read(early)).toEqual([0, 1, 2])
    const [late, sought] = [Cursor.fromTime(mirror, 0), Cursor.fromTime(mirror, 0)]
    expect(sought.read(1)).toHaveLength(0)
    mirror.receive(update())
    expect([read(late), read(sought)]).toEqual([
      [1, 2],
      [1, 2],
    ])
    expect([late.lost, sought.lost]).toEqual([false, false])
  })

  it('hears what counts as removed before it is marked, and when it is marked', () => {
    append(...'abc')
    mirror.receive(update())
    bus.skip(0, 10)
    offset = 10
    append('d')
    expect(read(Cursor.fromBeginning(mirror))).toEqual([0, 1, 2])
    mirror.receive(update())
    expect(read(Cursor.fromBeginning(mirror))).toEqual([10])
    compact()
    mirror.receive(update())
    expect([read(Cursor.fromBeginning(mirror)), mirror.skipped.size]).toEqual([[10], 0])
  })

  it('is told position, records and sequence of one moment, also between an append and its publish', () => {
    append('a')
    mirror.receive(update())
    const cursor = Cursor.fromNow(mirror)
    bus.append({
      partition: 0,
      offset: offset++,
      timestampMs: 0,
      key: null,
      value: Buffer.from('1'),
      headers: [],
    })
    mirror.receive(update())
    const told = cursor.atTail() ? cursor.id() : null
    expect([told, read(cursor)]).toEqual([null, [1]])
    expect(cursor.id()).toBe(bus.positionText())
  })

  it('learns where the logs of a recreated topic begin, however many partitions the old one had', () => {
    bus.setPartition(1, 500)
    mirror.receive(update())
    expect([mirror.start(0), mirror.start(1)]).toEqual([0, 500])
    bus.recreate()
    for (const [partition, start] of [
      [0, 7],
      [1, 3],
    ] as const)
      bus.setPartition(partition, start)
    mirror.receive(update())
    expect([mirror.start(0), mirror.start(1)]).toEqual([7, 3])
    bus.recreate()
    mirror.receive(update())
    expect([mirror.start(0), mirror.start(1)]).toEqual([undefined, undefined])
  })

  it('outdates its readers by what the bus does: read again, or another topic', () => {
    append('a')
    mirror.receive(update())
    const cursors = [Cursor.fromNow(mirror)]
    bus.startOver()
    mirror.receive(update())
    cursors.push(Cursor.fromNow(mirror))
    bus.recreate()
    mirror.receive(update())
    cursors.push(Cursor.fromNow(mirror))
    bus.startOver()
    mirror.receive(update())
    expect(cursors.map(({ outdatedBy }) => outdatedBy)).toEqual(['recreated', 'recreated', 'deletes-dropped'])
  })

  it('tells those that wait that it has caught up, once', () => {
    const other = new BusMirror(2)
    let times = 0
    other.onCaughtUp(() => times++)
    const whole = structuredClone(new BusReporter(bus).takeUpdate())
    if (!whole.isWhole) throw new Error('one segment is told in one piece')
    other.receive({ ...whole, caughtUp: false })
    expect(times).toBe(0)
    other.receive(whole)
    other.receive(whole)
    expect(times).toBe(1)
  })

  describe('whose segments are reused before it hears of it', () => {
    let cursor: Cursor

    beforeEach(() => {
      append(...'abcdef')
      mirror.receive(update())
      cursor = Cursor.fromBeginning(mirror)
      expect(readOne(cursor)).toBe(0)
      cursor.release()
      append(...'abcabcabcabc')
      compact()
    })

    it('refuses readers, which wait for the update', () => {
      const [stale] = mirror.segments
      expect(stale?.hold()).toBe(false)
      expect(stale?.holdCount).toBe(0)
      expect(readOne(cursor)).toBeNull()
      expect(cursor.atTail()).toBe(false)
      expect(cursor.lost).toBe(false)
      const began = Cursor.fromBeginning(mirror)
      expect(began.read(1_000)).toBeNull()
      expect(began.atTail()).toBe(false)
      mirror.receive(update())
      expect(read(cursor)).toEqual([3, 4, 5, 15, 16, 17])
      expect(read(began)).toEqual([3, 4, 5, 15, 16, 17])
    })

    it('goes on at once if the update came before it looks, because the next may take long', () => {
      mirror.receive(update())
      expect(readOne(cursor)).toBe(3)
    })

    it('looks for a moment only in what is still there', () => {
      const seeking = Cursor.fromTime(mirror, 0)
      expect(seeking.read(1_000)).toBeNull()
      mirror.receive(update())
      expect(read(seeking).at(-1)).toBe(17)
    })
  })

  describe('of which it refers to a segment', () => {
    let held: number

    beforeEach(() => {
      append(...'abcdef')
      mirror.receive(update())
      const cursor = Cursor.fromBeginning(mirror)
      cursor.read(1)
      expect(cursor.handOver()).not.toBeNull()
      append(...'abcabcabcabc')
      compact()
      held = parted()
    })

    it('keeps it until the thread is forgotten', () => {
      expect(held).toBe(1)
      bus.releaseThread(THREAD + 1)
      expect(parted()).toBe(1)
      bus.releaseThread(THREAD)
      expect(parted()).toBe(0)
    })

    it('keeps it for another thread that holds it, too', () => {
      const other = new BusMirror(THREAD + 1)
      other.receive(structuredClone(new BusReporter(bus).takeUpdate()))
      const cursor = Cursor.fromBeginning(other)
      cursor.read(1)
      const segment = cursor.handOver()
      bus.releaseThread(THREAD)
      expect(segment?.holdCount).toBe(1)
      segment?.release()
      expect(segment?.holdCount).toBe(0)
    })
  })

  it('is released for a thread that is gone, even if others use the segment', () => {
    append('a')
    mirror.receive(update())
    const [view] = mirror.segments
    expect(view?.hold()).toBe(true)
    expect(bus.segments[0]?.holdCount).toBe(1)
    bus.releaseThread(THREAD)
    expect(bus.segments[0]?.holdCount).toBe(0)
  })
})
