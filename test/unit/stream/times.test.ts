// What is measured of streams: delivery, first record, replay, renewal, and challenges that had no answer.

import { beforeEach, expect, it } from 'vitest'
import type { Histogram } from '../../../src/histograms/histogram.ts'
import { BEGINNING_BOUNDS, DELIVERY_BOUNDS, RENEWAL_BOUNDS } from '../../../src/histograms/stream-times.ts'
import { parseSelector } from '../../../src/routing/selector.ts'
import { MemorySink, StreamsScene, sessionFor } from '../../support/streams-scene.ts'
import { pass, useFakeTime } from '../../support/time.ts'
import { recordOf, TopicInMemory } from '../../support/topic-in-memory.ts'

useFakeTime()

let scene: StreamsScene

beforeEach(() => {
  scene = new StreamsScene()
})

const times = () => scene.streams.figures.times

/** A record that is `ageMs` old by Kafka's timestamp; null: it has none. Readers are not woken. */
function produce(value: string, ageMs: number | null, key: string | null = null): void {
  const { bus } = scene.topic
  const timestampMs = ageMs === null ? -1 : Date.now() - ageMs
  bus.append({ ...recordOf(bus.nextOffset(0) ?? 0, value, key, 0), timestampMs })
}

/** The bounds of the buckets that have values, as often as they have. */
function measured({ counts }: Histogram, bounds: readonly number[]): number[] {
  return counts.flatMap((count, at) => Array(count).fill(bounds[at] ?? Number.POSITIVE_INFINITY))
}

it('a live record is measured from its timestamp until the connection has taken it', async () => {
  const sink = scene.open({ sink: new MemorySink(false) })
  await pass(1)
  produce('live', 40)
  scene.topic.bus.publish()
  await pass(1)
  expect(measured(times().delivery, DELIVERY_BOUNDS)).toEqual([])
  await pass(2_000)
  sink.take()
  expect(measured(times().delivery, DELIVERY_BOUNDS)).toEqual([2.5])
})

it('of a write one record is measured, the oldest', async () => {
  scene.open()
  await pass(1)
  for (const ageMs of [700, 20, 10]) produce('live', ageMs)
  scene.topic.bus.publish()
  await pass(1)
  expect(measured(times().delivery, DELIVERY_BOUNDS)).toEqual([1])
  expect(scene.streams.figures.recordsDelivered).toBe(3)
})

it('of a write of selected records one is measured, too', async () => {
  const selector = parseSelector('key')
  scene = new StreamsScene(new TopicInMemory(1, { selectors: [selector] }))
  scene.open({ conditions: [{ selector, values: new Set(['mine']) }] })
  await pass(1)
  produce('live', 900, 'other')
  produce('live', 400, 'mine')
  produce('live', 80, 'mine')
  scene.topic.bus.publish()
  await pass(1)
  expect(measured(times().delivery, DELIVERY_BOUNDS)).toEqual([0.5])
})

it('neither what is replayed is measured, nor a record without a timestamp', async () => {
  produce('old', 86_400_000)
  scene.topic.bus.publish()
  const sink = scene.open()
  await pass(1)
  produce('undated', null)
  scene.topic.bus.publish()
  await pass(1)
  expect(sink.data).toEqual(['old', 'undated'])
  expect(measured(times().delivery, DELIVERY_BOUNDS)).toEqual([])
})

it('the first record and the end of the replay are measured from the opening', async () => {
  scene.topic.bus.caughtUp = false
  produce('old', 10)
  scene.open()
  await pass(200)
  expect(measured(times().firstRecord, BEGINNING_BOUNDS)).toEqual([])
  scene.topic.bus.markCaughtUp()
  await pass(1)
  expect(measured(times().firstRecord, BEGINNING_BOUNDS)).toEqual([0.25])
  expect(measured(times().replay, BEGINNING_BOUNDS)).toEqual([0.25])
  produce('live', 10)
  scene.topic.bus.publish()
  await pass(1)
  expect(measured(times().firstRecord, BEGINNING_BOUNDS)).toHaveLength(1)
})

it('a stream that begins again is measured once, and one without a record at its `ready`', async () => {
  scene.open()
  await pass(1)
  expect(measured(times().firstRecord, BEGINNING_BOUNDS)).toEqual([0.005])
  scene.topic.bus.recreate()
  scene.topic.bus.setPartition(0, 0)
  scene.topic.bus.markCaughtUp()
  await pass(1)
  expect(measured(times().replay, BEGINNING_BOUNDS)).toEqual([0.005])
})

it('a renewal is measured from the challenge that it answers', async () => {
  scene.open({ session: sessionFor(30) })
  await pass(19_000)
  scene.renew({ session: sessionFor(30) })
  expect(measured(times().renewal, RENEWAL_BOUNDS)).toEqual([])
  await pass(20_100)
  await pass(3_000)
  scene.renew({ session: sessionFor(30) })
  expect(measured(times().renewal, RENEWAL_BOUNDS)).toEqual([5])
  expect(scene.streams.figures.challengesMissed).toBe(0)
})

it('a challenge is missed where the stream expires without an answer, and not where its client leaves', async () => {
  scene.open({ session: sessionFor(30) })
  const left = scene.open({ session: sessionFor(30) })
  await pass(25_000)
  left.close('clean')
  await pass(6_000)
  expect(scene.streams.figures.challenges).toBe(2)
  expect(scene.streams.figures.challengesMissed).toBe(1)
})
