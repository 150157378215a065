// What the loggers of several registrations on the same brokers hear.

import { describe, expect, it } from 'vitest'
import { forThisTest } from '../../support/scene.ts'
import { pass } from '../../support/time.ts'
import { createLog, createWriter, ReaderScene } from './reader-scene.ts'

const open = () => forThisTest(ReaderScene.open())

describe('The loggers of several registrations', () => {
  it('each hear of Kafka once, also one that joins later, and only of their own topics', async () => {
    const { kafka, reader, log } = await open()
    kafka.isDown = true
    await pass(2_000)
    const late = createLog()
    reader.join(late)
    reader.feed('other', createWriter(), late)
    reader.feed('another', createWriter(), late)
    await pass(5_000)
    const words = 'Kafka is not reachable at kafka:9092: Local: Broker transport failure'
    expect([log.warn.mock.calls, late.warn.mock.calls]).toEqual([[[words]], [[words]]])
    kafka.isDown = false
    kafka.hold('events', [0, 0])
    kafka.hold('other', [0, 0])
    await pass(5_000)
    expect(log.info.mock.calls).toEqual([['Kafka answers: kafka:9092'], ['topic events is read up to date']])
    expect(late.info.mock.calls).toEqual([['Kafka answers: kafka:9092'], ['topic other is read up to date']])
    expect(log.warn).toHaveBeenCalledTimes(1)
    expect(late.warn.mock.calls.slice(1)).toEqual([
      ['topic another does not exist, or this principal may not Describe it'],
    ])
  })

  it('hear nothing more once their registration has left', async () => {
    const { kafka, reader, feeding, log } = await open()
    kafka.hold('events', [0, 0])
    await pass(1_000)
    log.info.mockClear()
    feeding.stop()
    reader.leave(log)
    reader.feed('events', createWriter(), createLog())
    kafka.isDown = true
    await pass(10_000)
    expect([log.warn.mock.calls, log.info.mock.calls]).toEqual([[], []])
  })
})
