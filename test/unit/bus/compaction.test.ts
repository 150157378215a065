// Compaction under cursors: no live frame is lost, and no reader’s bytes are overwritten.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bus, type BusOptions } from '../../../src/bus/bus.ts'
import { Cursor } from '../../../src/cursor/cursor.ts'
import type { SegmentView } from '../../../src/segments/segment-view.ts'
import { BUS_OPTIONS } from '../../support/topic-in-memory.ts'

const MIB = 1024 * 1024

/** A bus of one partition whose values begin with their offset; knows the newest of each key. */
class CompactionScene {
  readonly bus: Bus
  readonly newest = new Map<string, number>()
  offset = 0

  constructor(options: Partial<BusOptions> = {}) {
    this.bus = new Bus({ ...BUS_OPTIONS, retainedBytesMax: 32 * MIB, ...options })
    this.bus.setPartition(0, 0)
  }

  write(key: string, size: number): void {
    const value = Buffer.alloc(Math.max(size, 9), 'abcdefghijklmnopqrstuvwxyz'.charCodeAt(this.offset % 26))
    value.write(`${this.offset} `)
    const { offset, bus } = this
    bus.append({ partition: 0, offset, timestampMs: 0, key: Buffer.from(key), value, headers: [] })
    this.newest.set(key, this.offset++)
    bus.publish()
    while (bus.maintain(Date.now()));
  }

  /** Begins this many new segments with frames that stay live: compaction takes a step at each. */
  fill(segments: number): void {
    for (let i = 0; i < segments * 4; i++) this.write(`filled ${this.offset}`, 250_000)
  }

  /** Offsets of what is live, in order. */
  get live(): number[] {
    return [...this.newest.values()].sort((a, b) => a - b)
  }
}

/** Reads as a stream does, checks what it gets, and holds on to some of its bytes as writes under way do. */
class Reader {
  readonly cursor: Cursor
  readonly offsets: number[] = []
  private readonly bus: Bus
  private held: { segment: SegmentView | null; bytes: Buffer; copy: Buffer } | null = null

  constructor(bus: Bus, cursor: Cursor) {
    this.bus = bus
    this.cursor = cursor
  }

  /** False at the tail. */
  read(bytesMax: number): boolean {
    this.release()
    const bytes = this.cursor.read(bytesMax)
    if (bytes === null) return false
    const segment = this.cursor.handOver()
    if (segment !== null && !this.bus.segments.some((each) => each === segment))
      throw new Error('reads what was given back')
    this.held = { segment, bytes, copy: Buffer.from(bytes) }
    for (const frame of bytes.toString('latin1').split('\n\n').slice(0, -1))
      this.offsets.push(Number(/^data:(\d+) /.exec(frame)?.[1]))
    return true
  }

  readAll(): void {
    while (this.read(64 * 1024));
  }

  release(): void {
    if (this.held === null) return
    const { segment, bytes, copy } = this.held
    if (!bytes.equals(copy)) throw new Error('its bytes were written over while it held them')
    segment?.release()
    this.held = null
  }
}

/** What must hold of a bus between any two calls. */
function check({ bus, newest }: CompactionScene): void {
  let [last, frames] = [0, 0]
  for (const segment of bus.segments) {
    if (segment.firstSequence <= last) throw new Error(`sequence ${segment.firstSequence} after ${last}`)
    last = segment.firstSequence - 1
    let [live, liveBytes] = [0, 0]
    for (let at = 0; at < segment.end; at = segment.next(at)) {
      if (segment.sequence(at) <= last) throw new Error(`entry ${segment.sequence(at)} after ${last}`)
      last = segment.sequence(at)
      frames++
      if (segment.isSuperseded(at)) continue
      live++
      liveBytes += segment.length(at) + segment.next(at) - at
      const found = bus.kept.index?.get(0, segment.key(at) ?? Buffer.alloc(0))
      if (found?.segment !== segment || found.at !== at) throw new Error('the index points elsewhere')
    }
    if (last > segment.lastSequence) throw new Error(`sequence ${last} in one that ends before`)
    last = segment.lastSequence
    if (live !== segment.liveFrames || liveBytes !== segment.liveBytes) throw new Error('miscounted')
  }
  if (frames !== bus.retainedRecords) throw new Error(`${frames} frames, not ${bus.retainedRecords}`)
  if (bus.isWhole && bus.keys !== newest.size) throw new Error('the index lost a key')
}

describe('compaction', { timeout: 60_000 }, () => {
  it('drops dead segments at both ends of a run, and the rest covers their sequences', () => {
    const scene = new CompactionScene({ retainedBytesMax: 8 * MIB })
    for (const key of ['dead', 'kept', 'dead']) scene.write(key, 900_000)
    const reader = new Reader(scene.bus, Cursor.fromPosition(scene.bus, new Map()))
    reader.read(1)
    scene.write('dead', 900_000)
    scene.fill(3)
    check(scene)
    const [first] = scene.bus.segments
    expect([first?.firstSequence, first?.lastSequence, first?.frames]).toEqual([1, 3, 1])
    reader.readAll()
    expect(reader.offsets).toEqual([0, ...scene.live])
  })

  it('rewrites a run into as many segments as its live frames need, in order', () => {
    const scene = new CompactionScene({ retainedBytesMax: 16 * MIB })
    for (let i = 0; i < 160; i++) scene.write(i % 5 < 2 ? `kept ${i}` : 'dead', 50_000) // 8 segments
    const last = scene.bus.nextSequence
    scene.fill(5)
    check(scene)
    const rewritten = scene.bus.segments.filter(({ rewrittenAt }) => rewrittenAt > 0)
    expect(rewritten).toHaveLength(2) // for five of them, 2 MB live: one step writes no more
    expect(rewritten.at(-1)?.lastSequence).toBeLessThanOrEqual(last)
    const reader = new Reader(scene.bus, Cursor.fromBeginning(scene.bus))
    reader.readAll()
    expect(reader.offsets).toEqual(scene.live)
  })

  it('leaves large live frames where they are, and gives back large dead ones', () => {
    const scene = new CompactionScene({ retainedBytesMax: 16 * MIB })
    for (const key of ['large', 'large and dead']) scene.write(key, 3 * MIB)
    const [large, dead] = scene.bus.segments
    scene.write('large and dead', 10)
    scene.fill(6)
    check(scene)
    expect(scene.bus.segments).toContain(large)
    expect(scene.bus.segments).not.toContain(dead)
  })

  it('does not rewrite again and again what large frames keep from getting smaller', () => {
    const scene = new CompactionScene({ retainedBytesMax: 32 * MIB })
    for (let i = 0; i < 8; i++)
      for (const key of [`wide ${i}`, 'dead']) scene.write(key, key === 'dead' ? 400_000 : 600_000)
    for (let i = 0; i < 16 * 20; i++) scene.write(i % 10 < 7 ? `small ${i}` : 'dead', 50_000)
    scene.fill(12)
    check(scene)
    expect(scene.bus.isWhole).toBe(true)
  })

  it('moves a cursor on out of a segment that was rewritten, from any place in it', () => {
    for (let stop = 0; stop <= 20; stop++) {
      const scene = new CompactionScene({ retainedBytesMax: 8 * MIB })
      for (let i = 0; i < 20; i++) scene.write(i % 3 === 0 ? `kept ${i}` : 'dead', 120_000)
      const fromBeginning = new Reader(scene.bus, Cursor.fromBeginning(scene.bus))
      const resumed = new Reader(scene.bus, Cursor.fromPosition(scene.bus, new Map([[0, 0]])))
      for (let i = 0; i < stop; i++) for (const each of [fromBeginning, resumed]) each.read(1)
      scene.fill(4)
      expect(scene.bus.segments[0]?.rewrittenAt).toBeGreaterThan(0)
      for (const each of [fromBeginning, resumed]) {
        each.readAll()
        expect(each.offsets.filter((offset) => scene.live.includes(offset))).toEqual(scene.live)
        expect(each.offsets).toEqual([...new Set(each.offsets)].sort((a, b) => a - b))
      }
    }
  })

  it.each([
    ['rewrote', 300_000],
    ['dropped', 1_200_000], // what has a segment of its own takes no part in a rewrite
  ])('is not complete before it has come to where compaction %s what it had still to read', (_, size) => {
    const scene = new CompactionScene({ retainedBytesMax: 16 * MIB })
    const moved = Array.from({ length: 8 }, (_, index) => `moved ${index}`)
    scene.write('kept', size)
    for (const key of moved) scene.write(key, 300_000)
    scene.write('kept, too', size)
    const reader = new Reader(scene.bus, Cursor.fromBeginning(scene.bus))
    reader.read(1)
    for (const key of moved) scene.write(key, 300_000)
    scene.fill(8)
    while (!reader.cursor.complete && reader.read(1));
    const newest = moved.map((key) => scene.newest.get(key) ?? 0)
    expect(reader.cursor.complete).toBe(true)
    expect(reader.offsets.filter((offset) => newest.includes(offset))).toEqual(newest)
  })

  const step = fc.record({
    key: fc.nat(9),
    size: fc.constantFrom(10, 3_000, 60_000, 300_000, 400_000, 600_000, 1_200_000),
    writes: fc.constantFrom(1, 1, 3, 12),
    reads: fc.array(fc.record({ reader: fc.nat(7), times: fc.nat(6) }), { maxLength: 3 }),
    opens: fc.constantFrom('nothing', 'nothing', 'beginning', 'now', 'position'),
  })

  it('keeps every live frame that fits, of any size, and every reader’s bytes and order', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 80 }), (steps) => {
        const scene = new CompactionScene({ retainedBytesMax: 40 * MIB })
        const { bus } = scene
        const readers: Reader[] = []
        for (const { key, size, writes, reads, opens } of steps) {
          for (let i = 0; i < writes; i++) scene.write(`${(key + i) % 10}`, size)
          check(scene)
          const cursor = cursorOf(scene, opens)
          if (cursor !== null) readers.push(new Reader(bus, cursor))
          for (const { reader, times } of reads)
            for (let i = 0; i < times; i++) readers[reader]?.read(100_000)
        }
        if (!bus.isWhole) throw new Error('what is live fits, and some of it was dropped')
        if (bus.retainedBytes > 40 * MIB) throw new Error(`${bus.retainedBytes} bytes are retained`)
        readers.push(new Reader(bus, Cursor.fromBeginning(bus)))
        for (const reader of readers) {
          const { offsets } = reader
          reader.readAll()
          reader.release()
          if (offsets.some((offset, i) => i > 0 && offset <= (offsets[i - 1] ?? 0)))
            throw new Error(`order: ${offsets}`)
          if (offsets.length > 0 && offsets.at(-1) !== scene.offset - 1) throw new Error('not to the end')
        }
        expect(readers.at(-1)?.offsets).toEqual(scene.live)
      }),
      { numRuns: 40 },
    )
  })

  it('tells a reader that the bus has outrun, instead of going on behind a gap', () => {
    const scene = new CompactionScene({ retainedBytesMax: 4 * MIB })
    const reader = new Reader(scene.bus, Cursor.fromNow(scene.bus))
    for (let i = 0; i < 3; i++) scene.write(`${i}`, 300_000)
    reader.read(1)
    for (let i = 3; i < 40; i++) scene.write(`${i}`, 300_000)
    reader.readAll()
    expect(reader.offsets).toEqual([0])
    expect(reader.cursor.lost).toBe(true)
  })
})

function cursorOf({ bus, offset }: CompactionScene, opens: string): Cursor | null {
  if (opens === 'beginning') return Cursor.fromBeginning(bus)
  if (opens === 'now') return Cursor.fromNow(bus)
  if (opens === 'position') return Cursor.fromPosition(bus, new Map([[0, Math.floor(offset / 2)]]))
  return null
}
