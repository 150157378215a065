// Where a cursor begins that asks for records since a moment.

import { describe, expect, it } from 'vitest'
import { parseEventId } from '../../../src/bus/event-id.ts'
import { Cursor } from '../../../src/cursor/cursor.ts'
import { SelectedRecords } from '../../../src/cursor/cursors.ts'
import { headerSelector, parseSelector } from '../../../src/routing/selector.ts'
import { BusScene, dataOf, SEGMENT_BYTES } from '../../support/bus-scene.ts'
import { StreamReader } from '../../support/stream-reader.ts'

describe('a beginning at a moment', () => {
  const since = (scene: BusScene, sinceMs: number) => dataOf(Cursor.fromTime(scene.bus, sinceMs))

  it('is each partition’s first record at or after it, and all after that one, with any timestamp', () => {
    const scene = new BusScene({}, 3)
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

  it('is now if it is in the future, and stays there', () => {
    const scene = new BusScene({}, 2)
    scene.fill(20)
    const cursor = Cursor.fromTime(scene.bus, Number.MAX_SAFE_INTEGER)
    scene.write('a', 'after the request')
    expect(dataOf(cursor)).toEqual(['after the request'])
  })

  describe('on a bus that compacted a record away and kept its leaving', () => {
    const selectors = [headerSelector('to')]
    const sentTo = (to: string) => [{ name: 'to', value: Buffer.from(to) }]
    const compacted = () => {
      const scene = new BusScene({ retainedBytesMax: 16 * SEGMENT_BYTES, selectors })
      scene.write('k', 'of a', { timestampMs: 100, headers: sentTo('a') })
      scene.write('k', 'of b', { timestampMs: 300, headers: sentTo('b') })
      scene.write('other', 'too early', { timestampMs: 100, headers: sentTo('a') })
      scene.write('k', 'of b, too early', { timestampMs: 100, headers: sentTo('b') })
      scene.write('late', 'late', { timestampMs: 300, headers: sentTo('a') })
      for (let index = 0; index < 30; index++) scene.write('filler', 'x'.repeat(700), { timestampMs: 100 })
      scene.tidy()
      scene.write('last', 'last', { timestampMs: 100, headers: sentTo('a') })
      return scene
    }

    it('is no leaving for a stream of everything, which gets what it would get of any bus', () => {
      expect(since(compacted(), 200)).toEqual(['late', 'x'.repeat(700), 'last'])
    })

    it('is the leaving for a stream that selects, which has to hear of it', () => {
      const { bus } = compacted()
      const values = new Set(['a'])
      const watch = { isUpToDate: true, sequence: bus.nextSequence }
      const selected = new SelectedRecords(bus, [{ selector: headerSelector('to'), values }], watch)
      expect(dataOf(selected.fromTime(200))).toEqual(['delete aw==', 'too early', 'late', 'last'])
    })
  })

  it('does not show in the ids of a stream that selects, unless between records of its own', () => {
    const scene = new BusScene({ keeps: 'all', selectors: [parseSelector('key')] }, 2)
    const watch = { isUpToDate: true, sequence: 0 }
    const key = { selector: parseSelector('key'), values: new Set(['own']) }
    const selected = new SelectedRecords(scene.bus, [key], watch)
    scene.write('own', 'in 0', { timestampMs: 9_000 })
    for (let at = 1_000; at < 2_000; at += 100)
      scene.write(at === 1_500 ? 'own' : 'other', `at ${at}`, { partition: 1, timestampMs: at })
    const begins = (sinceMs: number) => {
      const reader = new StreamReader()
      const cursor = selected.fromTime(sinceMs, scene.bus.position())
      for (let bytes = cursor.read(1); bytes !== null; bytes = cursor.read(1)) reader.feed(bytes)
      return reader.events.map(({ data, id = '' }) => ({ data, id }))
    }
    const [early, late] = [begins(0), begins(1_501)]
    expect(early.map(({ data }) => data)).toEqual(['in 0', 'at 1500'])
    expect(late.map(({ data }) => data)).toEqual(['in 0'])
    for (let at = 0; at < 2_200; at += 50) expect(begins(at)).toEqual(at <= 1_500 ? early : late)
    const rest = ({ id }: { readonly id: string }) =>
      dataOf(selected.fromPosition(parseEventId(id) ?? new Map()))
    expect(early.map(rest)).toEqual([['at 1500'], []])
    expect(late.map(rest)).toEqual([[]])
  })

  it('is complete no sooner than what was compacted away before it was found', () => {
    const scene = new BusScene()
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

  it('is searched a segment a turn, except older ones, and past timestamps that an entry cannot hold', () => {
    const scene = new BusScene({ keeps: 'all' })
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
    const scene = new BusScene({ keeps: 'all', retainedBytesMax: 8 * SEGMENT_BYTES }, 2)
    scene.fill(100)
    const cursor = Cursor.fromTime(scene.bus, 0)
    let turns = 0
    for (; cursor.read(1)?.length === 0; turns++) scene.fill(5)
    expect([cursor.lost, turns < 20]).toEqual([false, true])
    expect(dataOf(cursor)).toHaveLength(scene.bus.retainedRecords - 1)
  })

  it('is lost on a full bus with each record that came after the request, even before the search', () => {
    const scene = new BusScene({ retainedRecordsMax: 30 })
    const writeLarge = (key: string) => scene.write(key, 'x'.repeat(SEGMENT_BYTES / 2))
    const requestedAt = scene.bus.position()
    writeLarge('after the request')
    for (let index = 0; index < 5; index++) writeLarge(`of other segments ${index}`)
    const [early, late] = [requestedAt, scene.bus.position()].map((asOf) =>
      Cursor.fromTime(scene.bus, Number.MAX_SAFE_INTEGER, asOf),
    )
    let index = 0
    while (scene.bus.gapAfter(requestedAt) === null) scene.write(`${index++}`, 'later')
    expect([early?.read(1), early?.lost, early?.atTail()]).toEqual([null, true, false])
    expect([late && dataOf(late).length, late?.lost]).toEqual([index, false])
  })
})
