// How far the reading of the control topic is behind.

import { beforeEach, expect, it } from 'vitest'
import { ControlReading } from '../../../plugins/kafka/control/control-reading.ts'
import { ControlScene } from '../control/control-scene.ts'

let scene: ControlScene
let reading: ControlReading

beforeEach(() => {
  scene = new ControlScene()
  reading = new ControlReading(scene.log, scene.figures, () => {})
})

const record = (partition: number, offset: number) => ({
  partition,
  offset,
  timestampMs: 0,
  key: null,
  value: Buffer.from('{}'),
  headers: [],
})

it('is what Kafka has beyond what is read, in all partitions together', () => {
  reading.setPartition(0, 10)
  reading.setPartition(1, 0)
  reading.noteEnd(0, 13)
  reading.noteEnd(1, 2)
  expect(scene.figures.lag).toBe(5)
  reading.append(record(0, 10))
  reading.advance(1, 2)
  reading.publish()
  expect(scene.figures.lag).toBe(2)
})

it('is none where more is read than Kafka had told, and none of a topic that is another one', () => {
  reading.setPartition(0, 0)
  reading.noteEnd(0, 1)
  reading.append(record(0, 4))
  reading.publish()
  expect(scene.figures.lag).toBe(0)
  reading.noteEnd(0, 9)
  reading.recreate()
  reading.publish()
  expect(scene.figures.lag).toBe(0)
})
