// Open streams that select, where a record shows that a key may have left their selection unseen: a stream whose client
// may keep such a key has to begin again, and no other.

import { describe, expect, it } from 'vitest'
import type { KafkaRecord } from '../../../src/bus/record.ts'
import { SelectedCursor } from '../../../src/cursor/selected-cursor.ts'
import { parseSelector } from '../../../src/routing/selector.ts'
import { BusScene, positionOf, SEGMENT_BYTES } from '../../support/bus-scene.ts'
import { SelectedScene, type Wanted } from '../cursor/selected-scene.ts'

const MINUTE_MS = 60_000
const BY_HEADER: Wanted = { 'headers.to': ['a'] }
const SELECTORS = ['key', 'headers.to'].map(parseSelector)

function record(offset: number, key: string, to: string | null): KafkaRecord {
  return {
    partition: 0,
    offset,
    timestampMs: -1,
    key: Buffer.from(key),
    value: to === null ? null : Buffer.from(`0/${offset} `),
    headers: to === null ? [] : [{ name: 'to', value: Buffer.from(to) }],
  }
}

/** Kafka has told the end a minute ago: no tombstone is gone since, but values may be. */
function sceneOf(...records: readonly KafkaRecord[]) {
  const retainedBytesMax = 16 * SEGMENT_BYTES
  const scene = new BusScene({ selectors: SELECTORS, deleteRetentionMs: 10 * MINUTE_MS, retainedBytesMax })
  scene.bus.noteEnd(0, 0, scene.moment)
  scene.nowMs += MINUTE_MS
  append(scene, ...records)
  const selected = SelectedScene.of(scene.bus, records)
  const resume = (offset: number, wanted = BY_HEADER) =>
    SelectedCursor.fromPosition(selected.parts(wanted), positionOf({ 0: offset }))
  const begin = () => SelectedCursor.fromBeginning(selected.parts(BY_HEADER))
  return {
    scene,
    bus: scene.bus,
    resume,
    begin,
    parts: selected.parts(BY_HEADER),
    byKey: selected.parts({ key: ['k'] }),
  }
}

function append({ bus }: BusScene, ...records: readonly KafkaRecord[]): void {
  for (const one of records) bus.append(one)
  bus.publish()
}

describe('an open stream of a client that came with an id', () => {
  it('begins again once a record comes whose former value is missing that the client may keep', () => {
    // k was in the selection at offset 1, which is compacted away, and leaves it at 3.
    const { scene, resume } = sceneOf(record(0, 'l', 'a'))
    const cursor = resume(2)
    expect(cursor.outdatedBy).toBeNull()
    append(scene, record(3, 'k', 'b'))
    expect([cursor.outdatedBy, cursor.ownPosition, cursor.atTail(), cursor.read(1_000)]).toEqual([
      'deletes-dropped',
      null,
      false,
      null,
    ])
  })

  it('begins again where the record is the delete of a key whose value is missing', () => {
    const { scene, resume } = sceneOf()
    const cursor = resume(2)
    append(scene, record(3, 'k', null))
    expect(cursor.outdatedBy).toBe('deletes-dropped')
  })

  it('goes on if it has that record, or nothing of what is missing', () => {
    const { scene, resume, begin } = sceneOf(record(0, 'l', 'a'))
    const cursors = [resume(4), resume(1), resume(0), begin()]
    append(scene, record(3, 'k', 'b'))
    expect(cursors.map(({ outdatedBy }) => outdatedBy)).toEqual([null, null, null, null])
  })

  it('goes on if it selects by the key alone, or began behind the missing offset without any records', () => {
    const { scene, resume, parts } = sceneOf()
    const byKey = resume(2, { key: ['k'] })
    const fromEnds = SelectedCursor.fromPosition(parts, positionOf({ 0: 2 }), new Map())
    append(scene, record(3, 'k', 'b'))
    expect([byKey.outdatedBy, fromEnds.outdatedBy]).toEqual([null, null])
  })

  it('begins again if Kafka had deleted the beginning, or deletes what was not read', () => {
    const { scene, bus, resume } = sceneOf()
    bus.skip(0, 5)
    append(scene, record(5, 'l', 'b'))
    const cursor = resume(6)
    append(scene, record(6, 'k', 'b'))
    expect(cursor.outdatedBy).toBe('deletes-dropped')
    expect(bus.gapForSelected(positionOf({ 0: 6 }))).toBe('deletes-dropped')
    expect(bus.gapForSelected(positionOf({ 0: 7 }))).toBeNull()
  })
})

describe('an open stream that began here', () => {
  it('begins again once a key is written again whose value has left the bus since', () => {
    const { scene, bus, begin } = sceneOf(record(0, 'k', 'a'), record(1, 'l', 'a'))
    const before = begin()
    bus.trim(0, 1)
    scene.tidy()
    const after = begin()
    append(scene, record(2, 'l', 'c'))
    expect(before.outdatedBy).toBeNull()
    append(scene, record(3, 'k', 'b'))
    expect([before.outdatedBy, after.outdatedBy]).toEqual(['deletes-dropped', null])
    expect(bus.gapForSelected(positionOf({ 0: 2 }))).toBe('deletes-dropped')
  })

  it('is lost if a key left its selection, and the delete expires before it is read', () => {
    const { scene, begin, resume } = sceneOf(record(0, 'k', 'a'))
    const [cursor, byKey] = [begin(), resume(1, { key: ['l'] })]
    cursor.read(1_000)
    append(scene, record(1, 'k', 'b'))
    const late = begin()
    scene.nowMs += 10 * MINUTE_MS
    scene.tidy()
    expect([cursor.lost, byKey.lost, late.lost]).toEqual([true, false, false])
    expect(cursor.read(1_000)).toBeNull()
  })
})

describe('a key that left', () => {
  const read = (cursor: SelectedCursor) => `${cursor.read(100_000) ?? ''}`

  it('is told to a client that comes back although later deletes took the place of the first', () => {
    const { scene, bus, resume } = sceneOf(record(0, 'k', 'a'), record(1, 'k', null), record(2, 'k', null))
    append(scene, ...Array.from({ length: 400 }, (_, at) => record(3 + at, 'l', 'b')))
    scene.tidy()
    expect(bus.gapForSelected(positionOf({ 0: 1 }))).toBeNull()
    expect(read(resume(1))).toContain('event:delete\ndata:aw==\n')
  })

  it('is told to no stream that selects by the key, where the records are hidden that were written again', () => {
    const { scene, byKey } = sceneOf(record(0, 'l', null))
    scene.nowMs += 10 * MINUTE_MS
    scene.tidy()
    append(scene, record(1, 'k', 'a'), record(2, 'k', 'b'), record(3, 'k', 'c'))
    const text = read(SelectedCursor.fromPosition(byKey, positionOf({ 0: 1 }), new Map()))
    expect(text).toMatch(/^data:0\/3 \n[^\n]*\n\n$/)
  })

  it('takes its former values with it, for a client that has nothing, once its delete has expired', () => {
    const [other, leaves] = [record(0, 'm', 'b'), [record(1, 'k', 'a'), record(2, 'k', 'b')]]
    const { scene, parts } = sceneOf(other, ...leaves, record(3, 'l', 'a'))
    scene.nowMs += 10 * MINUTE_MS
    scene.tidy()
    const cursors = [
      SelectedCursor.fromTime(parts, 0),
      SelectedCursor.fromPosition(parts, positionOf({ 0: 1 }), new Map()),
    ]
    for (const cursor of cursors) {
      const text = Array.from({ length: 5 }, () => read(cursor)).join('')
      expect(text).toContain('data:0/3 ')
      expect(text).not.toContain('data:0/1 ')
    }
  })

  it('is told as long as a tombstone would be, although records without a key go sooner', () => {
    const { scene, bus } = sceneOf()
    const options = {
      ...bus.options,
      retainedMsMax: MINUTE_MS,
      nowMs: () => scene.nowMs,
      epochMs: () => scene.epochMs,
    }
    const other = new BusScene(options)
    append(other, { ...record(0, 'n', 'a'), key: null }, record(1, 'k', 'a'), record(2, 'k', 'b'))
    scene.nowMs += 2 * MINUTE_MS
    while (other.bus.maintain(scene.epochMs, scene.nowMs));
    expect(other.bus.losses.state.partitions.get(0)?.recordsLostBelow).toBe(1)
    expect(other.bus.gapForSelected(positionOf({ 0: 2 }))).toBeNull()
    scene.nowMs += 10 * MINUTE_MS
    while (other.bus.maintain(scene.epochMs, scene.nowMs));
    expect(other.bus.gapForSelected(positionOf({ 0: 2 }))).toBe('deletes-dropped')
  })

  it('is not lost to a stream that got the record by which it left others', () => {
    const { scene, begin } = sceneOf(record(0, 'k', 'a'))
    const cursor = begin()
    cursor.read(1_000)
    const both = {
      ...record(1, 'k', 'b'),
      headers: ['a', 'b'].map((to) => ({ name: 'to', value: Buffer.from(to) })),
    }
    append(scene, both, record(2, 'k', 'a'))
    for (let reads = 0; reads < 2; reads++) cursor.read(1)
    scene.nowMs += 10 * MINUTE_MS
    scene.tidy()
    expect(cursor.lost).toBe(false)
  })
})

describe('a missing value', () => {
  it('is of no key that is written first behind an end that Kafka told later', () => {
    const { scene, bus, resume } = sceneOf(record(3, 'l', 'b'))
    bus.noteEnd(0, 4, { nowMs: scene.nowMs - 1, epochMs: scene.epochMs - 1 }) // asked before it was missed
    append(scene, record(4, 'm', 'b'))
    expect(bus.gapForSelected(positionOf({ 0: 4 }))).toBe('deletes-dropped')
    bus.noteEnd(0, 8, scene.moment)
    append(scene, record(5, 'm', 'b'))
    append(scene, record(6, 'n', 'b'))
    expect(bus.gapForSelected(positionOf({ 0: 6 }))).toBe('deletes-dropped')
    append(scene, record(7, 'n', 'b'))
    const cursor = resume(8)
    append(scene, record(8, 'o', 'b'))
    expect(bus.gapForSelected(positionOf({ 0: 8 }))).toBeNull()
    expect(cursor.outdatedBy).toBeNull()
  })

  it('concerns the ids around it, and not those between two such places', () => {
    const { scene, bus } = sceneOf(record(3, 'l', 'b'))
    bus.noteEnd(0, 4, scene.moment)
    append(scene, record(4, 'm', 'b'), record(5, 'm', 'b'))
    scene.nowMs += MINUTE_MS
    append(scene, record(9, 'n', 'b'))
    const gaps = [1, 3, 4, 6, 7, 9, 10].map((offset) => bus.gapForSelected(positionOf({ 0: offset })))
    const due = 'deletes-dropped'
    expect(gaps).toEqual([due, due, null, null, due, due, null])
  })
})
