// What a bus never read, behind the places of open streams: tombstones that Kafka dropped first. They are lost to a
// client that has records of the partition from another server, and to no other.

import { describe, expect, it } from 'vitest'
import { AllRecords, type Cursors, SelectedRecords, type StreamCursor } from '../../../src/cursor/cursors.ts'
import { RouteSubscriptions } from '../../../src/cursor/route-subscriptions.ts'
import { SelectedCursor } from '../../../src/cursor/selected-cursor.ts'
import { parseSelector } from '../../../src/routing/selector.ts'
import { BusScene, DAY_MS, positionOf } from '../../support/bus-scene.ts'

const selector = parseSelector('key')
const VALUES = new Set(['a', 'b', 'c', 'next', '1/0', '1/1', '1/2'])

function scene(): BusScene {
  return new BusScene({ selectors: [selector] }, 2)
}

const KINDS: Record<string, (scene: BusScene) => Cursors> = {
  'every record': ({ bus }) => new AllRecords(bus),
  'some records': ({ bus }) =>
    new SelectedRecords(bus, [{ selector, values: VALUES }], new RouteSubscriptions(bus)),
}

/** Partition 0 goes on at `offset`, and Kafka has nothing more that is before it. */
function goOnAt(scene: BusScene, offset: number, timestampMs = scene.epochMs): void {
  const record = { partition: 0, offset, timestampMs, headers: [] }
  scene.bus.append({ ...record, key: Buffer.from('next'), value: Buffer.from('next') })
  scene.bus.publish()
}

/** A cursor that waits for its records is told of the last one. */
function wake(cursor: StreamCursor | undefined, { bus }: BusScene): void {
  const tail = bus.segments.at(-1)
  if (cursor instanceof SelectedCursor && tail !== undefined) cursor.wakeAt(tail, tail.lastPublished)
}

describe.each(Object.entries(KINDS))('tombstones that were never read, to a stream of %s', (_, cursorsOf) => {
  it('are no loss if its client had nothing of the partition, no matter what it has passed since', () => {
    const of = scene()
    of.write('a', 'deleted before it was sent')
    of.write('1/0', '1/0', { partition: 1 })
    of.skip(0, 2)
    const cursors = [{ 1: 3 }, { 0: 0, 1: 3 }, { 0: -2, 1: 3 }].map((position) =>
      cursorsOf(of).fromPosition(positionOf(position)),
    )
    for (const cursor of cursors) while (cursor.read(1)?.length === 0);
    goOnAt(of, 6)
    expect(of.gap({ 0: 2 })).toBe('deletes-dropped')
    expect(cursors.map(({ lost }) => lost)).toEqual([false, false, false])
  })

  it('are lost if its client came with records before them, also once the bus has all that it came with', () => {
    const of = scene()
    of.write('1/0', '1/0', { partition: 1 })
    of.skip(0, 5)
    const cursors = [5, 9].map((offset) => cursorsOf(of).fromPosition(positionOf({ 0: offset, 1: 1 })))
    of.write('1/1', '1/1', { partition: 1 })
    for (const cursor of cursors) expect(String(cursor.read(100_000))).toContain('1/1')
    goOnAt(of, 9)
    expect(cursors.map(({ lost }) => lost)).toEqual([true, false])
    expect([5, 9].map((offset) => of.gap({ 0: offset }))).toEqual(['deletes-dropped', null])
  })

  it('are lost to a client that has not passed them when a later record proves that they may be gone', () => {
    const of = scene()
    of.nowMs = 100 * DAY_MS
    of.write('1/0', '1/0', { partition: 1 })
    of.skip(0, 5)
    const cursors = ['unread', 'read', 'told'].map(() =>
      cursorsOf(of).fromPosition(positionOf({ 0: 5, 1: 1 })),
    )
    const [unread, read, told] = cursors
    of.write('1/1', '1/1', { partition: 1 })
    for (const cursor of cursors) cursor.read(100_000)
    for (const offset of [5, 6]) goOnAt(of, offset) // young ones
    for (const cursor of [read, told]) {
      wake(cursor, of)
      while (cursor?.read(100_000));
    }
    of.bus.advance(0, 10) // what is missing counts as young
    of.bus.publish()
    expect(told?.id()).toBe(of.bus.positionText())
    of.write('1/2', '1/2', { partition: 1 })
    wake(read, of)
    while (read?.read(100_000));
    goOnAt(of, 10, of.epochMs - 2 * DAY_MS)
    expect(of.gap({ 0: 9 })).toBe('deletes-dropped')
    expect([unread, read, told].map((cursor) => cursor?.lost)).toEqual([true, false, false])
  })
})
