// Where a stream begins by its id: at the id, or with one gap at the beginning of the topic. Then the same for streams
// whose topic is read again.

import { describe, expect, it, vi } from 'vitest'
import type { RequestedBeginning } from '../../../src/beginning/requested-beginning.ts'
import { formatEventId } from '../../../src/bus/event-id.ts'
import { Cursor } from '../../../src/cursor/cursor.ts'
import { MergedPosition } from '../../../src/cursor/merged-position.ts'
import { createCounters } from '../../../src/stream/counters.ts'
import { StreamsScene, said, sessionFor } from '../../support/streams-scene.ts'
import { pass, useFakeTime } from '../../support/time.ts'
import { recordOf, TopicInMemory } from '../../support/topic-in-memory.ts'
import { threeRecords } from './beginning-scene.ts'

useFakeTime()

describe('an id', () => {
  it('is resumed from: every record after it comes once, superseded values included', async () => {
    const scene = new StreamsScene(threeRecords())
    const sink = scene.open({ requested: { id: 'AQQAAAIC' } }) // {0:0, 1:1}
    await pass(1)
    expect(sink.data).toEqual(['a0', 'a1'])
    expect(sink.text).not.toContain('gap')
  })

  it('that leaves out a partition reads that one from its beginning, without a gap', async () => {
    const scene = new StreamsScene(threeRecords())
    const sink = scene.open({ requested: { id: 'AQIABA==' } }) // {0:2}
    await pass(1)
    expect(sink.data).toEqual(['b0'])
    expect(sink.text).not.toContain('gap')
  })

  it('of -1 and -2 means from now and from the beginning', async () => {
    const scene = new StreamsScene(threeRecords())
    const sink = scene.open({ requested: { id: 'AQQAAQID' } }) // {0:-1, 1:-2}
    await pass(1)
    scene.topic.produce('a2', 'a', 0)
    await pass(1)
    expect(sink.data).toEqual(['b0', 'a2'])
  })

  it('that cannot be decoded or honoured means one :gap, then the beginning', async () => {
    const scene = new StreamsScene(threeRecords())
    scene.topic.answer({ 0: { start: 0, end: 2 }, 1: { start: 0, end: 1 } })
    for (const [id, reason] of [
      ['====', 'undecodable'],
      ['AQIAAh==', 'undecodable'],
      ['A'.repeat(20_000), 'undecodable'],
      ['AQIA0A8=', 'beyond-end'], // {0:1000}
      ['AQYAAgICBAI=', 'beyond-end'], // a partition 2
    ] as const) {
      const sink = scene.open({ requested: { id, from: 'latest' } })
      await pass(1_100) // a list that lacks a partition is asked for again
      expect(said(sink)).toMatch(new RegExp(`^:gap ${reason}\n\n`))
      expect(sink.text.match(/:gap/g)).toHaveLength(1)
      expect(sink.data).toEqual(['b0', 'a1'])
    }
    expect(scene.streams.figures.gaps).toEqual({ ...createCounters().gaps, undecodable: 3, 'beyond-end': 2 })
  })

  it('with a partition that the topic lacks is beyond the end, at any offset', async () => {
    const topic = threeRecords()
    topic.answer({ 0: { start: 0, end: 2 }, 1: { start: 0, end: 1 } })
    const scene = new StreamsScene(topic)
    for (const offset of [-2, -1, 0, 7]) {
      const id = formatEventId(
        new Map([0, 1, 2].map((partition) => [partition, partition === 2 ? offset : 1])),
      )
      const sink = scene.open({ requested: { id } })
      await pass(900)
      expect(said(sink)).toBe('') // one list is not enough
      await pass(200)
      expect(said(sink)).toMatch(/^:gap beyond-end\n\n/)
    }
  })

  it('is formatted once for an idle stream, not for each of its heartbeats', async () => {
    const topic = threeRecords()
    topic.answer({ 0: { start: 0, end: 9 }, 1: { start: 0, end: 1 } })
    const sink = new StreamsScene(topic).open({ requested: { id: 'AQQABgIA' } }) // {0:3, 1:0}
    await pass(10_000)
    const made = vi.spyOn(MergedPosition.prototype, 'text')
    const asked = vi.spyOn(Cursor.prototype, 'id')
    await pass(60_000)
    expect(sink.text.match(/^:\n/gm)?.length).toBeGreaterThan(6)
    expect(asked.mock.calls.length + made.mock.calls.length).toBe(0)
    vi.restoreAllMocks()
  })

  it('that waits for Kafka while the topic is recreated is judged when the new topic is read', async () => {
    const topic = threeRecords()
    const scene = new StreamsScene(topic)
    const sink = scene.open({ requested: { id: 'AQQABgIC' } }) // {0:3, 1:1}: one record further than this bus
    topic.bus.recreate()
    topic.answer({ 0: { start: 0, end: 1 } })
    await pass(1)
    expect(said(sink)).toBe('')
    topic.bus.setPartition(0, 0)
    topic.produce('new', 'a', 0)
    topic.bus.markCaughtUp()
    await pass(1)
    expect(said(sink)).toMatch(/^:gap recreated\n\n/)
    expect(sink.data).toEqual(['new'])
  })

  it('older than what Kafka keeps is a gap', async () => {
    const topic = new TopicInMemory(0)
    topic.bus.setPartition(0, 100)
    const sink = new StreamsScene(topic).open({ requested: { id: 'AQIAAg==' } })
    await pass(1)
    expect(said(sink).startsWith(':gap too-old\n\n')).toBe(true)
  })
})

describe('a stream of a topic that is read again, since deletes of it may have been missed', () => {
  const DAY_MS = 86_400_000
  /** Partition 0 was read up to 2. Then Kafka was not read for a day, in which it deleted `a`. */
  const readAgain = async (topic: TopicInMemory) => {
    const read = (offset: number, key: string) => {
      const record = recordOf(offset, `${key}${offset}`, key, 0)
      topic.bus.append({ ...record, timestampMs: -1 })
      topic.bus.publish()
    }
    vi.setSystemTime(Date.now() + DAY_MS)
    read(5, 'c')
    expect(topic.bus.missed).toEqual({ partition: 0, to: 5 })
    await pass(1)
    topic.bus.startOver()
    await pass(1)
    topic.bus.setPartition(0, 0)
    for (const [offset, key] of [
      [1, 'b'],
      [5, 'c'],
      [6, 'd'],
    ] as const)
      read(offset, key)
    topic.bus.markCaughtUp()
    await pass(1)
  }
  const opened = (signals = false, requested: Partial<RequestedBeginning> = {}) => {
    const topic = new TopicInMemory(1, { deleteRetentionMs: DAY_MS })
    for (const [value, key] of [
      ['a0', 'a'],
      ['b1', 'b'],
    ] as const)
      topic.produce(value, key)
    topic.bus.noteEnd(0, 2, { nowMs: performance.now(), epochMs: Date.now() })
    const sink = new StreamsScene(topic).open({ signals, requested, session: sessionFor(2 * 86_400) })
    return { topic, sink }
  }

  it('is told so, and goes on from its beginning', async () => {
    const { topic, sink } = opened()
    await pass(1)
    expect(sink.data).toEqual(['a0', 'b1'])
    sink.text = ''
    await readAgain(topic)
    expect(said(sink)).toMatch(/^:gap deletes-dropped\n\n:\nid:AQA=\n\n/)
    expect(sink.data).toEqual(['b1', 'c5', 'd6'])
    expect(sink.text).toMatch(/:ready/)
    expect(sink.ended).toBeNull()
  })

  it('is told so by a signal, too', async () => {
    const { topic, sink } = opened(true)
    await pass(1)
    sink.text = ''
    await readAgain(topic)
    expect(sink.text).toContain(
      ':gap deletes-dropped\nevent:gap\ndata:{"reason":"deletes-dropped"}\nid:AQA=\n\n',
    )
  })

  it('goes on where it is if its client has from another server what this one missed', async () => {
    const { topic, sink } = opened(false, { id: formatEventId(new Map([[0, 6]])) })
    await pass(11_000) // Kafka does not answer: the id is trusted
    await readAgain(topic)
    expect(sink.text).not.toContain('gap')
    expect(sink.data).toEqual(['d6'])
  })

  it('is told so, too, if what its client has from another server ends within what is missing', async () => {
    const { topic, sink } = opened(false, { id: formatEventId(new Map([[0, 4]])) })
    await pass(11_000)
    await readAgain(topic)
    expect(sink.text.match(/:gap .*/g)).toEqual([':gap deletes-dropped'])
    expect(sink.data).toEqual(['b1', 'c5', 'd6'])
  })
})
