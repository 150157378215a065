// A bus that read a topic which Kafka had compacted: keys may have left a selection by records that are gone. A client
// that may keep such a key is not let go on.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bus, type BusOptions } from '../../../src/bus/bus.ts'
import type { KafkaRecord } from '../../../src/bus/record.ts'
import { SelectedCursor } from '../../../src/cursor/selected-cursor.ts'
import { parseSelector } from '../../../src/routing/selector.ts'
import { SegmentPool } from '../../../src/segments/segment-pool.ts'
import { SEGMENT_BYTES } from '../../support/bus-scene.ts'
import { BUS_OPTIONS } from '../../support/topic-in-memory.ts'
import { matchingState, SelectedClient, SelectedScene, type Wanted } from '../cursor/selected-scene.ts'

const MINUTE_MS = 60_000
const WANTED: Wanted = { 'headers.to': ['a'] }

function record(offset: number, key: string, to: string | null): KafkaRecord {
  return {
    partition: 0,
    offset,
    timestampMs: 0,
    key: Buffer.from(key),
    value: to === null ? null : Buffer.from(`0/${offset} `),
    headers: to === null ? [] : [{ name: 'to', value: Buffer.from(to) }],
  }
}

/** Kafka has told the end a minute ago: no tombstone is gone since, but values may be. */
function busOf(records: readonly KafkaRecord[], options: Partial<BusOptions> = {}): Bus {
  const bus = new Bus({
    ...BUS_OPTIONS,
    pool: new SegmentPool(SEGMENT_BYTES),
    selectors: [parseSelector('headers.to')],
    nowMs: () => MINUTE_MS,
    epochMs: () => MINUTE_MS,
    ...options,
  })
  bus.setPartition(0, 0)
  bus.noteEnd(0, 0, { nowMs: 0, epochMs: 0 })
  for (const one of records) bus.append(one)
  bus.publish()
  bus.markCaughtUp()
  return bus
}

const gap = (bus: Bus, offset: number) => bus.gapForSelected(new Map([[0, offset]]))

describe('a client that comes back with an id', () => {
  it('is not let go on where the former value of a key is missing that it may keep', () => {
    // k was in a selection at offset 1, which is compacted away, and left it at 3.
    const bus = busOf([record(0, 'l', 'a'), record(3, 'k', 'b')])
    expect([gap(bus, 1), gap(bus, 2), gap(bus, 3), gap(bus, 4)]).toEqual([
      null,
      'deletes-dropped',
      'deletes-dropped',
      null,
    ])
    expect(bus.gapFor(new Map([[0, 2]]))).toBeNull()
  })

  it('is not let go on where a value between two that are there is missing', () => {
    const bus = busOf([record(0, 'k', 'b'), record(2, 'k', 'c')])
    expect([gap(bus, 1), gap(bus, 2), gap(bus, 3)]).toEqual([null, 'deletes-dropped', null])
  })

  it('goes on behind a record whose former value is there', () => {
    const bus = busOf([record(1, 'k', 'a'), record(2, 'k', 'b')])
    expect([gap(bus, 1), gap(bus, 2)]).toEqual(['deletes-dropped', null])
  })

  it('is not let go on where Kafka had deleted the beginning', () => {
    const bus = busOf([])
    const other = new Bus({ ...bus.options, pool: new SegmentPool(SEGMENT_BYTES) })
    other.setPartition(0, 5)
    other.append(record(5, 'k', 'b'))
    other.markCaughtUp()
    expect(gap(other, 5)).toBe('deletes-dropped')
    expect(gap(other, 6)).toBeNull()
  })

  it('goes on where an offset is missing that was none 30 s before, as a transaction leaves one', () => {
    let nowMs = 0
    const clocks = { nowMs: () => nowMs, epochMs: () => nowMs }
    const bus = busOf([record(0, 'k', 'a')], clocks)
    bus.noteEnd(0, 1, { nowMs, epochMs: nowMs })
    nowMs = 29_000
    bus.append(record(2, 'k', 'b'))
    expect(gap(bus, 2)).toBeNull()
    nowMs = 31_000
    bus.append(record(4, 'k', 'c'))
    expect(gap(bus, 4)).toBe('deletes-dropped')
  })

  it('goes on without a doubt where streams are selected by the key alone', () => {
    const bus = busOf([record(3, 'k', 'b')], { selectors: [parseSelector('key')] })
    expect(gap(bus, 2)).toBeNull()
  })

  it('has after it what matches, of a log that Kafka has compacted in any way, or is not let go on', () => {
    const key = fc.constantFrom('k', 'l', 'm')
    const to = fc.constantFrom('a', 'b', null)
    const log = fc.array(fc.tuple(key, to, fc.boolean()), { maxLength: 25 })
    let goneOn = 0
    fc.assert(
      fc.property(log, fc.nat(), (log, at) => {
        const records = log.map(([key, to], offset) => record(offset, key, to))
        const isSuperseded = ({ offset, key }: KafkaRecord) =>
          records.some((other) => other.offset > offset && `${other.key}` === `${key}`)
        const kept = records.filter((one, offset) => !(log[offset]?.[2] && isSuperseded(one)))
        const position = new Map([[0, at % (log.length + 1)]])
        const bus = busOf(kept)
        if (bus.gapForSelected(position) !== null) return
        goneOn++
        const scene = SelectedScene.of(bus, records)
        const client = new SelectedClient(scene, WANTED)
        const before = records.slice(0, position.get(0))
        for (const [key, value] of matchingState(before, WANTED)) client.state.set(key, value)
        client.position = position
        client.readAll(SelectedCursor.fromPosition(scene.parts(WANTED), position), 1_000)
        expect(client.state).toEqual(matchingState(records, WANTED))
      }),
      { numRuns: 2_000 },
    )
    expect(goneOn).toBeGreaterThan(500)
  })
})
