// "From now on" while the leader of a partition is silent: where that partition begins.

import { describe, expect, it } from 'vitest'
import { formatEventId } from '../../../src/bus/event-id.ts'
import { StreamsScene, said } from '../../support/streams-scene.ts'
import { pass, useFakeTime } from '../../support/time.ts'
import { recordOf, TopicInMemory } from '../../support/topic-in-memory.ts'
import { BeginningScene, begun, LATEST, records } from './beginning-scene.ts'

useFakeTime()

describe.each([false, true])('from=latest while a leader is silent (in a worker: %s)', (isMirrored) => {
  const SILENT_MS = 10_000
  const silent = (topic: TopicInMemory) => {
    topic.answer({ 0: null })
    return new BeginningScene(topic, isMirrored)
  }

  it('skips what Kafka told when reading began, even if the leader fell silent since', async () => {
    for (const asksEarly of [true, false]) {
      const scene = silent(new TopicInMemory(0))
      scene.topic.bus.setPartition(0, 0, 5)
      scene.produce(0, 2)
      scene.report()
      let start = scene.begin(LATEST)
      expect(await scene.look(start)).toBe('catch-up')
      scene.nowMs += SILENT_MS
      scene.catchUp()
      if (!asksEarly) start = scene.begin(LATEST)
      const beginning = begun(await scene.look(start))
      scene.produce(2, 7)
      scene.report()
      expect(records(beginning)).toEqual(['5', '6'])
    }
  })

  it('skips it for an offset of -1, too, without another question', async () => {
    const scene = silent(new TopicInMemory(0))
    scene.topic.bus.setPartition(0, 0, 5)
    scene.produce(0, 2)
    scene.catchUp()
    const beginning = begun(await scene.look(scene.begin({ id: formatEventId(new Map([[0, -1]])) })))
    scene.produce(2, 7)
    scene.report()
    expect(records(beginning)).toEqual(['5', '6'])
  })

  it('skips nothing once the log has turned out to be shorter', async () => {
    const scene = silent(new TopicInMemory(0))
    const { bus } = scene.topic
    bus.setPartition(0, 0, 5)
    scene.produce(0, 2)
    scene.report()
    bus.advance(0, 2)
    scene.catchUp()
    const beginning = begun(await scene.look(scene.begin(LATEST)))
    scene.produce(2, 4)
    scene.report()
    expect(records(beginning)).toEqual(['2', '3'])
  })

  it('begins at the beginning of a partition of which nothing was read, though Kafka has told its end', async () => {
    const scene = silent(new TopicInMemory(0))
    const start = scene.begin(LATEST)
    await scene.look(start)
    scene.topic.answer({ 0: { start: 3, end: 5 } })
    scene.nowMs += SILENT_MS / 2
    scene.topic.bus.setPartition(0, -2)
    scene.catchUp()
    await scene.look(start)
    const beginning = begun(await scene.look(start))
    scene.topic.bus.setPartition(0, 3, 5)
    scene.produce(3, 6)
    scene.report()
    expect(records(beginning)).toEqual(['3', '4', '5'])
  })

  it('begins at the beginning of a partition whose end Kafka never told', async () => {
    for (const asksEarly of [true, false]) {
      const scene = silent(new TopicInMemory(0))
      if (!asksEarly) scene.topic.bus.setPartition(0, -2)
      if (!asksEarly) scene.catchUp()
      const start = scene.begin(LATEST)
      await scene.look(start)
      scene.nowMs += SILENT_MS
      if (asksEarly) scene.topic.bus.setPartition(0, -2)
      scene.catchUp()
      const beginning = begun(await scene.look(start))
      expect([records(beginning), beginning.cursor.id()]).toEqual([[], formatEventId(new Map([[0, -2]]))])
      // Two came before the request. The leader is back, and its end is behind what was written meanwhile: no later end
      // tells what came after the request, nor does the timestamp of a late clock.
      scene.topic.bus.setPartition(0, 0, 4)
      for (const [offset, value] of [
        'before',
        'before, too',
        'after',
        'after, with an early timestamp',
      ].entries())
        scene.topic.bus.append({ ...recordOf(offset, value, null, 0), timestampMs: 1_000 * (9 - offset) })
      scene.topic.bus.publish()
      scene.report()
      const got = records(beginning)
      expect(got).toEqual(['before', 'before, too', 'after', 'after, with an early timestamp'])
    }
  })
})

describe('a stream with from=latest', () => {
  it('waits less than 10 s for a silent leader, then only for its own bus', async () => {
    const topic = new TopicInMemory(0)
    topic.bus.caughtUp = false
    topic.answer({ 0: { start: 0, end: 2 }, 1: null })
    const scene = new StreamsScene(topic)
    const sink = scene.open({ requested: { from: 'latest' } })
    const timestampMs = Date.now() - 3_600_000
    for (const [offset, value] of ['before', 'before, too', 'after'].entries())
      topic.bus.append({ ...recordOf(offset, value, null, 0), timestampMs })
    topic.bus.markCaughtUp()
    await pass(9_400)
    expect(said(sink)).toBe(':\n\n')
    await pass(200)
    topic.produce('of the silent one', null, 1)
    await pass(1)
    expect(sink.data).toEqual(['after', 'of the silent one'])
  })

  it('ends as too old if a partition begins behind the end that Kafka told', async () => {
    const topic = new TopicInMemory(1)
    topic.bus.caughtUp = false
    topic.answer({ 0: { start: 0, end: 0 }, 1: { start: 3, end: 5 } })
    const sink = new StreamsScene(topic).open({ requested: { from: 'latest' } })
    await pass(1)
    topic.bus.markCaughtUp()
    await pass(1)
    topic.bus.setPartition(1, 20)
    topic.produce('late', null, 1)
    await pass(1)
    expect(sink.text).not.toContain('data:')
    expect(sink.text).toMatch(/:end too-old\n\n$/)
  })
})
