// Streams that select are told of the frames that may be for them, and of no others.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Route } from '../../../src/cursor/route.ts'
import { type RouteSubscriber, RouteSubscriptions } from '../../../src/cursor/route-subscriptions.ts'
import { SelectedCursor, type SelectedParts } from '../../../src/cursor/selected-cursor.ts'
import type { EntryAt } from '../../../src/segments/segment-layout.ts'
import type { SegmentView } from '../../../src/segments/segment-view.ts'
import { SEGMENT_BYTES } from '../../support/bus-scene.ts'
import { matchingState, SelectedClient, SelectedScene, some, type Wanted, wanted } from './selected-scene.ts'

/** A stream as far as it selects: it reads when it is told to. */
class Subscriber implements RouteSubscriber {
  readonly route: Route
  private readonly parts: SelectedParts
  readonly client: SelectedClient
  cursor: SelectedCursor
  told = 0
  emptied = 0
  toldLost = 0
  private isDue = true

  constructor(scene: SelectedScene, wanted: Wanted, watch: RouteSubscriptions) {
    this.parts = scene.parts(wanted, watch)
    this.route = this.parts.route
    this.client = new SelectedClient(scene, wanted)
    this.cursor = SelectedCursor.fromBeginning(this.parts)
  }

  frameCame(segment: SegmentView, at: EntryAt): void {
    this.told++
    if (this.cursor.wakeAt(segment, at)) this.isDue = true
  }

  busEmptied(): void {
    this.emptied++
    this.isDue = true
    this.cursor = SelectedCursor.fromBeginning(this.parts)
  }

  recordsLost(): void {
    this.toldLost++
    if (this.cursor.noteLoss()) this.isDue = true
  }

  read(bytesMax: number): void {
    if (this.isDue) this.client.readOn(this.cursor, bytesMax)
    this.isDue = !this.cursor.isWaiting
  }
}

describe('streams that select', () => {
  it('have what matches after every publish, in bounded steps, and come and go', () => {
    const batches = fc.array(fc.record({ records: some, comes: wanted, leaves: fc.boolean() }), {
      maxLength: 6,
    })
    fc.assert(
      fc.property(batches, fc.constantFrom(1, 100_000), fc.boolean(), (batches, bytesMax, isMirrored) => {
        const scene = new SelectedScene({ retainedBytesMax: 24 * SEGMENT_BYTES })
        if (isMirrored) scene.mirror()
        const subscriptions = new RouteSubscriptions(scene.view)
        const streams: [Subscriber, Wanted][] = []
        for (const { records, comes, leaves } of batches) {
          const [gone] = leaves ? streams.splice(0, 1) : []
          if (gone !== undefined) subscriptions.remove(gone[0])
          const subscriber = new Subscriber(scene, comes, subscriptions)
          subscriptions.add(subscriber)
          subscriber.read(bytesMax)
          streams.push([subscriber, comes])
          scene.write(...records)
          while (scene.bus.maintain(0));
          // Until it hears of the news, another thread has neither the segments that were rewritten nor the records.
          for (const [stream] of streams) stream.read(bytesMax)
          scene.report()
          while (subscriptions.step());
          for (const [stream, wanted] of streams) {
            stream.read(bytesMax)
            expect(stream.client.state).toEqual(matchingState(scene.records, wanted))
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  it('are not told of frames of others, however many come', () => {
    const scene = new SelectedScene()
    const subscriptions = new RouteSubscriptions(scene.bus)
    const [own, other] = [{ 'headers.to': ['a'] }, { 'headers.to': ['b'] }].map(
      (wanted) => new Subscriber(scene, wanted, subscriptions),
    ) as [Subscriber, Subscriber]
    for (const one of [own, other]) subscriptions.add(one)
    const record = { partition: 0, key: null, size: 10, kind: null }
    for (let count = 0; count < 2_500; count++)
      scene.write({ ...record, to: [count % 500 === 0 ? 'a' : 'b'] })
    let steps = 0
    while (subscriptions.step()) steps++
    expect([own.told, other.told]).toEqual([5, 2_495])
    expect(steps).toBe(2)
  })

  it('are told in bounded steps of frames that are for many of them', () => {
    const scene = new SelectedScene()
    const subscriptions = new RouteSubscriptions(scene.bus)
    const parts = scene.parts({ 'headers.to': ['a'] }, subscriptions)
    let told = 0
    const one = { route: parts.route, frameCame: () => told++, busEmptied: () => {}, recordsLost: () => {} }
    for (let count = 0; count < 300; count++) subscriptions.add({ ...one })
    for (let count = 0; count < 20; count++)
      scene.write({ partition: 0, key: null, size: 10, to: ['a'], kind: null })
    for (let steps = 1; told < 20 * 300; steps++) {
      subscriptions.step()
      expect(told).toBe(Math.min(steps * 1_200, 20 * 300))
    }
    expect(subscriptions.step()).toBe(false)
  })

  it('tell no id of a frame that was not looked at yet, and lose none that leaves before', () => {
    const scene = new SelectedScene({ keeps: 'all', retainedBytesMax: 4 * SEGMENT_BYTES })
    const subscriptions = new RouteSubscriptions(scene.bus)
    const subscriber = new Subscriber(scene, { 'headers.to': ['a'] }, subscriptions)
    subscriptions.add(subscriber)
    subscriber.read(1_000)
    const others = Array.from({ length: 1_200 }, () => new Subscriber(scene, { key: ['k0'] }, subscriptions))
    for (const one of others) {
      subscriptions.add(one)
      one.read(1_000)
    }
    const { cursor } = subscriber
    const record = { partition: 0, key: null, size: 300, kind: null }
    scene.write({ ...record, to: ['a'] })
    expect([cursor.isWaiting, cursor.atTail(), cursor.lost]).toEqual([true, false, false])
    for (let count = 0; count < 100; count++) scene.write({ ...record, to: ['b'] })
    expect(cursor.lost).toBe(true)
    while (subscriptions.step());
    expect([cursor.lost, cursor.atTail(), subscriber.toldLost]).toEqual([true, false, 1])
    expect(others.every((one) => one.cursor.lost)).toBe(true)
  })

  it('are told of records that were never read, some in a step, and lose them though others came since', () => {
    const scene = new SelectedScene()
    const subscriptions = new RouteSubscriptions(scene.bus)
    const subscribers = Array.from(
      { length: 2_500 },
      () => new Subscriber(scene, { 'headers.to': ['a'] }, subscriptions),
    )
    for (const subscriber of subscribers) {
      subscriptions.add(subscriber)
      subscriber.read(1_000)
    }
    scene.bus.skip(0, 10)
    const tell = () => {
      const more = subscriptions.step()
      return [more, subscribers.filter(({ toldLost }) => toldLost > 0).length]
    }
    expect([tell(), tell(), tell(), tell()]).toEqual([
      [true, 1_000],
      [true, 2_000],
      [false, 2_500],
      [false, 2_500],
    ])
    const [one] = subscribers
    scene.bus.append({
      partition: 0,
      offset: 10,
      timestampMs: 0,
      key: null,
      value: Buffer.from('x'),
      headers: [],
    })
    scene.bus.publish()
    while (subscriptions.step());
    expect([one?.cursor.lost, one?.cursor.atTail(), one?.toldLost]).toEqual([true, false, 1])
  })

  it('lose no frames of others because records were never read that are not lost to them', () => {
    const scene = new SelectedScene()
    const subscriptions = new RouteSubscriptions(scene.bus)
    const subscriber = new Subscriber(scene, { 'headers.to': ['a'] }, subscriptions)
    subscriptions.add(subscriber)
    subscriber.read(1_000)
    for (let count = 0; count < 3; count++)
      scene.write({ partition: 0, key: null, size: 10, to: ['b'], kind: null })
    while (subscriptions.step());
    scene.bus.setPartition(2, 5) // found late, and begins behind deleted records
    scene.bus.trim(0, 2)
    while (scene.bus.maintain(0));
    while (subscriptions.step());
    expect([subscriber.toldLost, subscriber.cursor.lost, subscriber.cursor.atTail()]).toEqual([
      1,
      false,
      true,
    ])
  })

  it('are told of a frame that left before it was looked at, although nothing is left in the bus', () => {
    let nowMs = 0
    const scene = new SelectedScene({ keeps: 'all', retainedMsMax: 1, nowMs: () => nowMs })
    const subscriptions = new RouteSubscriptions(scene.bus)
    const subscriber = new Subscriber(scene, { 'headers.to': ['a'] }, subscriptions)
    subscriptions.add(subscriber)
    subscriber.read(1_000)
    scene.write({ partition: 0, key: null, size: 10, to: ['a'], kind: null })
    nowMs = 10
    while (scene.bus.maintain(0, nowMs));
    expect(scene.bus.segments).toEqual([])
    while (subscriptions.step());
    expect([subscriber.cursor.lost, subscriber.toldLost]).toEqual([true, 1])
  })

  it('are told of a frame that left before it was looked at, although its segment was merged', () => {
    const scene = new SelectedScene({ keeps: 'latest', retainedBytesMax: 6 * SEGMENT_BYTES })
    const subscriptions = new RouteSubscriptions(scene.bus)
    const subscriber = new Subscriber(scene, { 'headers.to': ['a'] }, subscriptions)
    subscriptions.add(subscriber)
    const other = { partition: 0, key: 'k0', size: 10, to: ['b'], kind: null }
    scene.write(other)
    while (subscriptions.step());
    subscriber.read(1_000)
    // Without it, its segment is merged into the one before.
    scene.write({ ...other, key: null, to: ['a'], size: 9_000 }, { ...other, key: 'k1' })
    const { cursor } = subscriber
    do expect(cursor.atTail()).toBe(false)
    while (scene.bus.maintain(0))
    while (subscriptions.step());
    expect([cursor.lost, cursor.atTail(), subscriber.toldLost]).toEqual([true, false, 1])
  })

  it('are told of a frame that left before it was looked at, although the topic was recreated before', () => {
    const scene = new SelectedScene({ keeps: 'all', retainedBytesMax: 4 * SEGMENT_BYTES })
    const subscriptions = new RouteSubscriptions(scene.bus)
    const subscriber = new Subscriber(scene, { 'headers.to': ['a'] }, subscriptions)
    subscriptions.add(subscriber)
    subscriber.read(1_000)
    scene.empty('recreate')
    subscriber.busEmptied() // it had a turn, and began again
    subscriber.busEmptied = () => {}
    subscriber.read(1_000)
    const record = { partition: 0, key: null, size: 300, kind: null }
    scene.write({ ...record, to: ['a'] })
    for (let count = 0; count < 100; count++) scene.write({ ...record, to: ['b'] })
    while (subscriptions.step());
    expect([subscriber.cursor.lost, subscriber.cursor.atTail()]).toEqual([true, false])
  })

  it('are at the tail once they have read it, also if it was not looked at, and lose nothing that they read', () => {
    const scene = new SelectedScene({ keeps: 'all', retainedBytesMax: 4 * SEGMENT_BYTES })
    const subscriptions = new RouteSubscriptions(scene.bus)
    const subscriber = new Subscriber(scene, { 'headers.to': ['a'] }, subscriptions)
    subscriptions.add(subscriber)
    const { cursor } = subscriber
    const record = { partition: 0, key: null, size: 300, kind: null }
    scene.write({ ...record, to: ['a'] })
    subscriber.read(1_000)
    expect([cursor.isWaiting, cursor.atTail(), cursor.complete]).toEqual([true, true, true])
    const others = { ...record, to: ['b'] }
    for (let count = 0; count < 20; count++) scene.write(others)
    while (subscriptions.step());
    for (let count = 0; count < 20; count++) scene.write(others)
    while (subscriptions.step());
    expect([cursor.atTail(), cursor.lost]).toEqual([true, false])
  })

  it('are told of a hidden leaving if their clients came with records, in bounded steps', () => {
    const scene = new SelectedScene()
    const subscriptions = new RouteSubscriptions(scene.bus)
    const made = Array.from({ length: 2_500 }, () => new Subscriber(scene, { key: ['k0'] }, subscriptions))
    for (const one of made) subscriptions.add(one)
    const [first, second] = made as [Subscriber, Subscriber]
    subscriptions.doubt(first, true)
    subscriptions.doubt(second, true)
    subscriptions.doubt(second, false)
    const unseen = { partition: 0, offset: 1, former: -1, missingFrom: 0, sequence: scene.bus.nextSequence }
    scene.bus.leavings.addUnseen(unseen)
    while (subscriptions.step());
    expect(made.map(({ toldLost }) => toldLost).filter((times) => times > 0)).toEqual([1])
    expect(first.toldLost).toBe(1)
    scene.bus.leavings.addGoneValues(0, 1, scene.bus.nextSequence)
    scene.bus.leavings.addUnseen({ ...unseen, sequence: scene.bus.nextSequence + 1 })
    let steps = 1
    while (subscriptions.step()) steps++
    expect(steps).toBe(3)
    expect(made.every(({ toldLost }, at) => toldLost === (at === 0 ? 2 : 1))).toBe(true)
  })

  it('cost nothing while there are none, and hear of nothing from before', () => {
    const scene = new SelectedScene()
    const subscriptions = new RouteSubscriptions(scene.bus)
    const record = { partition: 0, key: null, size: 10, to: ['a'], kind: null }
    scene.write(record)
    expect(subscriptions.step()).toBe(false)
    const subscriber = new Subscriber(scene, { 'headers.to': ['a'] }, subscriptions)
    subscriptions.add(subscriber)
    while (subscriptions.step());
    expect(subscriber.told).toBe(0)
    scene.write(record)
    while (subscriptions.step());
    expect(subscriber.told).toBe(1)
    subscriptions.remove(subscriber)
    scene.write(record)
    expect(subscriptions.step()).toBe(false)
    expect(subscriber.told).toBe(1)
  })

  it.each(['recreate', 'startOver'] as const)('are told that the bus was emptied: %s', (how) => {
    const scene = new SelectedScene()
    const subscriptions = new RouteSubscriptions(scene.bus)
    const subscriber = new Subscriber(scene, { 'headers.to': ['a'] }, subscriptions)
    subscriptions.add(subscriber)
    subscriber.read(1_000)
    scene.empty(how)
    scene.write({ partition: 0, key: 'k0', size: 10, to: ['a'], kind: null })
    while (subscriptions.step());
    subscriber.read(1_000)
    expect(subscriber.emptied).toBe(1)
    expect(subscriber.client.sent).toHaveLength(1)
  })
})
