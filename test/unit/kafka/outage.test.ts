// An outage of a Kafka that several readers meet.

import { describe, expect, it } from 'vitest'
import { BrokerTroubles } from '../../../plugins/kafka/troubles/broker-troubles.ts'
import { Outage } from '../../../plugins/kafka/troubles/outage.ts'
import { createLog } from './reader-scene.ts'

function scene() {
  const log = createLog()
  const outage = new Outage('kafka:9092')
  const [streams, control] = [{}, {}]
  outage.enter(streams, 'streams')
  outage.join(log)
  return { log, outage, streams, control }
}

describe('An outage', () => {
  it('is one line, and its end another, where one reader meets it', () => {
    const { log, outage, streams } = scene()
    outage.begin(streams, 'refused')
    outage.begin(streams, 'timed out')
    outage.end(streams)
    outage.end(streams)
    expect(log.warn.mock.calls).toEqual([['refused']])
    expect(log.info.mock.calls).toEqual([['Kafka answers: kafka:9092']])
  })

  it('is one line that names both readers, once both have met it', () => {
    const { log, outage, streams, control } = scene()
    outage.enter(control, 'the control topic')
    outage.join(log)
    outage.begin(control, 'refused')
    expect(log.warn).not.toHaveBeenCalled()
    outage.begin(streams, 'refused')
    outage.begin(control, 'refused')
    expect(log.warn.mock.calls).toEqual([['refused (streams and the control topic)']])
    outage.end(streams)
    expect(log.info).not.toHaveBeenCalled()
    outage.end(control)
    expect(log.info).toHaveBeenCalledTimes(1)
  })

  it('names one reader that meets it twice before the other does', () => {
    const { log, outage, streams, control } = scene()
    outage.enter(control, 'the control topic')
    outage.begin(control, 'refused')
    outage.begin(control, 'refused')
    outage.begin(streams, 'refused')
    expect(log.warn.mock.calls).toEqual([['refused (the control topic)']])
  })

  it('is no line if the one reader has its answer before the other asks', () => {
    const { log, outage, streams, control } = scene()
    outage.enter(control, 'the control topic')
    outage.begin(control, 'refused')
    outage.end(control)
    outage.begin(streams, 'refused')
    outage.end(streams)
    expect([log.warn, log.info].map((each) => each.mock.calls)).toEqual([[], []])
  })

  it('is over for those that are left when a reader leaves', () => {
    const { log, outage, streams, control } = scene()
    outage.enter(control, 'the control topic')
    outage.begin(control, 'refused')
    outage.begin(streams, 'refused')
    outage.end(streams)
    outage.leave(control)
    for (const words of ['refused again', 'refused again']) outage.begin(streams, words)
    expect(log.warn.mock.calls.at(-1)).toEqual(['refused again'])
  })

  it('that follows another is told once it is met twice, because a broker that comes back may be slow', () => {
    const { log, outage, streams } = scene()
    outage.begin(streams, 'refused')
    outage.end(streams)
    outage.begin(streams, 'slow')
    outage.end(streams)
    expect(log.warn).toHaveBeenCalledTimes(1)
    for (const words of ['gone', 'gone', 'gone']) outage.begin(streams, words)
    expect(log.warn.mock.calls).toEqual([['refused'], ['gone']])
  })

  it('of the function that makes tokens is one line, and why Kafka does not answer', () => {
    const { log, outage, streams, control } = scene()
    outage.enter(control, 'the control topic')
    for (let client = 0; client < 4; client++) outage.noteTokens('kafka.token failed: no role')
    const words = 'no new token for Kafka: kafka.token failed: no role'
    expect(log.warn.mock.calls).toEqual([[words]])
    const troubles = new BrokerTroubles(log, 'kafka:9092', outage)
    troubles.noteLog('h:1: SASL authentication error: expired', true)
    troubles.noteUnanswered(new Error('timed out'))
    expect(troubles.worst).toBe(`Kafka is not reachable at kafka:9092: ${words}`)
    outage.end(streams)
    outage.noteTokens(null)
    outage.noteTokens(null)
    expect(log.info.mock.calls).toEqual([['tokens for Kafka are made again']])
  })

  it('is told to a logger that comes later', () => {
    const { outage, streams } = scene()
    outage.begin(streams, 'refused')
    const late = createLog()
    outage.join(late)
    outage.end(streams)
    expect([late.warn.mock.calls, late.info.mock.calls]).toEqual([
      [['refused']],
      [['Kafka answers: kafka:9092']],
    ])
  })
})
