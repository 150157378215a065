// Ids that are ahead of this process: for how long a stream waits for Kafka, and what it does without an answer.

import { describe, expect, it } from 'vitest'
import { formatEventId } from '../../../src/bus/event-id.ts'
import type { Watermarks } from '../../../src/bus/record.ts'
import { createCounters } from '../../../src/stream/counters.ts'
import { StreamsScene, said } from '../../support/streams-scene.ts'
import { pass, useFakeTime } from '../../support/time.ts'
import { recordOf, TopicInMemory } from '../../support/topic-in-memory.ts'
import { BeginningScene, begun, marks, threeRecords } from './beginning-scene.ts'

useFakeTime()

describe('an id ahead of this process', () => {
  it('waits for Kafka’s answer, with heartbeats, and is no gap', async () => {
    const topic = threeRecords()
    const scene = new StreamsScene(topic)
    const sink = scene.open({ requested: { id: 'AQQABgIC' } }) // {0:3, 1:1}: one record further than this bus
    await pass(9_100)
    expect(said(sink)).toBe(':\n\n')
    topic.answer({ 0: { start: 0, end: 4 }, 1: { start: 0, end: 1 } })
    await pass(1)
    topic.produce('a2', 'a', 0)
    topic.produce('a3', 'a', 0)
    await pass(1)
    expect(sink.data).toEqual(['a3'])
    expect(sink.text).not.toContain('gap')
  })

  it('waits no longer than until the process has read that far, with or without an answer of Kafka', async () => {
    const topic = threeRecords()
    const sink = new StreamsScene(topic).open({ requested: { id: 'AQQABgIC' } }) // {0:3, 1:1}
    await pass(1_000)
    topic.produce('a2', 'a', 0)
    topic.produce('a3', 'a', 0)
    await pass(2)
    expect(sink.data).toEqual(['a3'])
    expect(sink.text).not.toContain('gap')
  })

  it('waits for no other partition once Kafka tells the end of one in which it is ahead', async () => {
    const topic = threeRecords()
    const scene = new StreamsScene(topic)
    topic.answer({ 0: { start: 0, end: 3 }, 1: null })
    const sinks = [
      scene.open({ requested: { id: 'AQQABgIC' } }), // {0:3, 1:1}
      scene.open({ requested: { id: 'AQQABgIA' } }), // {0:3, 1:0}
      scene.open({ requested: { id: 'AQQACALQDw==' } }), // {0:4, 1:1000}: beyond the end in 0, unknown in 1
    ]
    await pass(2)
    expect(sinks.map(({ data }) => data)).toEqual([[], ['b0'], ['b0', 'a1']])
    expect(sinks.map((sink) => sink.text.includes(':gap beyond-end'))).toEqual([false, false, true])
    topic.answer({ 0: null, 1: { start: 0, end: 9 } })
    const beyond = scene.open({ requested: { id: 'AQQACALQDw==' } }) // {0:4, 1:1000}: the silent one first
    await pass(2)
    expect(beyond.text).toContain(':gap beyond-end')
  })

  it('is trusted within 10 s if a leader is silent, and honoured when the leader is back', async () => {
    const topic = threeRecords()
    topic.answer({ 0: { start: 0, end: 2 }, 1: null })
    const sink = new StreamsScene(topic).open({ requested: { id: 'AQQAAgIG' } }) // {0:1, 1:3}
    await pass(9_400)
    expect(said(sink)).toBe(':\n\n')
    await pass(200)
    expect(sink.text).toContain('data:a1\nid:AQQABAIG\n') // {0:2, 1:3}
    topic.answer({ 0: { start: 0, end: 2 }, 1: { start: 0, end: 4 } })
    for (const value of ['b1', 'b2', 'b3']) topic.produce(value, 'b', 1)
    await pass(3_000)
    expect(sink.data).toEqual(['a1', 'b3'])
    expect(sink.text).not.toContain('gap')
  })

  it('that was trusted is a gap after all when Kafka tells that it was beyond the end', async () => {
    const topic = threeRecords()
    topic.answer({ 0: { start: 0, end: 2 }, 1: null })
    const scene = new StreamsScene(topic)
    const sink = scene.open({ requested: { id: 'AQQAAgIG' } }) // {0:1, 1:3}
    await pass(10_100)
    expect(sink.data).toEqual(['a1'])
    topic.answer({ 0: { start: 0, end: 2 }, 1: { start: 0, end: 1 } })
    await pass(1_200)
    expect(sink.text).toContain(':gap beyond-end\n\n:\nid:AQA=\n\ndata:b0\nid:AQQAAgIC\n\ndata:a1\n')
    topic.produce('b1', 'b', 1)
    await pass(1)
    expect(sink.data).toEqual(['a1', 'b0', 'a1', 'b1'])
    expect(scene.streams.figures.gaps).toEqual({ ...createCounters().gaps, 'beyond-end': 1 })
  })

  it('is trusted within 10 s, too, while Kafka does not answer at all', async () => {
    const topic = threeRecords()
    const sink = new StreamsScene(topic).open({ requested: { id: 'AQQAAgIG' } }) // {0:1, 1:3}
    await pass(9_600)
    expect(sink.data).toEqual(['a1'])
    topic.answer({ 0: { start: 0, end: 2 } })
    await pass(1_100)
    expect(sink.text).toContain(':gap beyond-end') // there is no partition 1
  })

  it('waits for one answer of Kafka, for at most 2 s, if the bus catches up later than that', async () => {
    const topic = threeRecords()
    topic.bus.caughtUp = false
    const scene = new StreamsScene(topic)
    const ids = ['AQQAAgIG', 'AQQABgIC'] // {0:1, 1:3} and {0:3, 1:1}
    const sinks = ids.map((id) => scene.open({ requested: { id } }))
    await pass(20_000)
    topic.bus.markCaughtUp()
    await pass(1_000)
    expect(sinks.map(({ data }) => data)).toEqual([[], []])
    topic.answer({ 0: { start: 0, end: 2 }, 1: null })
    await pass(10)
    expect(sinks.map(({ data }) => data)).toEqual([['a1'], ['b0', 'a1']])
    expect(sinks[1]?.text).toContain(':gap beyond-end')
    const silent = threeRecords()
    silent.bus.caughtUp = false
    const unanswered = new StreamsScene(silent).open({ requested: { id: 'AQQAAgIG' } })
    await pass(20_000)
    silent.bus.markCaughtUp()
    await pass(1_900)
    expect(unanswered.data).toEqual([])
    await pass(200)
    expect(unanswered.data).toEqual(['a1'])
  })

  it('is compared only with the new topic if the topic is recreated while it waits', async () => {
    const topic = threeRecords()
    const scene = new StreamsScene(topic)
    const sink = scene.open({ requested: { id: 'AQQABgIG' } }) // {0:3, 1:3}
    topic.answer({ 0: { start: 0, end: 3 }, 1: null })
    await pass(1)
    topic.bus.recreate()
    topic.answer({ 0: { start: 0, end: 1 }, 1: { start: 0, end: 3 } })
    for (const partition of [0, 1]) topic.bus.setPartition(partition, 0)
    topic.produce('new', 'a', 0)
    for (const value of ['b0', 'b1', 'b2']) topic.produce(value, value, 1)
    topic.bus.markCaughtUp()
    await pass(1_100)
    expect(said(sink)).toMatch(/^:gap recreated\n\n/)
    expect(sink.data).toEqual(['new', 'b0', 'b1', 'b2'])
  })

  it('is not beyond the end if this process has read that far, even if an older answer says so', async () => {
    const topic = threeRecords()
    const sink = new StreamsScene(topic).open({ requested: { id: 'AQQACAIG' } }) // {0:4, 1:3}
    await pass(1)
    for (const value of ['b1', 'b2']) topic.produce(value, 'b', 1)
    topic.answer({ 0: null, 1: { start: 0, end: 1 } })
    await pass(9_600)
    topic.produce('b3', 'b', 1)
    await pass(1)
    expect(sink.text).not.toContain('gap')
    expect(sink.data).toEqual(['b3'])
  })
})

describe.each(['all', 'latest'] as const)('an id into a partition that is read later (%s)', (keeps) => {
  /** A stream whose id is ahead in partition 1, which this process has yet to read. */
  const opened = (marks: Watermarks | null) => {
    const topic = new TopicInMemory(1, { keeps })
    topic.bus.setPartition(1, -2)
    topic.produce('a0', 'a', 0)
    topic.answer({ 0: { start: 0, end: 1 }, 1: marks })
    return { topic, sink: new StreamsScene(topic).open({ requested: { id: 'AQQAAgIK' } }) } // {0:1, 1:5}
  }
  const readFrom = async (topic: TopicInMemory, start: number) => {
    topic.bus.setPartition(1, start)
    topic.bus.append(recordOf(start, 'late', 'k', 1))
    topic.bus.publish()
    await pass(1)
  }

  it('that was trusted ends the stream as too old if the partition begins behind it', async () => {
    const { topic, sink } = opened(null)
    await pass(11_000)
    expect(sink.text).toContain(':ready')
    await readFrom(topic, 20)
    expect(sink.data).toEqual([])
    expect(sink.text).toMatch(/:end too-old\n\n$/)
  })

  it('that was trusted goes on if the partition begins at it or before', async () => {
    const { topic, sink } = opened(null)
    await pass(11_000)
    await readFrom(topic, 5)
    expect(sink.data).toEqual(['late'])
  })

  it('is a gap at once if Kafka tells that the partition begins behind it', async () => {
    const { topic, sink } = opened({ start: 20, end: 21 })
    await pass(1)
    await readFrom(topic, 20)
    expect(said(sink)).toMatch(/^:gap too-old\n\n/)
    expect(sink.data).toEqual(['a0', 'late'])
  })

  it('that was trusted is a gap, too, if Kafka tells so before the partition is read', async () => {
    const { topic, sink } = opened(null)
    await pass(11_000)
    topic.answer({ 0: { start: 0, end: 1 }, 1: { start: 20, end: 21 } })
    await pass(2_000)
    expect(sink.text).toContain(':gap too-old\n\n')
    await readFrom(topic, 20)
    expect(sink.data).toEqual(['a0', 'late'])
  })
})

describe('an id ahead in a partition that Kafka did not list', () => {
  const id = formatEventId(
    new Map([
      [0, 0],
      [1, 1],
    ]),
  )
  const waiting = async (caughtUpMs = 0) => {
    const scene = new BeginningScene(new TopicInMemory(1))
    const start = scene.begin({ id })
    scene.nowMs += caughtUpMs
    scene.catchUp()
    scene.topic.answer(marks(0))
    expect(await scene.look(start)).toBe('publish')
    return { scene, start }
  }

  it('is no gap if the next list has the partition', async () => {
    const { scene, start } = await waiting()
    scene.nowMs += 1_500
    scene.topic.answer(marks(0, 3))
    expect(begun(await scene.look(start))).toMatchObject({ reason: null, unconfirmed: null })
  })

  it('is beyond the end if the next list, asked for later, lacks it as well', async () => {
    const { scene, start } = await waiting()
    scene.nowMs += 1_500
    expect(begun(await scene.look(start)).reason).toBe('beyond-end')
  })

  it('waits for the second list, too, if the bus caught up late, for at most 2 s', async () => {
    const { scene, start } = await waiting(60_000)
    scene.nowMs += 1_500
    expect(begun(await scene.look(start)).reason).toBe('beyond-end')
    const { scene: other, start: unanswered } = await waiting(60_000)
    other.topic.marks = null
    other.nowMs += 1_999
    expect(await other.look(unanswered)).toBe('publish')
    other.nowMs += 1
    const { reason, unconfirmed } = begun(await other.look(unanswered))
    expect([reason, unconfirmed === null]).toEqual([null, false])
  })
})
