// One reader of a topic: what it asks and reads, when it publishes, and what it says of trouble.

import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { Feeding } from '../../../plugins/kafka/following/reader.ts'
import { forThisTest } from '../../support/scene.ts'
import { pass } from '../../support/time.ts'
import { createWriter, ReaderScene } from './reader-scene.ts'

const open = () => forThisTest(ReaderScene.open())
/** How node-rdkafka tells that one of the partitions may not be read. */
const DENIED = Object.assign(new Error('Broker: Topic authorization failed'), { code: 29 })

describe('A reader of topics', () => {
  it('asks an absent broker about once a second, and warns once', async () => {
    const { kafka, feeding, log } = await open()
    kafka.isDown = true
    const words = 'Kafka is not reachable at kafka:9092: kafka:9092/bootstrap: Connection refused'
    const line = '[thrd:kafka:9092/bootstrap]: kafka:9092/bootstrap: Connection refused (after 1ms)'
    kafka.live.events.onLog(line, true)
    await pass(20_000)
    expect(kafka.lists.length).toBeGreaterThan(15)
    expect(kafka.lists.length).toBeLessThan(25)
    expect(feeding.notReady()).toBe(words)
    expect(log.warn.mock.calls).toEqual([[words]])
    kafka.isDown = false
    kafka.hold('events', [3, 3])
    await pass(2_000)
    expect(feeding.notReady()).toBeNull()
    expect(log.info.mock.calls).toEqual([['Kafka answers: kafka:9092'], ['topic events is read up to date']])
    expect(kafka.assigned).toEqual([['events', { 0: 3 }]])
  })

  it('tells at most once a minute that a quota holds back the answers of Kafka, and only if by a second', async () => {
    const { kafka, feeding, log } = await open()
    kafka.hold('events', [0, 0])
    await pass(2_000)
    const throttle = (ms: number) => kafka.live.events.onThrottle?.(ms)
    throttle(999)
    expect(log.warn.mock.calls).toEqual([])
    throttle(1_001)
    throttle(0)
    throttle(36_312)
    const told = ['Kafka answers only after 2 s, because this principal is over a quota']
    expect(log.warn.mock.calls).toEqual([told])
    expect(feeding.notReady()).toBeNull()
    await pass(60_000)
    throttle(36_312)
    expect(log.warn.mock.calls).toEqual([told, [told[0]?.replace('2', '37')]])
  })

  it('stays ready while a broker pauses for less than 3 s, and has a line for each turn otherwise', async () => {
    const { kafka, feeding, log } = await open()
    kafka.hold('events', [0, 0])
    await pass(2_000)
    const [reasons, lines] = [new Set<string | null>(), [log.warn, log.info].map((each) => each.mock)]
    const before = lines.map(({ calls }) => calls.length)
    const down = async (ms: number) => {
      kafka.isDown = true
      kafka.live.events.onTrouble()
      for (let passed = 0; passed < ms; passed += 100) {
        await pass(100)
        reasons.add(feeding.notReady())
      }
      kafka.isDown = false
      await pass(2_000)
    }
    for (let pause = 0; pause < 5; pause++) await down(2_000)
    expect([[...reasons], lines.map(({ calls }) => calls.length)]).toEqual([[null], before])
    for (let outage = 1; outage <= 2; outage++) {
      await down(6_000)
      expect([log.warn.mock.calls.length, log.info.mock.calls.length - (before[1] ?? 0)]).toEqual([
        outage,
        outage,
      ])
    }
    expect(reasons.size).toBe(2)
  })

  it('asks at most twice a second, however many errors librdkafka reports', async () => {
    const { kafka } = await open()
    const trouble = setInterval(() => kafka.live.events.onTrouble(), 5)
    await pass(10_000)
    clearInterval(trouble)
    expect(kafka.lists.length).toBeLessThan(23)
  })

  it('publishes a complete batch, and has caught up with the last record that was there at the start', async () => {
    const { kafka, writer } = await open()
    kafka.hold('events', [0, 2])
    await pass(1_000)
    writer.publish.mockClear()
    kafka.tell('events', 0, 0)
    kafka.tell('events', 0, 1)
    expect(writer.publish).not.toHaveBeenCalled()
    expect(writer.markCaughtUp).not.toHaveBeenCalled()
    kafka.live.events.onBatchEnd()
    expect(writer.publish).toHaveBeenCalledTimes(1)
    expect(writer.markCaughtUp).toHaveBeenCalledTimes(1)
  })

  it('publishes records before the next turn of the event loop, also during a long read', async () => {
    const { kafka, writer } = await open()
    kafka.hold('events', [0, 900])
    await pass(1_000)
    let [appended, batches, unpublished] = [0, 0, 0]
    writer.append.mockImplementation(() => {
      if (appended++ > 0) return
      batches++
      // Other code may read the bus in the next turn.
      setImmediate(() => {
        unpublished += appended
      })
    })
    writer.publish.mockImplementation(() => {
      appended = 0
    })
    for (let offset = 0; offset < 30; offset++) {
      kafka.behind.next.push(() => kafka.behind.tell('events', 0, offset))
      await pass(5)
    }
    expect(batches).toBeGreaterThan(9)
    expect(unpublished).toBe(0)
  })

  it('publishes the end of a partition before the next turn of the event loop, too', async () => {
    const scene = await open()
    const { kafka, writer } = scene
    kafka.hold('events', [0, 4])
    await pass(1_000)
    writer.publish.mockClear()
    scene.batch(0, 4, 'end')
    expect(writer.advance.mock.calls).toEqual([[0, 4]])
    expect(writer.publish).toHaveBeenCalledTimes(1)
  })

  it('repeats an assignment that failed, until it succeeds', async () => {
    const scene = await open()
    const { kafka, feeding } = scene
    kafka.hold('events', [0, 4], [2, 2])
    kafka.assignError = new Error('Local: Erroneous state')
    await pass(3_000)
    expect(feeding.notReady()).toBe('records cannot be read: Local: Erroneous state')
    kafka.assignError = null
    await pass(2_000)
    expect(kafka.assigned).toEqual([
      ['events', { 1: 2 }],
      ['events', { 0: 0 }],
    ])
    scene.batch(0, 4, 'end')
    await pass(1_000)
    expect(feeding.notReady()).toBeNull()
  })

  it('moves a partition to the live consumer at the end that Kafka told, even if it never stands still', async () => {
    const scene = await open()
    const { kafka } = scene
    kafka.hold('events', [0, 2])
    await pass(1_000)
    expect([...kafka.behind.assigned.keys()]).toEqual(['events 0'])
    scene.batch(0, 0)
    scene.batch(0, 1)
    await pass(100)
    expect([kafka.live.assigned, kafka.behind.assigned]).toEqual([new Map([['events 0', 2]]), new Map()])
  })

  it('warns once that records cannot be read, retries about once a second, and recovers', async () => {
    const scene = await open()
    const { kafka, feeding, log } = scene
    kafka.hold('events', [0, 0])
    await pass(1_000)
    kafka.readError = DENIED
    kafka.unreadable.set('events', new Map([[0, 'this principal may not Read it']]))
    const before = kafka.reads
    await pass(10_000)
    expect(kafka.reads - before).toBeLessThan(13)
    expect(feeding.notReady()).toBe(
      'topic events: partition 0 cannot be read: this principal may not Read it',
    )
    expect(log.warn).toHaveBeenCalledTimes(1)
    kafka.readError = null
    scene.batch(0, 1, 'end')
    await pass(2_000)
    expect(feeding.notReady()).toBeNull()
    expect(log.info).toHaveBeenLastCalledWith('topic events: every partition is read again')
  })

  it('says that a partition cannot be read until that partition can, whatever comes of others', async () => {
    const scene = await open()
    const { kafka, reader, feeding, log } = scene
    kafka.hold('events', [0, 0], [0, 0])
    kafka.hold('other', [0, 0])
    const other = reader.feed('other', createWriter(), log)
    await pass(3_000)
    kafka.live.error = DENIED
    kafka.unreadable.set('events', new Map([[1, 'no']]))
    await pass(1_000)
    kafka.live.error = null
    const unread = 'topic events: partition 1 cannot be read: no'
    for (let offset = 0; offset < 20; offset++) {
      kafka.hold('events', [0, offset + 1], [0, 0])
      kafka.hold('other', [0, offset + 1])
      kafka.tell('other', 0, offset)
      scene.batch(0, offset)
      await pass(1_000)
      expect([feeding.notReady(), other.notReady()]).toEqual([unread, null])
    }
    expect(log.warn.mock.calls).toEqual([[unread]])
    // Nothing comes of it, but the inquiry, which is repeated, could read it.
    kafka.unreadable.set('events', new Map([[1, null]]))
    await pass(7_000)
    expect(feeding.notReady()).toBeNull()
    expect(log.info).toHaveBeenLastCalledWith('topic events: every partition is read again')
  })

  it('reads on at once after the error of one partition', async () => {
    const { kafka } = await open()
    kafka.hold('events', [0, 0])
    await pass(1_000)
    kafka.live.error = DENIED
    await pass(105)
    kafka.live.error = null
    const before = kafka.reads
    await pass(500)
    expect(kafka.reads - before).toBeGreaterThan(3)
  })

  it('ignores that a group is not authorized, because it joins none', async () => {
    const { kafka, feeding, log } = await open()
    kafka.hold('events', [0, 0])
    await pass(1_000)
    kafka.readError = Object.assign(new Error('Broker: Group authorization failed'), { code: 30 })
    await pass(3_000)
    expect(feeding.notReady()).toBeNull()
    expect(log.warn).not.toHaveBeenCalled()
  })

  it('does not pause for a single error of a partition, but refreshes the topic', async () => {
    const { kafka, log } = await open()
    kafka.hold('events', [0, 0])
    await pass(2_000)
    const before = { reads: kafka.reads, lists: kafka.lists.length }
    kafka.readError = Object.assign(new Error('Local: No offset'), { code: -140 })
    await pass(1_500)
    expect(kafka.reads - before.reads).toBeGreaterThan(12)
    expect(kafka.lists.length).toBeGreaterThan(before.lists)
    expect(log.warn).not.toHaveBeenCalled()
  })

  it('reads all with the live consumer while the other gets no answer, and asks that again every 10 s', async () => {
    const scene = await open()
    const { kafka, writer } = scene
    kafka.hold('events', [0, 4])
    kafka.deaf.add(1)
    await pass(1_000)
    expect([kafka.live.assigned, kafka.behind.assigned]).toEqual([new Map([['events 0', 0]]), new Map()])
    scene.batch(0, 4, 'end')
    expect(writer.markCaughtUp).toHaveBeenCalledTimes(1)
    kafka.deaf.clear()
    kafka.hold('events', [0, 4], [0, 4])
    await pass(7_000)
    expect(kafka.behind.assigned.size).toBe(0)
    kafka.hold('events', [0, 4], [0, 4], [0, 4])
    await pass(7_000)
    expect([...kafka.behind.assigned.keys()]).toEqual(['events 2'])
  })

  it('rejects pending questions for watermarks when it closes, and does nothing afterwards', async () => {
    const { kafka, reader, feeding } = await open()
    const rejected = vi.fn()
    feeding.watermarks().catch(rejected)
    await pass(1_000)
    await reader.close()
    await pass(1_000)
    expect(rejected.mock.calls[0]?.[0].message).toBe('The Kafka consumer is closed')
    const before = [kafka.lists.length, kafka.reads]
    await pass(60_000)
    expect([kafka.lists.length, kafka.reads]).toEqual(before)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('publishes after a batch only on buses that got a record', async () => {
    const scene = await open()
    const { kafka, reader, log, writer } = scene
    const other = createWriter()
    for (const name of ['events', 'other']) kafka.hold(name, [0, 0])
    reader.feed('other', other, log)
    await pass(2_000)
    writer.publish.mockClear()
    other.publish.mockClear()
    scene.batch(0, 0)
    expect(writer.publish).toHaveBeenCalledTimes(1)
    expect(other.publish).not.toHaveBeenCalled()
  })
})

describe('A topic that is followed and left again', () => {
  it('in any order, also during a read: only feeds that are there get records, and nothing else is assigned', async () => {
    const step = fc.oneof(
      fc.constant({ do: 'follow' as const }),
      fc.record({ do: fc.constant('leave' as const), at: fc.nat(2) }),
      fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 3_000 }) }),
      fc.constant({ do: 'record' as const }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const scene = ReaderScene.open()
        const { kafka, reader, log } = scene
        kafka.hold('a', [0, 0])
        let end = 0
        const feeds: { writer: ReturnType<typeof createWriter>; feeding: Feeding }[] = []
        const left: ReturnType<typeof createWriter>[] = []
        try {
          for (const each of steps) {
            if (each.do === 'follow' && feeds.length < 3) {
              const writer = createWriter()
              feeds.push({ writer, feeding: reader.feed('a', writer, log) })
            }
            if (each.do === 'leave') {
              const [gone] = feeds.splice(each.at, 1)
              gone?.feeding.stop()
              gone?.writer.append.mockClear()
              if (gone !== undefined) left.push(gone.writer)
            }
            if (each.do === 'pass') await pass(each.ms)
            if (each.do === 'record') {
              kafka.tell('a', 0, end)
              kafka.hold('a', [0, ++end])
            }
          }
          await pass(15_000)
          const isAssigned = kafka.consumers.filter(({ assigned }) => assigned.has('a 0'))
          expect(isAssigned.length > 0).toBe(feeds.length > 0)
          kafka.tell('a', 0, end)
          for (const { writer } of feeds) expect(writer.append.mock.lastCall?.[0].offset).toBe(end)
          for (const writer of left) expect(writer.append).not.toHaveBeenCalled()
        } finally {
          await scene.close()
        }
      }),
      { numRuns: 30 },
    )
  })
})

describe('Whether Kafka has a topic', () => {
  const never = new AbortController().signal

  it('is asked for many topics in one question, with one more queued for all that come meanwhile', async () => {
    const { kafka, reader } = await open()
    kafka.hold('events', [0, 0])
    await pass(4_000)
    kafka.lists.length = 0
    kafka.hold('a', [0, 0])
    const answers = ['a', 'b', 'c', 'a'].map((name) => reader.listings.has(name, never))
    await pass(100)
    expect(await Promise.all(answers)).toEqual([true, false, false, true])
    expect(kafka.lists).toEqual([['a'], ['b', 'c', 'a']])
    expect(kafka.assigned.map(([name]) => name)).toEqual(['events'])
  })

  it('is asked until Kafka answers, or until the caller gives up', async () => {
    const { kafka, reader } = await open()
    kafka.isDown = true
    const [later, givenUp] = [vi.fn(), vi.fn()]
    const giving = new AbortController()
    reader.listings.has('events', never).then(later)
    reader.listings.has('events', giving.signal).catch(givenUp)
    await pass(5_000)
    expect([later.mock.calls, givenUp.mock.calls]).toEqual([[], []])
    giving.abort(new Error('enough'))
    await pass(1)
    expect(givenUp).toHaveBeenCalledWith(new Error('enough'))
    kafka.isDown = false
    kafka.hold('events', [0, 0])
    await pass(3_000)
    expect(later).toHaveBeenCalledWith(true)
  })

  it('tells in the log that Kafka does not answer, and that it does again, although nothing is followed', async () => {
    const { kafka, reader, feeding, log } = await open()
    feeding.stop()
    kafka.isDown = true
    const later = vi.fn()
    reader.listings.has('events', never).then(later)
    await pass(4_000)
    expect(log.warn.mock.calls).toEqual([[expect.stringMatching(/^Kafka is not reachable at kafka:9092: /)]])
    kafka.isDown = false
    await pass(3_000)
    expect(later).toHaveBeenCalledWith(false)
    expect(log.info.mock.calls).toEqual([['Kafka answers: kafka:9092']])
  })

  it('is known from the refreshes, for a topic that is followed', async () => {
    const { kafka, reader } = await open()
    expect(reader.hasFound('events')).toBe(false)
    kafka.hold('events', [0, 0])
    await pass(2_000)
    expect([reader.hasFound('events'), reader.hasFound('other')]).toEqual([true, false])
    kafka.topics.delete('events')
    await pass(7_000)
    expect(reader.hasFound('events')).toBe(false)
  })

  it('is asked no more once the reader is closed', async () => {
    const { kafka, reader } = await open()
    kafka.isDown = true
    const rejected = vi.fn()
    reader.listings.has('events', never).catch(rejected)
    await pass(100)
    await reader.close()
    await pass(2_000)
    expect(rejected.mock.calls[0]?.[0].message).toBe('The Kafka consumer is closed')
  })
})
