// Where a stream begins, seen from the stream: at its id, honoured, ahead, older or of another topic, and from now on.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RequestedBeginning } from '../../../src/beginning/requested-beginning.ts'
import { formatEventId } from '../../../src/bus/event-id.ts'
import type { Watermarks } from '../../../src/bus/record.ts'
import { Cursor } from '../../../src/cursor/cursor.ts'
import { MergedPosition } from '../../../src/cursor/merged-position.ts'
import { pass } from '../../support/fake-time.ts'
import type { MemorySink } from '../../support/memory-sink.ts'
import { StreamsScene, said, sessionFor } from '../../support/streams-scene.ts'
import { recordOf, TopicInMemory } from '../../support/topic-in-memory.ts'

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('an id', () => {
  const withRecords = () => {
    const topic = new TopicInMemory(2)
    topic.produce('a0', 'a', 0)
    topic.produce('b0', 'b', 1)
    topic.produce('a1', 'a', 0)
    return topic
  }
  const recordsOf = (sink: MemorySink) => [...sink.text.matchAll(/^data:(.*)$/gm)].map((match) => match[1])

  it('is resumed from: what comes after it, each once, superseded values included', async () => {
    const scene = new StreamsScene(withRecords())
    const sink = scene.open({ requested: { id: 'AQQAAAIC' } }) // {0:0, 1:1}
    await pass(1)
    expect(recordsOf(sink)).toEqual(['a0', 'a1'])
    expect(sink.text).not.toContain('gap')
  })

  it('leaves a partition out: that one is read from its beginning, without a gap', async () => {
    const scene = new StreamsScene(withRecords())
    const sink = scene.open({ requested: { id: 'AQIABA==' } }) // {0:2}
    await pass(1)
    expect(recordsOf(sink)).toEqual(['b0'])
    expect(sink.text).not.toContain('gap')
  })

  it('of -1 and -2 means from now and from the beginning', async () => {
    const scene = new StreamsScene(withRecords())
    const sink = scene.open({ requested: { id: 'AQQAAQID' } }) // {0:-1, 1:-2}
    await pass(1)
    scene.topic.produce('a2', 'a', 0)
    await pass(1)
    expect(recordsOf(sink)).toEqual(['b0', 'a2'])
  })

  it('that cannot be read, or not be honoured, means the beginning after one :gap', async () => {
    const scene = new StreamsScene(withRecords())
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
      expect(recordsOf(sink)).toEqual(['b0', 'a1'])
    }
    expect(scene.streams.figures.gaps).toEqual({ undecodable: 3, 'beyond-end': 2 })
  })

  it('ahead of this process waits until Kafka has answered, with heartbeats, and is no gap', async () => {
    const topic = withRecords()
    const scene = new StreamsScene(topic)
    const sink = scene.open({ requested: { id: 'AQQABgIC' } }) // {0:3, 1:1}: one record further than this bus
    await pass(9_100)
    expect(said(sink)).toBe(':\n\n')
    topic.answer({ 0: { start: 0, end: 4 }, 1: { start: 0, end: 1 } })
    await pass(1)
    topic.produce('a2', 'a', 0)
    topic.produce('a3', 'a', 0)
    await pass(1)
    expect(recordsOf(sink)).toEqual(['a3'])
    expect(sink.text).not.toContain('gap')
  })

  it('ahead of this process waits no longer than until the process gets there, whether Kafka answers or not', async () => {
    const topic = withRecords()
    const sink = new StreamsScene(topic).open({ requested: { id: 'AQQABgIC' } }) // {0:3, 1:1}
    await pass(1_000)
    topic.produce('a2', 'a', 0)
    topic.produce('a3', 'a', 0)
    await pass(2)
    expect(recordsOf(sink)).toEqual(['a3'])
    expect(sink.text).not.toContain('gap')
  })

  it('ahead in a partition whose end Kafka tells waits for no other partition', async () => {
    const topic = withRecords()
    const scene = new StreamsScene(topic)
    topic.answer({ 0: { start: 0, end: 3 }, 1: null })
    const sinks = [
      scene.open({ requested: { id: 'AQQABgIC' } }), // {0:3, 1:1}
      scene.open({ requested: { id: 'AQQABgIA' } }), // {0:3, 1:0}
      scene.open({ requested: { id: 'AQQACALQDw==' } }), // {0:4, 1:1000}: beyond in one, and nobody knows of the other
    ]
    await pass(2)
    expect(sinks.map(recordsOf)).toEqual([[], ['b0'], ['b0', 'a1']])
    expect(sinks.map((sink) => sink.text.includes(':gap beyond-end'))).toEqual([false, false, true])
    topic.answer({ 0: null, 1: { start: 0, end: 9 } })
    const beyond = scene.open({ requested: { id: 'AQQACALQDw==' } }) // {0:4, 1:1000}: the silent one first
    await pass(2)
    expect(beyond.text).toContain(':gap beyond-end')
  })

  it('ahead where a leader is silent is taken at its word there before 10 s are over, and honoured when the leader is back', async () => {
    const topic = withRecords()
    topic.answer({ 0: { start: 0, end: 2 }, 1: null })
    const sink = new StreamsScene(topic).open({ requested: { id: 'AQQAAgIG' } }) // {0:1, 1:3}
    await pass(9_400)
    expect(said(sink)).toBe(':\n\n')
    await pass(200)
    expect(sink.text).toContain('data:a1\nid:AQQABAIG\n') // {0:2, 1:3}
    topic.answer({ 0: { start: 0, end: 2 }, 1: { start: 0, end: 4 } })
    for (const value of ['b1', 'b2', 'b3']) topic.produce(value, 'b', 1)
    await pass(3_000)
    expect(recordsOf(sink)).toEqual(['a1', 'b3'])
    expect(sink.text).not.toContain('gap')
  })

  it('taken at its word is a gap after all when Kafka tells that it was beyond the end', async () => {
    const topic = withRecords()
    topic.answer({ 0: { start: 0, end: 2 }, 1: null })
    const scene = new StreamsScene(topic)
    const sink = scene.open({ requested: { id: 'AQQAAgIG' } }) // {0:1, 1:3}
    await pass(10_100)
    expect(recordsOf(sink)).toEqual(['a1'])
    topic.answer({ 0: { start: 0, end: 2 }, 1: { start: 0, end: 1 } })
    await pass(1_200)
    expect(sink.text).toContain(':gap beyond-end\n\n:\nid:AQA=\n\ndata:b0\nid:AQQAAgIC\n\ndata:a1\n')
    topic.produce('b1', 'b', 1)
    await pass(1)
    expect(recordsOf(sink)).toEqual(['a1', 'b0', 'a1', 'b1'])
    expect(scene.streams.figures.gaps).toEqual({ 'beyond-end': 1 })
  })

  it('ahead while Kafka says nothing at all is taken at its word before 10 s are over, too', async () => {
    const topic = withRecords()
    const sink = new StreamsScene(topic).open({ requested: { id: 'AQQAAgIG' } }) // {0:1, 1:3}
    await pass(9_600)
    expect(recordsOf(sink)).toEqual(['a1'])
    topic.answer({ 0: { start: 0, end: 2 } })
    await pass(1_100)
    expect(sink.text).toContain(':gap beyond-end') // there is no partition 1
  })

  it('of a bus that catches up later than that waits for one answer of Kafka, and for no more than 2 s', async () => {
    const topic = withRecords()
    topic.bus.caughtUp = false
    const scene = new StreamsScene(topic)
    const ids = ['AQQAAgIG', 'AQQABgIC'] // {0:1, 1:3} and {0:3, 1:1}
    const sinks = ids.map((id) => scene.open({ requested: { id } }))
    await pass(20_000)
    topic.bus.markCaughtUp()
    await pass(1_000)
    expect(sinks.map(recordsOf)).toEqual([[], []])
    topic.answer({ 0: { start: 0, end: 2 }, 1: null })
    await pass(10)
    expect(sinks.map(recordsOf)).toEqual([['a1'], ['b0', 'a1']])
    expect(sinks[1]?.text).toContain(':gap beyond-end')
    const silent = withRecords()
    silent.bus.caughtUp = false
    const unanswered = new StreamsScene(silent).open({ requested: { id: 'AQQAAgIG' } })
    await pass(20_000)
    silent.bus.markCaughtUp()
    await pass(1_900)
    expect(recordsOf(unanswered)).toEqual([])
    await pass(200)
    expect(recordsOf(unanswered)).toEqual(['a1'])
  })

  it('of a partition that the topic lacks is beyond the end, from wherever it would read it', async () => {
    const topic = withRecords()
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

  it('is made once for an idle stream, not for each of its heartbeats', async () => {
    const topic = withRecords()
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

  it('of -1 in a partition that this process does not know yet is where Kafka says that it ends', async () => {
    const topic = withRecords()
    const scene = new StreamsScene(topic)
    const sink = scene.open({ requested: { id: 'AQYABAICBAE=' } }) // {0:2, 1:1, 2:-1}
    topic.answer({ 0: { start: 0, end: 2 }, 1: { start: 0, end: 1 }, 2: { start: 0, end: 1 } })
    await pass(1)
    topic.bus.setPartition(2, 0)
    topic.produce('before', 'c', 2)
    topic.produce('after', 'c', 2)
    await pass(1)
    expect(recordsOf(sink)).toEqual(['after'])
    expect(sink.text).not.toContain('gap')
  })

  it('that waits for Kafka while the topic is recreated is looked at once the new one is read', async () => {
    const topic = withRecords()
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
    expect(recordsOf(sink)).toEqual(['new'])
  })

  describe('of a topic that is read again, since deletes of it may have been missed', () => {
    const DAY_MS = 86_400_000
    /** Partition 0 was read up to 2; then Kafka was not read for a day, and deleted `a` meanwhile. */
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

    it('hears of it, and goes on with its beginning', async () => {
      const { topic, sink } = opened()
      await pass(1)
      expect(recordsOf(sink)).toEqual(['a0', 'b1'])
      sink.text = ''
      await readAgain(topic)
      expect(said(sink)).toMatch(/^:gap deletes-dropped\n\n:\nid:AQA=\n\n/)
      expect(recordsOf(sink)).toEqual(['b1', 'c5', 'd6'])
      expect(sink.text).toMatch(/:ready/)
      expect(sink.ended).toBeNull()
    })

    it('hears of it as a signal', async () => {
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
      await pass(11_000) // Kafka says nothing: it is taken at its word
      await readAgain(topic)
      expect(sink.text).not.toContain('gap')
      expect(recordsOf(sink)).toEqual(['d6'])
    })

    it('hears of it, too, if what its client has from another server ends within what is missing', async () => {
      const { topic, sink } = opened(false, { id: formatEventId(new Map([[0, 4]])) })
      await pass(11_000)
      await readAgain(topic)
      expect(sink.text.match(/:gap .*/g)).toEqual([':gap deletes-dropped'])
      expect(recordsOf(sink)).toEqual(['b1', 'c5', 'd6'])
    })
  })

  it('that waits while the topic is recreated is held against the new one alone, whatever was settled of the old one', async () => {
    const topic = withRecords()
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
    expect(recordsOf(sink)).toEqual(['new', 'b0', 'b1', 'b2'])
  })

  it('is not beyond the end where this process has read that far, whatever an answer from before says', async () => {
    const topic = withRecords()
    const sink = new StreamsScene(topic).open({ requested: { id: 'AQQACAIG' } }) // {0:4, 1:3}
    await pass(1)
    for (const value of ['b1', 'b2']) topic.produce(value, 'b', 1)
    topic.answer({ 0: null, 1: { start: 0, end: 1 } })
    await pass(9_600)
    topic.produce('b3', 'b', 1)
    await pass(1)
    expect(sink.text).not.toContain('gap')
    expect(recordsOf(sink)).toEqual(['b3'])
  })

  describe.each(['all', 'latest'] as const)('into a partition that is read later (%s)', (keeps) => {
    /** A stream whose id is ahead in partition 1, of which this process knows nothing yet. */
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

    it('and taken at its word ends as too old where that begins behind it', async () => {
      const { topic, sink } = opened(null)
      await pass(11_000)
      expect(sink.text).toContain(':ready')
      await readFrom(topic, 20)
      expect(recordsOf(sink)).toEqual([])
      expect(sink.text).toMatch(/:end too-old\n\n$/)
    })

    it('and taken at its word goes on where that begins no further than at it', async () => {
      const { topic, sink } = opened(null)
      await pass(11_000)
      await readFrom(topic, 5)
      expect(recordsOf(sink)).toEqual(['late'])
    })

    it('is a gap at once where Kafka tells that it begins behind it', async () => {
      const { topic, sink } = opened({ start: 20, end: 21 })
      await pass(1)
      await readFrom(topic, 20)
      expect(said(sink)).toMatch(/^:gap too-old\n\n/)
      expect(recordsOf(sink)).toEqual(['a0', 'late'])
    })

    it('and taken at its word is a gap, too, where Kafka tells so before it is read', async () => {
      const { topic, sink } = opened(null)
      await pass(11_000)
      topic.answer({ 0: { start: 0, end: 1 }, 1: { start: 20, end: 21 } })
      await pass(2_000)
      expect(sink.text).toContain(':gap too-old\n\n')
      await readFrom(topic, 20)
      expect(recordsOf(sink)).toEqual(['a0', 'late'])
    })
  })

  it('older than what Kafka keeps is a gap', async () => {
    const topic = new TopicInMemory(0)
    topic.bus.setPartition(0, 100)
    const sink = new StreamsScene(topic).open({ requested: { id: 'AQIAAg==' } })
    await pass(1)
    expect(said(sink).startsWith(':gap too-old\n\n')).toBe(true)
  })
})

describe('from=latest', () => {
  it('waits less than 10 s for a leader that is silent, and then for no more than its own bus', async () => {
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
    expect([...sink.text.matchAll(/^data:(.*)$/gm)].map(([, value]) => value)).toEqual([
      'after',
      'of the silent one',
    ])
  })

  it('ends as too old where a partition begins behind the end that Kafka told', async () => {
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

describe('from=latest of a bus that has yet to catch up', () => {
  const waiting = () => {
    const topic = new TopicInMemory(1)
    for (const value of ['before', 'before, too']) topic.produce(value)
    topic.bus.caughtUp = false
    return { topic, sink: new StreamsScene(topic).open({ requested: { from: 'latest' } }) }
  }

  it('sends nothing from before the request, also where Kafka tells of a shorter log that is another topic’s', async () => {
    const { topic, sink } = waiting()
    topic.answer({ 0: { start: 0, end: 1 } })
    await pass(1)
    topic.bus.markCaughtUp()
    await pass(1)
    expect(sink.text).not.toContain('data:')
    expect(sink.text).toContain(':ready')
  })

  it('sends all of a topic that takes its place, wherever the old one ended', async () => {
    const { topic, sink } = waiting()
    topic.answer({ 0: { start: 0, end: 5 } })
    await pass(1)
    topic.bus.recreate()
    topic.bus.setPartition(0, 0)
    for (const value of ['one', 'two', 'three']) topic.produce(value)
    topic.bus.markCaughtUp()
    await pass(1)
    expect([...sink.text.matchAll(/^data:(.*)$/gm)].map(([, value]) => value)).toEqual([
      'one',
      'two',
      'three',
    ])
  })
})
