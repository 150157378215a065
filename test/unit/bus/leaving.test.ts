// A bus whose streams may be selected: which values stand beside a frame, how a key that leaves a value is told to the
// streams of that value, and that all other streams get what they would get of any bus.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bus, type BusOptions } from '../../../src/bus/bus.ts'
import { Cursor } from '../../../src/cursor/cursor.ts'
import { parseSelector } from '../../../src/routing/selector.ts'
import { KEY_SELECTOR, PRESENT } from '../../../src/segments/segment-layout.ts'
import { SegmentPool } from '../../../src/segments/segment-pool.ts'
import { SEGMENT_BYTES } from '../../support/bus-scene.ts'
import { BUS_OPTIONS } from '../../support/topic-in-memory.ts'

const HEADER = 'to'
const DAY_MS = 86_400_000

/** A record: its key, its value (null deletes), and the values of its header. */
type Written = readonly [key: string | null, value: string | null, ...to: string[]]

function busOf(selectors: readonly string[], options: Partial<BusOptions> = {}) {
  const pool = new SegmentPool(SEGMENT_BYTES)
  const bus = new Bus({ ...BUS_OPTIONS, ...options, pool, selectors: selectors.map(parseSelector) })
  bus.setPartition(0, 0)
  bus.markCaughtUp()
  return bus
}

function write(bus: Bus, ...records: readonly Written[]): void {
  for (const [key, value, ...to] of records) {
    bus.append({
      partition: 0,
      offset: bus.nextOffset(0) ?? 0,
      timestampMs: 0,
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      headers: to.map((text) => ({ name: HEADER, value: Buffer.from(text) })),
    })
    bus.publish()
  }
}

/** Of every frame: its offset, what it is, and its values, of a leaving the former ones. */
function frames(bus: Bus): string[] {
  return bus.segments.flatMap((segment) => {
    const lines = []
    for (let at = 0; at < segment.end; at = segment.next(at)) {
      const values: string[] = []
      segment.forEachRoute(at, (selector, start, length) => {
        if (selector !== KEY_SELECTOR && selector >= PRESENT) return
        const name = selector === KEY_SELECTOR ? 'key' : `${selector}`
        values.push(`${name}=${segment.bytes.toString('latin1', start, start + length)}`)
      })
      const kind = segment.isLeaving(at) ? 'leaving' : segment.isTombstone(at) ? 'delete' : 'record'
      lines.push(`${segment.offset(at)} ${kind} ${values.join(' ')}`.trim())
    }
    return lines
  })
}

function readAll(cursor: Cursor, bytesMax: number): string {
  let text = ''
  for (let bytes = cursor.read(bytesMax); bytes !== null; bytes = cursor.read(bytesMax)) text += bytes
  cursor.release()
  return text
}

describe('a bus that streams select from by a header', () => {
  const routed = (options?: Partial<BusOptions>) => busOf(['key', `headers.${HEADER}`], options)

  it('has the values of a record beside its frame', () => {
    const bus = routed()
    write(bus, ['k', 'v', 'a', 'b'], [null, 'v', 'a'], ['l', 'v'])
    expect(frames(bus)).toEqual(['0 record key=k 0=a 0=b', '1 record 0=a', '2 record key=l'])
  })

  it('has a frame that deletes the key for the streams of each value that the key leaves', () => {
    const bus = routed()
    write(bus, ['k', 'v', 'a', 'b'], ['k', 'v', 'b', 'c'], ['k', 'v', 'b', 'c'], ['k', 'v'])
    expect(frames(bus)).toEqual([
      '0 record key=k 0=a 0=b',
      '1 record key=k 0=b 0=c',
      '1 leaving key=k 0=a 0=b',
      '2 record key=k 0=b 0=c',
      '3 record key=k',
      '3 leaving key=k 0=b 0=c',
    ])
  })

  it('has such a frame behind a tombstone, whose own headers do not count', () => {
    const bus = routed()
    write(bus, ['k', 'v', 'a'], ['k', null, 'b'], ['k', null, 'c'], ['k', 'v', 'd'], ['unknown', null, 'a'])
    expect(frames(bus)).toEqual([
      '0 record key=k 0=a',
      '1 delete key=k',
      '1 leaving key=k 0=a',
      '2 delete key=k',
      '3 record key=k 0=d',
      '4 delete key=unknown',
    ])
  })

  it('deletes with the id and the bytes of a tombstone of that key', () => {
    const bus = routed()
    write(bus, ['k', 'v', 'a'], ['k', 'v', 'b'])
    const [segment] = bus.segments
    const at = segment?.next(segment.next(0)) ?? 0
    const text = segment?.bytes.toString('latin1', segment.start(at), segment.frameEnd(at))
    expect(text).toBe('event:delete\ndata:aw==\nid:AQIABA==\n\n')
    expect(segment?.key(at)).toBeNull()
  })

  it('says that a delete is too large where the key is, and begins no segment twice', () => {
    const bus = routed()
    const key = 'k'.repeat(13 * 1024 * 1024)
    write(bus, [key, 'v', 'a'], [key, 'v', 'b'])
    const last = bus.segments.at(-1)
    const leaving = last?.next(0) ?? 0
    expect(last?.isLeaving(leaving)).toBe(true)
    expect(last?.bytes.toString('latin1', last.start(leaving), last.frameEnd(leaving))).toBe(
      ':gap too-large\nid:AQIABA==\n\n',
    )
  })

  it('knows no leaving where every record counts: a tombstone has its own values', () => {
    const bus = routed({ keeps: 'all' })
    write(bus, ['k', 'v', 'a'], ['k', 'v', 'b'], ['k', null, 'c'])
    expect(frames(bus)).toEqual(['0 record key=k 0=a', '1 record key=k 0=b', '2 delete key=k 0=c'])
  })

  it('notes that a leaving is gone once a tombstone’s time is over, and other clients lack nothing', () => {
    let nowMs = 0
    const bus = routed({ nowMs: () => nowMs, epochMs: () => 0 })
    write(bus, ['k', 'v', 'a'], ['k', 'v', 'b'])
    nowMs = DAY_MS
    while (bus.maintain(0, nowMs));
    expect(bus.leavings.state.partitions.get(0)?.lostBelow).toBe(2)
    expect(bus.losses.state.partitions.get(0)).toBeUndefined()
    expect(bus.gapFor(new Map([[0, 1]]))).toBeNull()
    expect(bus.isWhole).toBe(true)
  })

  it('lets leavings go first where room is scarce, and keeps every newest value', () => {
    const bus = routed({ retainedBytesMax: 8 * SEGMENT_BYTES })
    for (let turn = 0; turn < 400; turn++) write(bus, [`${turn % 20}`, 'v'.repeat(20), `${turn % 3}`])
    expect(bus.isWhole).toBe(true)
    expect(bus.leavings.state.partitions.get(0)?.lostBelow).toBeGreaterThan(0)
    expect(bus.gapFor(new Map([[0, 1]]))).toBeNull()
  })
})

describe('a bus that streams select from by the key alone', () => {
  it('has no leaving: a key never changes', () => {
    const bus = busOf(['key'])
    write(bus, ['k', 'v', 'a'], ['k', 'v', 'b'], ['k', null])
    expect(frames(bus)).toEqual(['0 record key=k', '1 record key=k', '2 delete key=k'])
  })
})

describe('a stream of everything', () => {
  const key = fc.constantFrom('k', 'l', 'm', null)
  const value = fc.option(fc.constantFrom('x', 'y'.repeat(90)))
  const to = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 2 })
  const records = fc.array(
    fc.tuple(key, value, to).map(([key, value, to]): Written => [key, value, ...to]),
    { maxLength: 60 },
  )

  it('gets the same bytes as of a bus that nothing selects from, wherever it begins and however it reads', () => {
    fc.assert(
      fc.property(
        records,
        records,
        fc.constantFrom(1, 100, 4_000),
        fc.constantFrom('latest', 'all'),
        fc.nat({ max: 60 }),
        (before, after, bytesMax, keeps, offset) => {
          const texts = [busOf([], { keeps }), busOf(['key', `headers.${HEADER}`], { keeps })].map((bus) => {
            write(bus, ...before)
            const resumed = Math.min(offset, before.length)
            const cursors = [
              Cursor.fromBeginning(bus),
              Cursor.fromNow(bus),
              Cursor.fromPosition(bus, new Map([[0, resumed]])),
            ]
            write(bus, ...after)
            return cursors.map((cursor) => readAll(cursor, bytesMax))
          })
          expect(texts[1]).toEqual(texts[0])
        },
      ),
    )
  })

  it('never has an id that covers a record that it was not sent', () => {
    fc.assert(
      fc.property(records, fc.constantFrom(1, 100, 4_000), (written, bytesMax) => {
        const bus = busOf([`headers.${HEADER}`])
        const cursor = Cursor.fromNow(bus)
        write(bus, ...written)
        let text = ''
        for (let bytes = cursor.read(bytesMax); bytes !== null; bytes = cursor.read(bytesMax)) {
          text += bytes
          const sent = [...text.matchAll(/^id:(.*)$/gm)].at(-1)?.[1]
          if (!cursor.atTail() && sent !== undefined) expect(cursor.id()).toBe(sent)
        }
        cursor.release()
      }),
    )
  })
})
