// Values by which streams are selected, as a segment stores them beside a frame, and the index by which they are found.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashRoute } from '../../../src/segments/route-index.ts'
import { Segment } from '../../../src/segments/segment.ts'
import {
  bytesBeside,
  type FrameEntry,
  KEY_SELECTOR,
  type RouteValue,
} from '../../../src/segments/segment-layout.ts'

const SEED = 7
const FRAME = Buffer.from('data:x\nid:AA==\n\n')

type Route = readonly [selector: number, text: string]

function entryOf(
  sequence: number,
  key: string | null,
  routes: readonly Route[],
  isKeyRouted = true,
): FrameEntry {
  return {
    sequence,
    frameBytes: FRAME.length,
    idBytes: 4,
    partition: 0,
    offset: sequence,
    timestampMs: 0,
    key: key === null ? null : Buffer.from(key),
    isTombstone: false,
    isKeyRouted,
    routes: routes.map(([selector, text]): RouteValue => ({ selector, bytes: Buffer.from(text) })),
  }
}

function segmentOf(...entries: FrameEntry[]): Segment {
  const segment = new Segment(64 * 1024)
  segment.reset(1)
  for (const entry of entries) append(segment, entry)
  return segment
}

function append(segment: Segment, entry: FrameEntry): void {
  segment.bytes.set(FRAME, segment.append(entry))
}

function routesAt(segment: Segment, at: number): [number, string][] {
  const routes: [number, string][] = []
  segment.forEachRoute(at, (selector, start, length) =>
    routes.push([selector, segment.bytes.toString('utf8', start, start + length)]),
  )
  return routes
}

function found(segment: Segment, selector: number, text: string, from = 0): number[] {
  const entries: number[] = []
  const value = Buffer.from(text)
  segment.findRouted(hashRoute(SEED, selector, value), selector, value, from, entries)
  return entries.map((at) => segment.sequence(at))
}

const route = fc.tuple(fc.nat({ max: 3 }), fc.string({ maxLength: 9 }))
const record = fc.record({
  key: fc.option(fc.string({ maxLength: 9 })),
  routes: fc.array(route, { maxLength: 4 }),
  isKeyRouted: fc.boolean(),
})

describe('a frame', () => {
  it('has the values that were stored beside it, its key first, and entries go on behind them', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 30 }), (records) => {
        const entries = records.map(({ key, routes, isKeyRouted }, at) =>
          entryOf(at + 1, key, routes, isKeyRouted),
        )
        const segment = segmentOf(...entries)
        let at = 0
        for (const { key, routes, isKeyRouted } of records) {
          const wanted = isKeyRouted && key !== null ? [[KEY_SELECTOR, key], ...routes] : routes
          expect(routesAt(segment, at)).toEqual(wanted)
          expect(segment.key(at)?.toString() ?? null).toBe(key)
          at = segment.next(at)
        }
        expect(at).toBe(segment.end)
      }),
    )
  })

  it('takes as many bytes beside it as were asked for', () => {
    fc.assert(
      fc.property(record, ({ key, routes, isKeyRouted }) => {
        const entry = entryOf(1, key, routes, isKeyRouted)
        const segment = segmentOf()
        const before = segment.usedBytes
        append(segment, entry)
        expect(segment.usedBytes - before).toBe(FRAME.length + bytesBeside(entry))
        expect(segment.besideBytes(0)).toBe(bytesBeside(entry))
      }),
    )
  })

  it('without values takes what it took before there were any', () => {
    expect(bytesBeside({ key: null })).toBe(40)
    expect(bytesBeside({ key: Buffer.from('12345') })).toBe(48)
    expect(bytesBeside({ key: Buffer.from('12345'), isKeyRouted: true })).toBe(56)
  })
})

describe('the index of a closed segment', () => {
  it('finds every frame with a value, in order, from an entry on, and no other', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 60 }), (records) => {
        const segment = segmentOf(
          ...records.map(({ key, routes, isKeyRouted }, at) => entryOf(at + 1, key, routes, isKeyRouted)),
        )
        segment.close(SEED)
        const sequencesOf = ([selector, text]: Route) =>
          records.flatMap(({ key, routes, isKeyRouted }, at) => {
            const own: Route[] = isKeyRouted && key !== null ? [[KEY_SELECTOR, key], ...routes] : routes
            return own.filter((other) => other[0] === selector && other[1] === text).map(() => at + 1)
          })
        for (const { key, routes } of records) {
          for (const [selector, text] of [...routes, [KEY_SELECTOR, key ?? ''] as const]) {
            const wanted = sequencesOf([selector, text])
            expect(found(segment, selector, text)).toEqual(wanted)
          }
        }
        expect(found(segment, 9, 'x')).toEqual([])
      }),
    )
  })

  it('begins at an entry', () => {
    const segment = segmentOf(...[1, 2, 3].map((sequence) => entryOf(sequence, 'k', [])))
    segment.close(SEED)
    const second = segment.next(0)
    expect(found(segment, KEY_SELECTOR, 'k', second)).toEqual([2, 3])
    expect(found(segment, KEY_SELECTOR, 'k', segment.end)).toEqual([])
  })

  it('fits into a segment that is full to the last byte, and changes no frame and no entry', () => {
    const segment = segmentOf()
    let sequence = 1
    for (;;) {
      const entry = entryOf(sequence, `${sequence % 7}`, [[1, `${sequence % 5}`]])
      if (!segment.fits(FRAME.length, bytesBeside(entry))) break
      append(segment, entry)
      sequence++
    }
    segment.close(SEED)
    expect(segment.size - segment.usedBytes).toBeLessThan(FRAME.length + 80)
    let [at, seen] = [0, 0]
    for (; at < segment.end; at = segment.next(at)) {
      seen++
      expect(segment.bytes.subarray(segment.start(at), segment.frameEnd(at)).equals(FRAME)).toBe(true)
      expect(routesAt(segment, at)).toEqual([
        [KEY_SELECTOR, `${seen % 7}`],
        [1, `${seen % 5}`],
      ])
    }
    expect(seen).toBe(sequence - 1)
    expect(found(segment, 1, '3')).toHaveLength(Math.floor((seen + 2) / 5))
  })

  it('finds a frame behind another one whose values take many MiB', () => {
    const segment = new Segment(32 * 1024 * 1024)
    segment.reset(1)
    append(segment, entryOf(1, 'k', [[1, 'x'.repeat(9 * 1024 * 1024)]]))
    append(segment, entryOf(2, 'k', [[1, 'y']]))
    segment.close(SEED)
    expect(found(segment, 1, 'y')).toEqual([2])
    expect(found(segment, KEY_SELECTOR, 'k')).toEqual([1, 2])
  })

  it('is empty once the segment is used again', () => {
    const segment = segmentOf(entryOf(1, 'k', []))
    segment.close(SEED)
    segment.retire()
    segment.reset(2)
    expect(found(segment, KEY_SELECTOR, 'k')).toEqual([])
  })

  it('goes with the frames that compaction moves', () => {
    const from = segmentOf(entryOf(1, 'a', [[1, 'x']]), entryOf(2, 'b', [[1, 'y']]))
    const to = segmentOf()
    to.appendFrom(from, from.next(0))
    to.close(SEED)
    expect(found(to, 1, 'y')).toEqual([2])
    expect(found(to, KEY_SELECTOR, 'b')).toEqual([2])
    expect(found(to, 1, 'x')).toEqual([])
  })
})
