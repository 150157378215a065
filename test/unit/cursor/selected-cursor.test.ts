// A cursor that reads some of a bus's records: it gets what a stream of everything would get, without what does not
// match, and is told what has left.

import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { KafkaRecord } from '../../../src/bus/record.ts'
import { Route } from '../../../src/cursor/route.ts'
import { SelectedCursor } from '../../../src/cursor/selected-cursor.ts'
import { SEGMENT_BYTES } from '../../support/bus-scene.ts'
import {
  bytesMax,
  has,
  LAST_VISIT,
  matchingState,
  SelectedClient,
  SelectedScene,
  some,
  visit,
  type Wanted,
  type Written,
  wanted,
} from './selected-scene.ts'

describe('a cursor of some records', () => {
  it('has the newest value of every key that matches, from the beginning on and at any time after', () => {
    fc.assert(
      fc.property(wanted, bytesMax, fc.array(some, { maxLength: 4 }), (wanted, bytesMax, batches) => {
        const scene = new SelectedScene()
        const [first = [], ...later] = batches
        scene.write(...first)
        const client = new SelectedClient(scene, wanted)
        const cursor = SelectedCursor.fromBeginning(scene.parts(wanted))
        client.readAll(cursor, bytesMax)
        for (const batch of later) {
          expect(client.state).toEqual(matchingState(scene.records, wanted))
          scene.write(...batch)
          while (scene.bus.maintain(0));
          client.readAll(cursor, bytesMax)
        }
        expect(client.state).toEqual(matchingState(scene.records, wanted))
        expect(client.position).toEqual(scene.bus.position())
      }),
      { numRuns: 500 },
    )
  })

  it('gets every record that matches once and in order where each counts, tombstones by their own values', () => {
    fc.assert(
      fc.property(wanted, bytesMax, some, some, (wanted, bytesMax, before, after) => {
        const scene = new SelectedScene({ keeps: 'all' })
        scene.write(...before)
        const client = new SelectedClient(scene, wanted)
        const cursor = SelectedCursor.fromBeginning(scene.parts(wanted))
        client.readAll(cursor, bytesMax)
        scene.write(...after)
        client.readAll(cursor, bytesMax)
        const isSent = (record: KafkaRecord) =>
          !(record.key === null && record.value === null) &&
          Object.entries(wanted).every(([name, values]) => has(record, name, values))
        const owed = scene.records.filter(isSent).map(({ key, value }) => {
          if (value !== null) return `${value}`
          const data = Buffer.from(key ?? '').toString('base64url')
          return `delete ${data.padEnd(Math.ceil(data.length / 4) * 4, '=')}`
        })
        expect(client.sent.filter((data) => !data.startsWith('delete'))).toEqual(
          owed.filter((data) => !data.startsWith('delete')),
        )
        expect([...client.sent].sort()).toEqual([...owed].sort())
      }),
      { numRuns: 500 },
    )
  })

  it('goes on from any id, at servers that read the partitions in another order', () => {
    fc.assert(
      fc.property(wanted, some, some, fc.array(visit, { minLength: 1, maxLength: 6 }), (...all) => {
        const [wanted, before, after, visits] = all
        const ascending = new SelectedScene()
        const descending = new SelectedScene()
        const byPartition = (records: Written[], sign: number) =>
          [...records].sort((a, b) => sign * (a.partition - b.partition))
        ascending.write(...before)
        let scene = ascending
        let client = new SelectedClient(scene, wanted)
        // One read at least: a client that has nothing yet gets a snapshot of the next server.
        client.readAll(SelectedCursor.fromBeginning(scene.parts(wanted)), 1, visits[0]?.readsMax)
        ascending.write(...byPartition(after, 1))
        descending.write(...byPartition(before, -1), ...byPartition(after, -1))
        for (const { isDescending, bytesMax, readsMax } of [...visits, LAST_VISIT]) {
          scene = isDescending ? descending : ascending
          client = client.moveTo(scene)
          const cursor = SelectedCursor.fromPosition(scene.parts(wanted), client.position)
          client.readAll(cursor, bytesMax, readsMax)
        }
        expect(client.state).toEqual(matchingState(scene.records, wanted))
        expect(client.position).toEqual(scene.bus.position())
      }),
      { numRuns: 500 },
    )
  })

  it('is told of no leaving of a key that stays, though only the leaving of its record is left', () => {
    const scene = new SelectedScene({ retainedBytesMax: 16 * SEGMENT_BYTES })
    const record = { partition: 0, key: 'k', size: 10, kind: null }
    for (const to of ['a', 'b', 'c']) scene.write({ ...record, to: [to] })
    for (let count = 0; count < 30; count++) scene.write({ ...record, key: 'filler', size: 700, to: [] })
    while (scene.bus.maintain(0));
    const sent = (wanted: Wanted) => {
      const client = new SelectedClient(scene, wanted)
      client.readAll(SelectedCursor.fromPosition(scene.parts(wanted), new Map([[0, 1]])), 100_000)
      return client.sent.map((text) => text.slice(0, 'delete'.length))
    }
    expect(sent({ 'headers.to': ['b'] })).toContain('delete')
    for (const wanted of [{ key: ['k'] }, { 'headers.to': ['a', 'b', 'c'] }])
      expect(sent(wanted)).toEqual([expect.stringContaining('0/2')])
    expect(sent({ key: ['k'], 'headers.to': ['a', 'b'] })).toEqual(['delete'])
  })

  it('searches the fewer segments in one read the more values it selects', () => {
    const scene = new SelectedScene({ keeps: 'all' })
    for (let count = 0; scene.bus.segments.length <= 40; count++)
      scene.write({ partition: 0, key: `k${count}`, size: 300, to: [], kind: null })
    const reads = (values: number) => {
      const wanted = { key: Array.from({ length: values }, (_, at) => `own ${at}`) }
      const cursor = SelectedCursor.fromBeginning(scene.parts(wanted))
      let reads = 0
      while (cursor.read(1_000) !== null) reads++
      return reads
    }
    expect([reads(1), reads(100), reads(1_000)]).toEqual([0, 2, 20])
  })

  it('is told of a leaving by a record whose own values take many MiB', () => {
    const scene = new SelectedScene({ retainedBytesMax: 64 * 1024 * 1024 })
    const record = { partition: 0, key: 'k0', size: 10, kind: null }
    scene.write({ ...record, to: ['a'] }, { ...record, to: ['b'.repeat(5 * 1024 * 1024)] })
    scene.write({ ...record, key: 'k1', to: [] })
    const wanted = { 'headers.to': ['a'] }
    const client = new SelectedClient(scene, wanted)
    client.readAll(SelectedCursor.fromPosition(scene.parts(wanted), new Map([[0, 1]])), 100_000)
    expect(client.sent).toEqual(['delete azA='])
  })

  it('loses nothing where frames of others leave the bus while it waits', () => {
    const scene = new SelectedScene({ keeps: 'all', retainedBytesMax: 4 * SEGMENT_BYTES })
    const own: Written = { partition: 0, key: 'k0', size: 10, to: ['a'], kind: null }
    scene.write(own)
    const wanted = { 'headers.to': ['a'] }
    const client = new SelectedClient(scene, wanted)
    const cursor = SelectedCursor.fromBeginning(scene.parts(wanted))
    client.readAll(cursor, 1_000)
    for (let count = 0; count < 100; count++) scene.write({ ...own, to: ['b'], size: 300 })
    expect([cursor.lost, cursor.atTail(), cursor.complete]).toEqual([false, true, true])
    expect(cursor.id()).toBe(scene.bus.positionText())
    scene.write(own)
    client.readAll(cursor, 1_000)
    expect(client.sent).toHaveLength(2)
  })

  it('is lost where a frame that it had still to read leaves the bus', () => {
    const scene = new SelectedScene({ keeps: 'all', retainedBytesMax: 4 * SEGMENT_BYTES })
    const own: Written = { partition: 0, key: 'k0', size: 300, to: ['a'], kind: null }
    scene.write(own)
    const cursor = SelectedCursor.fromNow(scene.parts({ 'headers.to': ['a'] }))
    for (let count = 0; count < 100; count++) scene.write(own)
    expect(cursor.lost).toBe(true)
    expect(cursor.read(1_000)).toBeNull()
  })

  it('waits without a read until it is told of a frame', () => {
    const scene = new SelectedScene()
    const cursor = SelectedCursor.fromNow(scene.parts({ key: ['k0'] }))
    expect(cursor.read(1_000)).toBeNull()
    scene.write({ partition: 0, key: 'k0', size: 10, to: [], kind: null })
    expect(cursor.read(1_000)).toBeNull()
    const [segment] = scene.bus.segments
    if (segment !== undefined) cursor.wakeAt(segment, 0)
    expect(String(cursor.read(1_000))).toContain('data:0/0')
  })

  it.each([2, 200])('looks at no frame of others between %i that it is told of', (own) => {
    const search = vi.spyOn(Route.prototype, 'search')
    const scene = new SelectedScene()
    const cursor = SelectedCursor.fromNow(scene.parts({ key: ['k0'] }))
    const client = new SelectedClient(scene, { key: ['k0'] })
    client.readAll(cursor, 1_000)
    search.mockClear()
    for (let count = 0; count < 10 * own; count++)
      scene.write({ partition: 0, key: count % 10 === 0 ? 'k0' : 'k1', size: 10, to: [], kind: null })
    client.readAll(cursor, 1_000)
    expect(client.sent).toHaveLength(own)
    if (own <= 64) expect(search).not.toHaveBeenCalled()
    else expect(search).toHaveBeenCalled() // a stream that is this far behind searches
    vi.restoreAllMocks()
  })

  it('needs a condition, of a selector that the bus was made with', () => {
    const scene = new SelectedScene()
    expect(() => scene.route({})).toThrow(RangeError)
    expect(() => scene.route({ 'headers.other': ['a'] })).toThrow(RangeError)
  })
})
