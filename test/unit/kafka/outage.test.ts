// An outage of a Kafka that several readers meet.

import { describe, expect, it } from 'vitest'
import { BrokerTroubles } from '../../../plugins/kafka/troubles/broker-troubles.ts'
import { Outage } from '../../../plugins/kafka/troubles/outage.ts'
import { ToldReasons } from '../../../plugins/kafka/troubles/told-reasons.ts'
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

  it('is told with the reason of the next connection, or after 3 s without one', () => {
    const { log, outage, streams, later } = scene()
    const troubles = new BrokerTroubles(log, 'kafka:9092', outage)
    outage.enter(troubles, 'streams')
    outage.leave(streams)
    const asks = (askedAtMs: number) => troubles.noteUnanswered(new Error('transport failure'), askedAtMs)
    asks(0)
    later(2_999)
    asks(0)
    expect([troubles.worst, log.warn.mock.calls]).toEqual([null, []])
    troubles.noteLog('[thrd:a:1]: a:1/bootstrap: Connection refused (after 0ms in state CONNECT)', true)
    asks(2_999)
    const refused = 'Kafka is not reachable at kafka:9092: a:1/bootstrap: Connection refused'
    expect([troubles.worst, log.warn.mock.calls]).toEqual([refused, [[refused]]])
    troubles.noteAnswered()
    log.warn.mockClear()
    asks(2_999)
    later(3_000)
    asks(5_999)
    expect(log.warn.mock.calls).toEqual([['Kafka is not reachable at kafka:9092: transport failure']])
  })

  it('is another line once it has another reason, at most one a minute and five in all', () => {
    const { log, outage, streams, later } = scene()
    const told = () => log.warn.mock.calls.map(([words]) => words)
    const troubles = new BrokerTroubles(log, 'kafka:9092', outage)
    outage.enter(troubles, 'streams')
    outage.leave(streams)
    const fails = (failure: string) => {
      troubles.noteLog(failure, true)
      troubles.noteUnanswered(new Error('timed out'), 0)
    }
    fails('[thrd:a:1]: a:1/bootstrap: Connection refused (after 0ms in state CONNECT)')
    fails('[thrd:b:2]: b:2/bootstrap: SASL authentication failed')
    later(59_999)
    fails('[thrd:a:1]: a:1/bootstrap: SASL authentication failed')
    expect(told()).toHaveLength(1)
    later(1)
    fails('[thrd:b:2]: b:2/bootstrap: SASL authentication failed')
    const before = 'Kafka is not reachable at kafka:9092: '
    expect(told()).toEqual([
      `${before}a:1/bootstrap: Connection refused`,
      `${before}b:2/bootstrap: SASL authentication failed`,
    ])
    expect(troubles.worst).toBe(told().at(-1))
    const late = createLog()
    outage.join(late)
    expect(late.warn.mock.calls).toEqual([[told().at(-1)]])
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g'])
      for (const reason of [name, 'SASL authentication failed', 'Connection refused']) {
        later(60_000)
        fails(`[thrd:c:3]: c:3/bootstrap: ${reason}`)
      }
    expect(told()).toHaveLength(1 + 5)
    troubles.noteAnswered()
    later(3_000)
    fails('[thrd:b:2]: b:2/bootstrap: SASL authentication failed')
    expect(told()).toHaveLength(1 + 5 + 1)
    expect(log.info).toHaveBeenCalledTimes(1)
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

  it('of the function that makes tokens is another line once it fails for another reason', () => {
    const { log, outage, later } = scene()
    const told = () => log.warn.mock.calls.map(([words]) => words)
    for (const reason of ['no role', 'no network', 'no network']) {
      outage.noteTokens(reason)
      later(30_000)
    }
    outage.noteTokens('no role')
    expect(told()).toEqual(['no new token for Kafka: no role', 'no new token for Kafka: no network'])
    outage.noteTokens(null)
    outage.noteTokens('no role')
    expect(told()).toHaveLength(3)
  })

  it('is no other line for more partitions, and words without a space take no long time', () => {
    const reasons = new ToldReasons()
    const isNews = (words: string, minute: number) => reasons.isNews(words, minute * 60_000)
    const first = 'topic a: no leader for partition 1'
    expect([isNews(first, 0), isNews('topic a: no leader for partitions 1, 2, 30', 1)]).toEqual([true, false])
    expect(isNews('topic a: no leader for 12 partitions', 2)).toBe(false)
    expect(isNews('topic a: no answer from the leader of partition 1', 3)).toBe(true)
    // A million characters without a space: minutes, if each were where an address may begin.
    expect(isNews('x'.repeat(1_000_000), 4)).toBe(true)
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
