// The index of each key’s newest frame.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FrameAt, KeyIndex } from '../../../src/segments/key-index.ts'
import { Segment } from '../../../src/segments/segment.ts'

/**
 * Enough for tables to grow from 16 places to 128 while they are probed, few enough for the same keys to come and go.
 */
const KEYS = 10_000

/** A segment with one frame for each of the keys, and where each stands. */
const PLAIN = { timestampMs: 0, isTombstone: false }

class Frames {
  readonly segment = new Segment(1024 * 1024)
  readonly places: number[] = []

  constructor(slot: number, keys: readonly Buffer[]) {
    this.segment.reset(1)
    this.segment.slot = slot
    for (const [i, key] of keys.entries()) {
      this.places.push(this.segment.end)
      this.segment.append({
        sequence: i + 1,
        frameBytes: 1,
        idBytes: 0,
        partition: i % 3,
        offset: i,
        key,
        ...PLAIN,
      })
    }
  }

  at(key: number): FrameAt {
    return { segment: this.segment, at: this.places[key] ?? -1 }
  }
}

/**
 * Keys that are hard to tell apart: many the beginning of others, the empty one among them, each in three partitions.
 */
const KEY_BYTES = Array.from({ length: KEYS }, (_, i) => bytesOf(Math.floor(i / 3)))

function bytesOf(key: number): Buffer {
  return key === 0 ? Buffer.alloc(0) : Buffer.alloc(1 + (key % 40), Math.floor(key / 40))
}

describe('the key index', () => {
  const operation = fc.record({
    kind: fc.constantFrom('set', 'set', 'delete', 'move', 'get'),
    // Runs of keys fill tables up and empty them again; single ones would take too many to do either.
    from: fc.nat(KEYS - 1),
    count: fc.constantFrom(1, 1, 10, 1_600),
    segment: fc.nat(1),
  })

  it('holds what a Map would hold, through collisions, growth and removals', () => {
    const frames = [new Frames(0, KEY_BYTES), new Frames(3, KEY_BYTES)]
    const slots = [frames[0]?.segment, undefined, undefined, frames[1]?.segment]
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), fc.nat(), (operations, seed) => {
        const index = new KeyIndex(slots, seed)
        const model = new Map<number, FrameAt>()
        for (const { kind, from, count, segment } of operations) {
          for (let key = from; key < Math.min(KEYS, from + count); key++) {
            const bytes = KEY_BYTES[key] ?? Buffer.alloc(0)
            const frame = frames[segment]?.at(key)
            if (frame === undefined) continue
            if (kind === 'set') {
              expectSame(index.set(key % 3, bytes, frame.segment, frame.at), model.get(key))
              model.set(key, frame)
            } else if (kind === 'delete') {
              index.delete(frame.segment, frame.at)
              if (model.get(key)?.segment === frame.segment) model.delete(key)
            } else if (kind === 'move') {
              const [one, other] = frames.map((of) => of.at(key))
              if (one === undefined || other === undefined) continue
              index.move(one.segment, one.at, other.segment, other.at)
              if (model.get(key)?.segment === one.segment) model.set(key, other)
            } else expectSame(index.get(key % 3, bytes), model.get(key))
          }
        }
        for (let key = 0; key < KEYS; key++)
          expectSame(index.get(key % 3, KEY_BYTES[key] ?? Buffer.alloc(0)), model.get(key))
        if (index.size !== model.size) throw new Error(`${index.size} keys, not ${model.size}`)
      }),
      { numRuns: 150 },
    )
  })

  it('distinguishes 400,000 keys, some of which share all 32 bits of their hash', () => {
    const keys = 400_000
    const slots: Segment[] = []
    const index = new KeyIndex(slots, 7)
    for (let key = 0; key < keys; key++) {
      const bytes = Buffer.from(`customer-${key}`)
      let segment = slots.at(-1)
      if (!segment?.fits(1, bytes.length)) {
        segment = new Segment(1024 * 1024)
        segment.reset(1)
        segment.slot = slots.push(segment) - 1
      }
      const at = segment.end
      segment.append({
        sequence: 1,
        frameBytes: 1,
        idBytes: 0,
        partition: 0,
        offset: key,
        key: bytes,
        ...PLAIN,
      })
      if (index.set(0, bytes, segment, at) !== null) throw new Error(`key ${key} is taken for another`)
    }
    expect(index.size).toBe(keys)
  })

  it('refers to the last entry that a segment can hold, in the last slot', () => {
    const last = 16_383
    const frames = new Frames(last, KEY_BYTES)
    while (frames.segment.fits(1, 1))
      frames.segment.append({
        sequence: 1,
        frameBytes: 1,
        idBytes: 0,
        partition: 0,
        ...PLAIN,
        offset: 0,
        key: Buffer.of(1),
      })
    const at = frames.segment.end - 44
    const slots: (Segment | undefined)[] = []
    slots[last] = frames.segment
    const index = new KeyIndex(slots, 7)
    index.set(0, Buffer.of(1), frames.segment, at)
    expect(index.get(0, Buffer.of(1))).toEqual({ segment: frames.segment, at })
    index.delete(frames.segment, at)
    expect(index.get(0, Buffer.of(1))).toBeNull()
  })
})

/** As `expect` would say it, without its cost: there are millions of these. */
function expectSame(found: FrameAt | null, expected: FrameAt | undefined): void {
  if (found?.segment !== expected?.segment || found?.at !== expected?.at)
    throw new Error(`found entry ${found?.at}, not ${expected?.at}`)
}
