// A cursor that reads some of a bus's records: it gets what a stream of everything would get, without what does not
// match, and is told what has left.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bus, type BusOptions } from '../../../src/bus/bus.ts'
import { parseEventId } from '../../../src/bus/event-id.ts'
import type { Position } from '../../../src/bus/position.ts'
import type { KafkaRecord } from '../../../src/bus/record.ts'
import { Route } from '../../../src/cursor/route.ts'
import { SelectedCursor } from '../../../src/cursor/selected-cursor.ts'
import { parseSelector } from '../../../src/routing/selector.ts'
import { SegmentPool } from '../../../src/segments/segment-pool.ts'
import type { RouteCondition } from '../../../src/selection/selection.ts'
import { SEGMENT_BYTES } from '../../support/bus-scene.ts'
import { StreamReader } from '../../support/stream-reader.ts'
import { BUS_OPTIONS } from '../../support/topic-in-memory.ts'

const PARTITIONS = 2
const SELECTORS = ['key', 'headers.to', 'headers.kind']

interface Written {
  readonly partition: number
  readonly key: string | null
  /** null deletes. */
  readonly size: number | null
  readonly to: readonly string[]
  readonly kind: string | null
}

/** Conditions by name: the values that match. */
type Wanted = Readonly<Record<string, readonly string[]>>

class SelectedScene {
  readonly bus: Bus
  readonly records: KafkaRecord[] = []

  constructor(options: Partial<BusOptions> = {}) {
    const pool = new SegmentPool(SEGMENT_BYTES)
    this.bus = new Bus({ ...BUS_OPTIONS, ...options, pool, selectors: SELECTORS.map(parseSelector) })
    for (let partition = 0; partition < PARTITIONS; partition++) this.bus.setPartition(partition, 0)
    this.bus.markCaughtUp()
  }

  write(...all: readonly Written[]): void {
    for (const { partition, key, size, to, kind } of all) {
      const offset = this.bus.nextOffset(partition) ?? 0
      const record: KafkaRecord = {
        partition,
        offset,
        timestampMs: 0,
        key: key === null ? null : Buffer.from(key),
        value: size === null ? null : Buffer.from(`${partition}/${offset} `.padEnd(size, 'x')),
        headers: [
          ...to.map((text) => ({ name: 'to', value: Buffer.from(text) })),
          { name: 'kind', value: kind === null ? null : Buffer.from(kind) },
        ],
      }
      this.records.push(record)
      this.bus.append(record)
      this.bus.publish()
    }
  }

  route(wanted: Wanted): Route {
    const conditions = Object.entries(wanted).map(
      ([name, values]): RouteCondition => ({ selector: parseSelector(name), values: new Set(values) }),
    )
    return new Route(this.bus, conditions)
  }
}

/** What a client has: the newest of each key that it was sent, and all it was sent, in order. */
class SelectedClient {
  readonly state = new Map<string, string>()
  readonly sent: string[] = []
  position: Position = new Map()
  private readonly reader = new StreamReader()
  private readonly scene: SelectedScene
  private readonly wanted: Wanted
  private readonly route: Route
  private readTo = 0

  constructor(scene: SelectedScene, wanted: Wanted) {
    this.scene = scene
    this.wanted = wanted
    this.route = scene.route(wanted)
  }

  /**
   * Reads all that there is, or a few times, up to the id that the cursor then tells. The cursor is told of frames that
   * have come, as streams that wait are.
   */
  readAll(cursor: SelectedCursor, bytesMax: number, readsMax = Number.POSITIVE_INFINITY): void {
    this.wake(cursor)
    for (let reads = 0; reads < readsMax; reads++) {
      const bytes = cursor.read(bytesMax)
      if (bytes === null) break
      this.reader.feed(bytes)
    }
    for (const { event, data, id } of this.reader.events.splice(0)) this.take(event, data, id ?? '')
    this.moveOn(cursor.id())
    cursor.release()
  }

  private take(event: string | undefined, data: string, id: string): void {
    this.moveOn(id)
    this.sent.push(event === 'delete' ? `delete ${data}` : data)
    if (event === 'delete') {
      this.state.delete(Buffer.from(data, 'base64url').toString())
      return
    }
    const record = this.scene.records.find(({ value }) => String(value) === data)
    expect(this.position.get(record?.partition ?? -1)).toBe((record?.offset ?? -1) + 1)
    if (record?.key) this.state.set(`${record.key}`, data)
  }

  /** No id goes back in any partition. */
  private moveOn(id: string): void {
    const before = this.position
    this.position = parseEventId(id) ?? new Map()
    for (const [partition, offset] of before)
      expect(this.position.get(partition)).toBeGreaterThanOrEqual(offset)
  }

  /** The same client, at another server. */
  moveTo(scene: SelectedScene): SelectedClient {
    const moved = new SelectedClient(scene, this.wanted)
    for (const [key, value] of this.state) moved.state.set(key, value)
    moved.position = this.position
    return moved
  }

  /** Tells the cursor of the first frame since the last read that may match. */
  private wake(cursor: SelectedCursor): void {
    const { bus } = this.scene
    const [segment, at] = bus.segments.flatMap((segment) => {
      for (let at = 0; at < segment.end; at = segment.next(at))
        if (segment.sequence(at) >= this.readTo && this.route.mayMatch(segment, at))
          return [[segment, at] as const]
      return []
    })[0] ?? [null, 0]
    this.readTo = bus.nextSequence
    if (segment !== null) cursor.wakeAt(segment, at)
  }
}

function has(record: KafkaRecord, name: string, values: readonly string[]): boolean {
  if (name === 'key') return record.key !== null && values.includes(`${record.key}`)
  const header = name.slice('headers.'.length)
  return record.headers.some((own) => own.name === header && own.value && values.includes(`${own.value}`))
}

function matches(record: KafkaRecord, wanted: Wanted): boolean {
  return record.value !== null && Object.entries(wanted).every(([name, values]) => has(record, name, values))
}

/** The newest record of each key, if it matches. */
function matchingState(records: readonly KafkaRecord[], wanted: Wanted): Map<string, string> {
  const newest = new Map<string, KafkaRecord>()
  for (const record of records)
    if (record.key !== null) newest.set(`${record.partition} ${record.key}`, record)
  const matching = [...newest.values()].filter((record) => matches(record, wanted))
  return new Map(matching.map(({ key, value }) => [`${key}`, `${value}`]))
}

// Keys name their partition, so that a client can tell them apart.
const written = fc
  .record({
    partition: fc.nat({ max: PARTITIONS - 1 }),
    key: fc.constantFrom('k', 'l', 'm', null),
    size: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(10, 300) }, fc.constant(null)),
    to: fc.subarray(['a', 'b', 'c']),
    kind: fc.constantFrom('x', 'y', null),
  })
  .map((one): Written => ({ ...one, key: one.key === null ? null : one.key + one.partition }))
const some = fc.array(written, { maxLength: 40 })
const wanted: fc.Arbitrary<Wanted> = fc.oneof(
  fc.subarray(['a', 'b', 'c', 'd'], { minLength: 1 }).map((values) => ({ 'headers.to': values })),
  fc.subarray(['k0', 'l1', 'm0'], { minLength: 1 }).map((values) => ({ key: values })),
  fc.constant({ 'headers.to': ['a', 'b'], 'headers.kind': ['x'] }),
  fc.constant({ key: ['k0', 'k1'], 'headers.to': ['a'] }),
)
const visit = fc.record({
  isDescending: fc.boolean(),
  bytesMax: fc.constantFrom(1, 400, 100_000),
  readsMax: fc.constantFrom(1, 2, 5),
})
const LAST_VISIT = { isDescending: true, bytesMax: 100_000, readsMax: Number.POSITIVE_INFINITY }
const bytesMax = fc.constantFrom(1, 400, 100_000)

describe('a cursor of some records', () => {
  it('has the newest value of every key that matches, from the beginning on and at any time after', () => {
    fc.assert(
      fc.property(wanted, bytesMax, fc.array(some, { maxLength: 4 }), (wanted, bytesMax, batches) => {
        const scene = new SelectedScene()
        const [first = [], ...later] = batches
        scene.write(...first)
        const client = new SelectedClient(scene, wanted)
        const cursor = SelectedCursor.fromBeginning(scene.bus, scene.route(wanted))
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
        const cursor = SelectedCursor.fromBeginning(scene.bus, scene.route(wanted))
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
        client.readAll(SelectedCursor.fromBeginning(scene.bus, scene.route(wanted)), 1, visits[0]?.readsMax)
        ascending.write(...byPartition(after, 1))
        descending.write(...byPartition(before, -1), ...byPartition(after, -1))
        for (const { isDescending, bytesMax, readsMax } of [...visits, LAST_VISIT]) {
          scene = isDescending ? descending : ascending
          client = client.moveTo(scene)
          const cursor = SelectedCursor.fromPosition(scene.bus, scene.route(wanted), client.position)
          client.readAll(cursor, bytesMax, readsMax)
        }
        expect(client.state).toEqual(matchingState(scene.records, wanted))
        expect(client.position).toEqual(scene.bus.position())
      }),
      { numRuns: 500 },
    )
  })

  it('loses nothing where frames of others leave the bus while it waits', () => {
    const scene = new SelectedScene({ keeps: 'all', retainedBytesMax: 4 * SEGMENT_BYTES })
    const own: Written = { partition: 0, key: 'k0', size: 10, to: ['a'], kind: null }
    scene.write(own)
    const wanted = { 'headers.to': ['a'] }
    const client = new SelectedClient(scene, wanted)
    const cursor = SelectedCursor.fromBeginning(scene.bus, scene.route(wanted))
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
    const cursor = SelectedCursor.fromNow(scene.bus, scene.route({ 'headers.to': ['a'] }))
    for (let count = 0; count < 100; count++) scene.write(own)
    expect(cursor.lost).toBe(true)
    expect(cursor.read(1_000)).toBeNull()
  })

  it('waits without a read until it is told of a frame', () => {
    const scene = new SelectedScene()
    const cursor = SelectedCursor.fromNow(scene.bus, scene.route({ key: ['k0'] }))
    expect(cursor.read(1_000)).toBeNull()
    scene.write({ partition: 0, key: 'k0', size: 10, to: [], kind: null })
    expect(cursor.read(1_000)).toBeNull()
    const [segment] = scene.bus.segments
    if (segment !== undefined) cursor.wakeAt(segment, 0)
    expect(String(cursor.read(1_000))).toContain('data:0/0')
  })

  it('needs a condition, of a selector that the bus was made with', () => {
    const scene = new SelectedScene()
    expect(() => scene.route({})).toThrow(RangeError)
    expect(() => scene.route({ 'headers.other': ['a'] })).toThrow(RangeError)
  })
})
