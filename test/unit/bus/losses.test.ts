// What readers are told if Kafka deleted records that they had yet to read, or if the topic is another one now.

import { describe, expect, it } from 'vitest'
import { Cursor } from '../../../src/cursor/cursor.ts'
import { BusScene, bytes, dataOf, positionOf, SEGMENT_BYTES } from '../../support/bus-scene.ts'

describe.each(['latest', 'all'] as const)('what Kafka has deleted (%s)', (keeps) => {
  it('is no loss to a client that has nothing of its partition', () => {
    const scene = new BusScene({ keeps }, 2)
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

  it('is no loss to a reader that is past it, even if another had yet to read what went before', () => {
    const scene = new BusScene({ keeps }, 2)
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

  it('is no loss to a reader whose client has it, anywhere in this bus', () => {
    const scene = new BusScene({ keeps }, 2)
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
    const scene = new BusScene({ keeps }, 2)
    for (let offset = 0; offset < 3; offset++) scene.write(`${offset}`, `1/${offset}`, { partition: 1 })
    const cursor = Cursor.fromPosition(scene.bus, positionOf({ 1: 5 }))
    scene.write('a', '0/0')
    scene.skip(1, 5)
    scene.write('5', '1/5', { partition: 1 })
    expect([String(cursor.read(100_000)).includes('0/0'), cursor.lost]).toEqual([true, false])
    expect(dataOf(cursor)).toEqual(['1/5'])
  })

  it('is not sent any more, and is given back', () => {
    const scene = new BusScene({ keeps }, 2)
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

  it('before it was read ends every stream that would have read past it', () => {
    const scene = new BusScene({ keeps })
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
  it('gets no id past what it has missed, between the loss and its end', () => {
    const scene = new BusScene({}, 1)
    scene.write('a', 'read')
    const cursor = Cursor.fromNow(scene.bus)
    expect([cursor.read(1), cursor.atTail()]).toEqual([null, true])
    scene.bus.skip(0, 10)
    expect([cursor.atTail(), cursor.lost]).toEqual([false, true])
  })

  it('gets a good id, and no gap for it, even if all that it had yet to read is deleted', () => {
    const scene = new BusScene({}, 1)
    scene.write('a', 'read')
    scene.bus.skip(0, 10)
    const cursor = Cursor.fromBeginning(scene.bus)
    expect([cursor.read(1)?.length, cursor.atTail(), cursor.id()]).toEqual([0, true, 'AQIAFA==']) // {0:10}
    expect(scene.gap({ 0: 10 })).toBeNull()
  })

  it('goes on no further back than its last id if its topic is read again', () => {
    const scene = new BusScene({}, 1)
    const cursor = Cursor.fromPosition(scene.bus, positionOf({ 0: 0 }))
    scene.bus.advance(0, 1) // a control record
    expect([cursor.read(1), cursor.id()]).toEqual([null, 'AQIAAg==']) // {0:1}
    scene.bus.startOver()
    expect(cursor.ownPosition).toEqual(positionOf({ 0: 1 }))
  })

  it('gets no id of a new topic before it is told that its topic was recreated', () => {
    const scene = new BusScene({}, 1)
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
  const next = (scene: BusScene, offset: number, key: string, value: string) => {
    const record = { partition: 0, offset, timestampMs: scene.epochMs, key: bytes(key), value: bytes(value) }
    scene.bus.append({ ...record, headers: [] })
    scene.bus.publish()
  }

  it('is skipped by all who begin after it, by an id, a time or a snapshot', () => {
    const scene = new BusScene({}, 2)
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

  it('stays skipped for readers that began before it was marked, even if its key got a new value meanwhile', () => {
    const scene = new BusScene()
    scene.write('a', 'deleted')
    scene.bus.skip(0, 10)
    const resumed = Cursor.fromPosition(scene.bus, new Map())
    next(scene, 10, 'a', 'new')
    scene.tidy()
    expect(dataOf(resumed)).toEqual(['new'])
    expect(resumed.lost).toBe(false)
  })

  it('ends no stream that began after it when it is marked or dropped', () => {
    const bounds = [8, 6].map((segments) => ({ retainedBytesMax: segments * SEGMENT_BYTES }))
    const [wide, narrow] = bounds
    for (const options of [{ keeps: 'all' as const }, { ...wide }, { keeps: 'all' as const, ...narrow }]) {
      const scene = new BusScene(options)
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
      const scene = new BusScene({ retainedBytesMax: 4 * SEGMENT_BYTES })
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
    const scene = new BusScene({ keeps: 'all' }, 2)
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
    const scene = new BusScene()
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
