// Streams that ask for what comes from now on before the bus has caught up: where "now" is, and what counts as lost.

import { describe, expect, it, vi } from 'vitest'
import type { Beginning } from '../../../src/beginning/beginning.ts'
import type { RequestedBeginning } from '../../../src/beginning/requested-beginning.ts'
import { formatEventId } from '../../../src/bus/event-id.ts'
import { headerSelector } from '../../../src/routing/selector.ts'
import { SegmentPool } from '../../../src/segments/segment-pool.ts'
import { StreamsScene } from '../../support/streams-scene.ts'
import { pass, useFakeTime } from '../../support/time.ts'
import { recordOf, TopicInMemory } from '../../support/topic-in-memory.ts'
import { BeginningScene, begun, FEW_RECORDS, HOUR_MS, LATEST, marks, records } from './beginning-scene.ts'

useFakeTime()

describe.each([false, true])('from=latest before the bus has caught up (in a worker: %s)', (isMirrored) => {
  /** At the request partition 0 ends at `end`. */
  const asked = async (topic: TopicInMemory, end: number) => {
    const scene = new BeginningScene(topic, isMirrored)
    topic.answer(marks(end))
    const start = scene.begin(LATEST)
    expect(await scene.look(start)).toBe('catch-up')
    scene.oldBelow = end
    return { scene, start }
  }

  it('is too-old if there was no room for a record from after the request', async () => {
    const { scene, start } = await asked(new TopicInMemory(0, FEW_RECORDS), 2)
    scene.produce(0, 30)
    scene.catchUp()
    const beginning = begun(await scene.look(start))
    expect(beginning.reason).toBe('too-old')
    expect(records(beginning)).not.toContain('2')
    expect(records(beginning)).toEqual([])
  })

  it('is too-old, too, if that partition was empty at the request', async () => {
    const { scene, start } = await asked(new TopicInMemory(1, FEW_RECORDS), 0)
    scene.produce(0, 30)
    scene.catchUp()
    expect(begun(await scene.look(start)).reason).toBe('too-old')
  })

  it('is too-old if reading a partition begins behind its end as of the request', async () => {
    const { scene, start } = await asked(new TopicInMemory(0, FEW_RECORDS), 5)
    scene.topic.bus.setPartition(0, 20)
    scene.produce(20, 22)
    scene.catchUp()
    const beginning = begun(await scene.look(start))
    expect(beginning.reason).toBe('too-old')
    expect(records(beginning)).toEqual(['20', '21'])
  })

  it('is too-old if Kafka deleted a record from after the request, read or not', async () => {
    for (const isRead of [true, false]) {
      const { scene, start } = await asked(new TopicInMemory(0, { keeps: 'all' }), 5)
      scene.produce(0, 5)
      if (isRead) {
        scene.produce(5, 8)
        scene.topic.bus.trim(0, 6)
        while (scene.topic.bus.maintain(Date.now()));
      } else scene.topic.bus.skip(0, 6)
      scene.catchUp()
      expect(begun(await scene.look(start)).reason).toBe('too-old')
    }
  })

  it('begins no later than a leaving from after the request, whose record is compacted away', async () => {
    const options = {
      pool: new SegmentPool(4096),
      retainedBytesMax: 64 * 1024,
      selectors: [headerSelector('to')],
    }
    const topic = new TopicInMemory(0, options)
    const { scene, start } = await asked(topic, 33)
    const write = (offset: number, key: string, value: string, to: string, laterMs: number) =>
      topic.bus.append({
        ...recordOf(offset, value, key, 0),
        timestampMs: Date.now() + laterMs,
        headers: [{ name: 'to', value: Buffer.from(to) }],
      })
    write(0, 'k', '0', 'a', -HOUR_MS)
    write(1, 'k', '1', 'b', 0)
    write(2, 'k', '2', 'b', -HOUR_MS)
    for (let offset = 3; offset < 33; offset++) write(offset, 'filler', 'x'.repeat(700), 'b', -HOUR_MS)
    while (topic.bus.maintain(Date.now()));
    scene.catchUp()
    let outcome = await scene.look(start)
    while (outcome === 'turn') outcome = await scene.look(start)
    expect(begun(outcome).cursor.ownPosition).toEqual(new Map([[0, 1]]))
  })

  it('has no gap if all that is gone came before the request', async () => {
    const { scene, start } = await asked(new TopicInMemory(0, FEW_RECORDS), 28)
    scene.produce(0, 30)
    scene.catchUp()
    const beginning = begun(await scene.look(start))
    expect(beginning.reason).toBeNull()
    expect(records(beginning)).toEqual(['28', '29'])
  })

  it('has no gap if the log begins behind the request, and no record that was there is missing', async () => {
    const { scene, start } = await asked(new TopicInMemory(0), 2)
    const { bus } = scene.topic
    bus.setPartition(0, 0)
    scene.produce(0, 2)
    bus.advance(0, 4) // two control records
    scene.produce(4, 5)
    bus.trim(0, 4)
    scene.catchUp()
    const beginning = begun(await scene.look(start))
    expect(beginning.reason).toBeNull()
    expect(records(beginning)).toEqual(['4'])
  })

  it('is deletes-dropped if a tombstone from after the request has expired', async () => {
    const { scene, start } = await asked(new TopicInMemory(0, { deleteRetentionMs: 50 }), 1)
    const { bus } = scene.topic
    scene.produce(0, 1)
    bus.append(recordOf(1, 'value', 'key', 0))
    bus.append(recordOf(2, null, 'key', 0))
    bus.publish()
    vi.advanceTimersByTime(100)
    while (bus.maintain(Date.now()));
    scene.catchUp()
    expect(begun(await scene.look(start)).reason).toBe('deletes-dropped')
  })

  it('has no gap for missing offsets that may have been tombstones from before the request', async () => {
    const { scene, start } = await asked(new TopicInMemory(0), 4)
    const { bus } = scene.topic
    bus.append({ ...recordOf(0, 'old', 'key', 0), timestampMs: 1 })
    bus.append(recordOf(4, 'new', 'key', 0))
    bus.publish()
    scene.catchUp()
    const beginning = begun(await scene.look(start))
    expect(beginning.reason).toBeNull()
    expect(records(beginning)).toEqual(['new'])
  })

  it('begins at the end that was told first, not at one told later while another leader is silent', async () => {
    const topic = new TopicInMemory(0)
    const scene = new BeginningScene(topic, isMirrored)
    topic.answer({ ...marks(1), 1: null })
    const start = scene.begin(LATEST)
    expect(await scene.look(start)).toBe('call')
    scene.nowMs += 2_000
    topic.answer(marks(3, 0))
    expect(await scene.look(start)).toBe('catch-up')
    scene.oldBelow = 3 // by the producer's clock, which is wrong
    scene.produce(0, 3)
    scene.catchUp()
    expect(records(begun(await scene.look(start)))).toEqual(['1', '2'])
  })

  it('begins at the beginning of the topic if that was recreated meanwhile', async () => {
    const { scene, start } = await asked(new TopicInMemory(0), 2)
    scene.topic.bus.recreate()
    scene.topic.bus.setPartition(0, 0)
    scene.produce(0, 3, 'new ')
    scene.catchUp()
    expect(records(begun(await scene.look(start)))).toEqual(['new 0', 'new 1', 'new 2'])
  })
})

/** How a client may ask for what comes from now on; its clock may be ahead. */
const FROM_NOW: Record<string, () => Partial<RequestedBeginning>> = {
  'from=latest': () => LATEST,
  'since in the future': () => ({ sinceMs: Date.now() + 1 }),
  'an offset of -1': () => ({ id: formatEventId(new Map([[0, -1]])) }),
}
const ASKED = Object.keys(FROM_NOW).flatMap((name) =>
  [false, true].map((isMirrored) => ({ name, isMirrored })),
)

describe.each(ASKED)(
  '$name, before the bus has caught up (in a worker: $isMirrored)',
  ({ name, isMirrored }) => {
    const requested = () => FROM_NOW[name]?.() ?? {}
    /** What comes once everything is read. */
    const comes = async (scene: BeginningScene, start: Beginning) => {
      scene.catchUp()
      let outcome = await scene.look(start)
      for (let turns = 0; outcome === 'turn' && turns < 100; turns++) outcome = start.look(scene.nowMs)
      return { reason: begun(outcome).reason, records: records(begun(outcome)) }
    }

    it('begins no later than the end that was told before the request', async () => {
      const scene = new BeginningScene(new TopicInMemory(0), isMirrored)
      scene.topic.bus.setPartition(0, 0, 2)
      scene.report()
      const start = scene.begin(requested())
      scene.topic.answer(marks(4))
      scene.oldBelow = 4
      scene.produce(0, 5)
      expect(await comes(scene, start)).toEqual({ reason: null, records: ['2', '3', '4'] })
    })

    it('gets a record from after the request even if it is below the first end that Kafka tells', async () => {
      const scene = new BeginningScene(new TopicInMemory(0), isMirrored)
      const start = scene.begin(requested())
      await scene.look(start)
      scene.append(0, 'an hour before', -HOUR_MS)
      scene.append(1, 'just before', -1_010)
      vi.advanceTimersByTime(300)
      scene.append(2, 'after, by a late clock', -1_300)
      scene.append(3, 'after', -5_000)
      scene.topic.answer(marks(4))
      expect(await comes(scene, start)).toEqual({
        reason: null,
        records: ['after, by a late clock', 'after'],
      })
    })

    it('gets all of a topic if all of it came after the request', async () => {
      const scene = new BeginningScene(new TopicInMemory(0), isMirrored)
      const start = scene.begin(requested())
      await scene.look(start)
      vi.advanceTimersByTime(300)
      scene.produce(0, 3)
      scene.topic.answer(marks(3))
      expect(await comes(scene, start)).toEqual({ reason: null, records: ['0', '1', '2'] })
    })

    it('gets what came after the request while the topic is read again', async () => {
      const scene = new BeginningScene(new TopicInMemory(1), isMirrored)
      scene.oldBelow = 3
      scene.produce(0, 3)
      scene.topic.bus.startOver()
      scene.report()
      const start = scene.begin(requested())
      scene.topic.answer(marks(5))
      scene.produce(0, 5)
      expect(await comes(scene, start)).toEqual({ reason: null, records: ['3', '4'] })
    })

    it('gets what was unread below the end that was told, because it may be from after the request', async () => {
      const scene = new BeginningScene(new TopicInMemory(0), isMirrored)
      const start = scene.begin(requested())
      scene.topic.answer(marks(4))
      await scene.look(start)
      scene.oldBelow = 2
      scene.produce(0, 2)
      scene.catchUp()
      let outcome = await scene.look(start)
      while (outcome === 'turn') outcome = start.look(scene.nowMs)
      scene.produce(2, 5)
      scene.report()
      expect(records(begun(outcome))).toEqual(['2', '3', '4'])
    })

    it('is too-old if what there was no room for may be from after the request, by its timestamp', async () => {
      for (const oldBelow of [20, 28]) {
        const scene = new BeginningScene(new TopicInMemory(0, FEW_RECORDS), isMirrored)
        const start = scene.begin(requested())
        scene.topic.answer(marks(30))
        await scene.look(start)
        scene.oldBelow = oldBelow
        scene.produce(0, 30)
        const { reason, records } = await comes(scene, start)
        if (oldBelow === 20) expect(reason).toBe('too-old')
        else expect({ reason, records }).toEqual({ reason: null, records: ['28', '29'] })
      }
    })
  },
)

describe('a moment in the past, asked for before the bus has caught up', () => {
  it('is at least a second before the request, because a producer’s clock may be late', async () => {
    for (const [agoMs, expected] of [
      [60_000, ['a minute ago', 'less', 'later']],
      [0, ['less', 'later']],
    ] as const) {
      const scene = new BeginningScene(new TopicInMemory(0))
      const start = scene.begin({ sinceMs: Date.now() - agoMs })
      scene.append(0, 'before', -HOUR_MS)
      scene.append(1, 'a minute ago', -60_000)
      scene.append(2, 'less', -900)
      scene.append(3, 'later', 0)
      scene.catchUp()
      expect(records(begun(await scene.look(start)))).toEqual(expected)
    }
  })
})

describe('a stream with from=latest of a bus that has yet to catch up', () => {
  const waiting = () => {
    const topic = new TopicInMemory(1)
    for (const value of ['before', 'before, too']) topic.produce(value)
    topic.bus.caughtUp = false
    return { topic, sink: new StreamsScene(topic).open({ requested: { from: 'latest' } }) }
  }

  it('sends nothing from before the request, even if Kafka tells the shorter log of another topic', async () => {
    const { topic, sink } = waiting()
    topic.answer({ 0: { start: 0, end: 1 } })
    await pass(1)
    topic.bus.markCaughtUp()
    await pass(1)
    expect(sink.text).not.toContain('data:')
    expect(sink.text).toContain(':ready')
  })

  it('sends all of a topic that takes its place, no matter where the old one ended', async () => {
    const { topic, sink } = waiting()
    topic.answer({ 0: { start: 0, end: 5 } })
    await pass(1)
    topic.bus.recreate()
    topic.bus.setPartition(0, 0)
    for (const value of ['one', 'two', 'three']) topic.produce(value)
    topic.bus.markCaughtUp()
    await pass(1)
    expect(sink.data).toEqual(['one', 'two', 'three'])
  })
})
