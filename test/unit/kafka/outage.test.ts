// An outage of a Kafka that several readers meet.

import { describe, expect, it } from 'vitest'
import { BrokerTroubles } from '../../../plugins/kafka/troubles/broker-troubles.ts'
import { Outage } from '../../../plugins/kafka/troubles/outage.ts'
import { createLog } from './reader-scene.ts'

function scene() {
  const log = createLog()
  let nowMs = 0
  const outage = new Outage('kafka:9092', () => nowMs)
  const later = (ms: number) => {
    nowMs += ms
  }
  const [streams, control] = [{}, {}]
  outage.enter(streams, 'streams')
  outage.join(log)
  return { log, outage, streams, control, later }
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

  it('names one reader that meets it for 3 s before the other does', () => {
    const { log, outage, streams, control, later } = scene()
    outage.enter(control, 'the control topic')
    outage.begin(control, 'refused')
    later(2_999)
    outage.begin(control, 'refused')
    expect(log.warn).not.toHaveBeenCalled()
    later(1)
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
    const { log, outage, streams, control, later } = scene()
    outage.enter(control, 'the control topic')
    outage.begin(control, 'refused')
    outage.begin(streams, 'refused')
    outage.end(streams)
    outage.leave(control)
    outage.begin(streams, 'refused again')
    later(3_000)
    outage.begin(streams, 'refused again')
    expect(log.warn.mock.calls.at(-1)).toEqual(['refused again'])
  })

  it('is none if Kafka, which has answered before, pauses for less than 3 s', () => {
    const { log, outage, streams, later } = scene()
    outage.end(streams)
    for (let pause = 0; pause < 3; pause++) {
      outage.begin(streams, 'slow')
      later(2_999)
      outage.begin(streams, 'slow')
      expect(outage.isToldOf(streams)).toBe(false)
      outage.end(streams)
    }
    expect([log.warn, log.info].map((each) => each.mock.calls)).toEqual([[], []])
    later(3_000)
    for (const words of ['gone', 'gone']) outage.begin(streams, words, 8_997)
    expect([log.warn.mock.calls, outage.isToldOf(streams)]).toEqual([[['gone']], true])
  })

  it('of the function that makes tokens is one line, and why Kafka does not answer', () => {
    const { log, outage, streams, control } = scene()
    outage.enter(control, 'the control topic')
    for (let client = 0; client < 4; client++) outage.noteTokens('kafka.token failed: no role')
    const words = 'no new token for Kafka: kafka.token failed: no role'
    expect(log.warn.mock.calls).toEqual([[words]])
    const troubles = new BrokerTroubles(log, 'kafka:9092', outage)
    for (const reader of [streams, control]) outage.begin(reader, 'refused')
    troubles.noteLog('h:1: SASL authentication error: expired', true)
    troubles.noteUnanswered(new Error('timed out'), 0)
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
