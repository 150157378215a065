// A bus whose records have headers to select by, and a client that keeps what a selected cursor gives it.

import fc from 'fast-check'
import { expect } from 'vitest'
import { Bus, type BusOptions } from '../../../src/bus/bus.ts'
import type { BusView } from '../../../src/bus/bus-view.ts'
import { parseEventId } from '../../../src/bus/event-id.ts'
import type { Position } from '../../../src/bus/position.ts'
import type { KafkaRecord } from '../../../src/bus/record.ts'
import { Route } from '../../../src/cursor/route.ts'
import type { FrameWatch, SelectedCursor, SelectedParts } from '../../../src/cursor/selected-cursor.ts'
import { parseSelector } from '../../../src/routing/selector.ts'
import { SegmentPool } from '../../../src/segments/segment-pool.ts'
import type { RouteCondition } from '../../../src/selection/selection.ts'
import { BusMirror } from '../../../src/threads/bus-mirror.ts'
import { BusReporter } from '../../../src/threads/bus-reporter.ts'
import { SEGMENT_BYTES } from '../../support/bus-scene.ts'
import { StreamReader } from '../../support/stream-reader.ts'
import { BUS_OPTIONS } from '../../support/topic-in-memory.ts'

const PARTITIONS = 2
const SELECTORS = ['key', 'headers.to', 'headers.kind']

export interface Written {
  readonly partition: number
  readonly key: string | null
  /** null deletes. */
  readonly size: number | null
  readonly to: readonly string[]
  readonly kind: string | null
}

/** Conditions by name: the values that match. */
export type Wanted = Readonly<Record<string, readonly string[]>>

export class SelectedScene {
  readonly bus: Bus
  /** The bus, or what another thread has of it. */
  view: BusView
  private reporter: BusReporter | null = null
  readonly records: KafkaRecord[] = []

  /** A bus that has been fed, and all that was written. */
  static of(bus: Bus, records: readonly KafkaRecord[]): SelectedScene {
    const scene = new SelectedScene({}, bus)
    scene.records.push(...records)
    return scene
  }

  constructor(options: Partial<BusOptions> = {}, bus: Bus | null = null) {
    const pool = new SegmentPool(SEGMENT_BYTES)
    this.bus = bus ?? new Bus({ ...BUS_OPTIONS, ...options, pool, selectors: SELECTORS.map(parseSelector) })
    this.view = this.bus
    if (bus !== null) return
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

  /** From now on streams read what another thread has of the bus. Only `report` tells it of news. */
  mirror(): void {
    const mirror = new BusMirror(1, SELECTORS.map(parseSelector))
    this.reporter = new BusReporter(this.bus)
    this.view = mirror
    this.report()
  }

  report(): void {
    if (this.view instanceof BusMirror && this.reporter !== null)
      this.view.receive(structuredClone(this.reporter.takeUpdate()))
  }

  /** All that was read is given up. */
  empty(how: 'recreate' | 'startOver'): void {
    this.bus[how]()
    this.records.length = 0
    for (let partition = 0; partition < PARTITIONS; partition++) this.bus.setPartition(partition, 0)
    this.bus.markCaughtUp()
  }

  /** What a cursor reads from, where every frame is looked at as it comes. */
  parts(wanted: Wanted, watch: FrameWatch = this.watch): SelectedParts {
    return { bus: this.view, route: this.route(wanted), watch }
  }

  private get watch(): FrameWatch {
    const { view: bus } = this
    return {
      isUpToDate: true,
      get sequence() {
        return bus.nextSequence
      },
    }
  }

  route(wanted: Wanted): Route {
    const conditions = Object.entries(wanted).map(
      ([name, values]): RouteCondition => ({ selector: parseSelector(name), values: new Set(values) }),
    )
    return new Route(this.view, conditions)
  }
}

/** What a client has: the newest of each key that it was sent, and all it was sent, in order. */
export class SelectedClient {
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
    this.readOn(cursor, bytesMax, readsMax)
  }

  /** The same for a cursor that was told. */
  readOn(cursor: SelectedCursor, bytesMax: number, readsMax = Number.POSITIVE_INFINITY): void {
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

  /** Tells the cursor of every frame since the last read that may match. */
  private wake(cursor: SelectedCursor): void {
    const { bus } = this.scene
    for (const segment of bus.segments)
      for (let at = 0; at < segment.end; at = segment.next(at))
        if (segment.sequence(at) >= this.readTo && this.route.mayMatch(segment, at))
          cursor.wakeAt(segment, at)
    this.readTo = bus.nextSequence
  }
}

export function has(record: KafkaRecord, name: string, values: readonly string[]): boolean {
  if (name === 'key') return record.key !== null && values.includes(`${record.key}`)
  const header = name.slice('headers.'.length)
  return record.headers.some((own) => own.name === header && own.value && values.includes(`${own.value}`))
}

function matches(record: KafkaRecord, wanted: Wanted): boolean {
  return record.value !== null && Object.entries(wanted).every(([name, values]) => has(record, name, values))
}

/** The newest record of each key, if it matches. */
export function matchingState(records: readonly KafkaRecord[], wanted: Wanted): Map<string, string> {
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
export const some = fc.array(written, { maxLength: 40 })
export const wanted: fc.Arbitrary<Wanted> = fc.oneof(
  fc.subarray(['a', 'b', 'c', 'd'], { minLength: 1 }).map((values) => ({ 'headers.to': values })),
  fc.subarray(['k0', 'l1', 'm0'], { minLength: 1 }).map((values) => ({ key: values })),
  fc.constant({ 'headers.to': ['a', 'b'], 'headers.kind': ['x'] }),
  fc.constant({ key: ['k0', 'k1'], 'headers.to': ['a'] }),
)
export const visit = fc.record({
  isDescending: fc.boolean(),
  bytesMax: fc.constantFrom(1, 400, 100_000),
  readsMax: fc.constantFrom(1, 2, 5),
})
export const LAST_VISIT = { isDescending: true, bytesMax: 100_000, readsMax: Number.POSITIVE_INFINITY }
export const bytesMax = fc.constantFrom(1, 400, 100_000)
