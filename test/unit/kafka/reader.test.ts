// Following topics, with a Kafka that a test sets: what is asked when, what is read, and what is said of what is wrong.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Feeding, Reader } from '../../../plugins/kafka/following/reader.ts'
import type { RecordWriter } from '../../../plugins/kafka/following/topic-feed.ts'
import type { Watermarks } from '../../../src/bus/record.ts'
import { KafkaInMemory } from '../../support/kafka-in-memory.ts'

function createWriter() {
  return {
    setPartition: vi.fn(),
    append: vi.fn(),
    advance: vi.fn(),
    publish: vi.fn(),
    markCaughtUp: vi.fn(),
    trim: vi.fn(),
    skip: vi.fn(),
    noteEnd: vi.fn(),
    recreate: vi.fn(),
    startOver: vi.fn(),
    missed: null as RecordWriter['missed'],
    maintain: vi.fn(() => false),
    readFrom: (marks: ReadonlyMap<number, Watermarks>) =>
      new Map([...marks].map(([partition, { start }]) => [partition, start])),
  } satisfies RecordWriter
}

const createLog = () => ({ debug: vi.fn(), info: vi.fn(), warn: vi.fn() })

describe('A reader of topics', () => {
  let kafka: KafkaInMemory
  let reader: Reader
  let feeding: Feeding
  let log: ReturnType<typeof createLog>
  let writer: ReturnType<typeof createWriter>

  beforeEach(() => {
    vi.useFakeTimers()
    kafka = new KafkaInMemory()
    log = createLog()
    writer = createWriter()
    reader = new Reader({
      bootstrapServers: 'kafka:9092',
      createConsumer: kafka.createConsumer,
      nowMs: () => Date.now(),
      random: () => 0.5,
    })
    reader.join(log)
    feeding = reader.feed('events', writer, log)
  })

  afterEach(async () => {
    await reader.close()
    vi.useRealTimers()
  })

  const passes = (ms: number) => vi.advanceTimersByTimeAsync(ms)

  /** All of a batch that its consumer was told, in the same turn. */
  function batch(partition: number, offset: number, what: 'record' | 'end' = 'record') {
    kafka.tell('events', partition, offset, what)
    kafka.live.events.onBatchEnd()
  }

  /** How many steps of housekeeping came in the second that follows. */
  async function stepsAfterReads(hasMore: boolean): Promise<number[]> {
    const steps = new Map<number, number>()
    writer.maintain.mockImplementation(() => {
      steps.set(kafka.reads, (steps.get(kafka.reads) ?? 0) + 1)
      return hasMore
    })
    await passes(3_000)
    return [...steps.values()].slice(1, -1)
  }

  it('asks an absent broker about once a second, and says so once', async () => {
    kafka.isDown = true
    const words = 'Kafka is not reachable at kafka:9092: kafka:9092/bootstrap: Connection refused'
    const line = '[thrd:kafka:9092/bootstrap]: kafka:9092/bootstrap: Connection refused (after 1ms)'
    kafka.live.events.onLog(line, true)
    await passes(20_000)
    expect(kafka.lists.length).toBeGreaterThan(15)
    expect(kafka.lists.length).toBeLessThan(25)
    expect(feeding.notReady()).toBe(words)
    expect(log.warn.mock.calls).toEqual([[words]])
    kafka.isDown = false
    kafka.hold('events', [3, 3])
    await passes(2_000)
    expect(feeding.notReady()).toBeNull()
    expect(log.info.mock.calls).toEqual([['Kafka answers: kafka:9092'], ['topic events is read up to date']])
    expect(kafka.assigned).toEqual([['events', { 0: 3 }]])
  })

  it('does not ask more often than twice a second, however much trouble is told', async () => {
    const trouble = setInterval(() => kafka.live.events.onTrouble(), 5)
    await passes(10_000)
    clearInterval(trouble)
    expect(kafka.lists.length).toBeLessThan(23)
  })

  it('notices a partition that is added within 6 s, and reads it from its beginning', async () => {
    kafka.hold('events', [0, 0])
    await passes(1_000)
    kafka.hold('events', [0, 0], [0, 4])
    await passes(7_000)
    expect(kafka.assigned).toEqual([
      ['events', { 0: 0 }],
      ['events', { 1: 0 }],
    ])
  })

  it('shows a batch once it is whole, and is ready when the last record of the start is in', async () => {
    kafka.hold('events', [0, 2])
    await passes(1_000)
    writer.publish.mockClear()
    kafka.tell('events', 0, 0)
    kafka.tell('events', 0, 1)
    expect(writer.publish).not.toHaveBeenCalled()
    expect(writer.markCaughtUp).not.toHaveBeenCalled()
    kafka.live.events.onBatchEnd()
    expect(writer.publish).toHaveBeenCalledTimes(1)
    expect(writer.markCaughtUp).toHaveBeenCalledTimes(1)
  })

  it('shows what was read before the event loop turns, also where a read goes on for longer', async () => {
    kafka.hold('events', [0, 900])
    await passes(1_000)
    let [appended, batches, unpublished] = [0, 0, 0]
    writer.append.mockImplementation(() => {
      if (appended++ > 0) return
      batches++
      // Whatever speaks of the bus may do so in the next turn.
      setImmediate(() => {
        unpublished += appended
      })
    })
    writer.publish.mockImplementation(() => {
      appended = 0
    })
    for (let offset = 0; offset < 30; offset++) {
      kafka.behind.next.push(() => kafka.behind.tell('events', 0, offset))
      await passes(5)
    }
    expect(batches).toBeGreaterThan(9)
    expect(unpublished).toBe(0)
  })

  it('shows an end of a partition before the event loop turns, too', async () => {
    kafka.hold('events', [0, 4])
    await passes(1_000)
    writer.publish.mockClear()
    batch(0, 4, 'end')
    expect(writer.advance.mock.calls).toEqual([[0, 4]])
    expect(writer.publish).toHaveBeenCalledTimes(1)
  })

  it('assigns what could not be as soon as it can be', async () => {
    kafka.hold('events', [0, 4], [2, 2])
    kafka.assignError = new Error('Local: Erroneous state')
    await passes(3_000)
    expect(feeding.notReady()).toBe('records cannot be read: Local: Erroneous state')
    kafka.assignError = null
    await passes(2_000)
    expect(kafka.assigned).toEqual([
      ['events', { 1: 2 }],
      ['events', { 0: 0 }],
    ])
    batch(0, 4, 'end')
    await passes(1_000)
    expect(feeding.notReady()).toBeNull()
  })

  it('lets a partition go on live once it has passed the end that Kafka told, whether or not it ever stands still', async () => {
    kafka.hold('events', [0, 2])
    await passes(1_000)
    expect([...kafka.behind.assigned.keys()]).toEqual(['events 0'])
    batch(0, 0)
    batch(0, 1)
    await passes(100)
    expect([kafka.live.assigned, kafka.behind.assigned]).toEqual([new Map([['events 0', 2]]), new Map()])
  })

  it('says that records cannot be read, once, tries about once a second, and takes it back with the next record', async () => {
    kafka.hold('events', [0, 0])
    await passes(1_000)
    kafka.readError = Object.assign(new Error('Broker: Topic authorization failed'), { code: 29 })
    const before = kafka.reads
    await passes(10_000)
    expect(kafka.reads - before).toBeLessThan(12)
    expect(feeding.notReady()).toBe('records cannot be read: Broker: Topic authorization failed')
    expect(log.warn).toHaveBeenCalledTimes(1)
    kafka.readError = null
    batch(0, 1, 'end')
    await passes(2_000)
    expect(feeding.notReady()).toBeNull()
  })

  it('makes nothing of a group that may not be asked about: it joins none', async () => {
    kafka.hold('events', [0, 0])
    await passes(1_000)
    kafka.readError = Object.assign(new Error('Broker: Group authorization failed'), { code: 30 })
    await passes(3_000)
    expect(feeding.notReady()).toBeNull()
    expect(log.warn).not.toHaveBeenCalled()
  })

  it('does not pause for an error that a partition has once, and looks at the topic instead', async () => {
    kafka.hold('events', [0, 0])
    await passes(2_000)
    const before = { reads: kafka.reads, lists: kafka.lists.length }
    kafka.readError = Object.assign(new Error('Local: No offset'), { code: -140 })
    await passes(1_500)
    expect(kafka.reads - before.reads).toBeGreaterThan(12)
    expect(kafka.lists.length).toBeGreaterThan(before.lists)
    expect(log.warn).not.toHaveBeenCalled()
  })

  it('reads a partition anew from where it was, once, if an error came and nothing since although there is more', async () => {
    kafka.hold('events', [0, 4], [0, 0])
    await passes(1_000)
    batch(0, 4, 'end')
    await passes(2_000)
    kafka.assigned.length = 0
    kafka.hold('events', [0, 9], [0, 0])
    kafka.readError = Object.assign(new Error('Broker: Group authorization failed'), { code: 30 })
    await passes(200)
    kafka.readError = null
    await passes(20_000)
    expect(kafka.assigned).toEqual([['events', { 0: 4 }]])
    expect(log.warn).not.toHaveBeenCalled()
  })

  it('goes on at the start of a log that passed it, and says what is missing', async () => {
    kafka.hold('events', [0, 4], [0, 0])
    await passes(1_000)
    batch(0, 4, 'end')
    await passes(6_000)
    kafka.assigned.length = 0
    kafka.hold('events', [9, 12], [0, 0])
    kafka.live.events.onStop({ topic: 'events', partition: 0, isTruncated: false })
    await passes(2_500)
    expect(kafka.assigned).toEqual([['events', { 0: 9 }]])
    expect(writer.skip.mock.calls).toEqual([[0, 9]])
    expect(writer.publish.mock.invocationCallOrder.at(-1)).toBeGreaterThan(
      writer.skip.mock.invocationCallOrder[0] ?? Number.POSITIVE_INFINITY,
    )
    expect(log.warn.mock.calls).toEqual([
      ['topic events: records 4 to 8 of partition 0 were deleted before they were read'],
    ])
    expect(feeding.notReady()).toBeNull()
  })

  it('begins anew, before anything more is read, as soon as the topic has another id', async () => {
    kafka.hold('events', [0, 4], [0, 0])
    kafka.live.events.onTopicId({ topic: 'events', id: 'one' })
    await passes(1_000)
    batch(0, 4, 'end')
    await passes(1_000)
    expect(feeding.notReady()).toBeNull()
    kafka.hold('events', [0, 6])
    kafka.live.events.onTopicId({ topic: 'events', id: 'two' })
    expect(writer.recreate).toHaveBeenCalledTimes(1)
    writer.append.mockClear()
    // A read that was under way may bring records of the log that was given up.
    batch(0, 4)
    expect(writer.append).not.toHaveBeenCalled()
    expect(feeding.notReady()).toBe('topic events: waiting for Kafka')
    kafka.unassigned.length = 0
    await passes(1_100)
    expect(kafka.unassigned.flatMap(([, partitions]) => partitions).sort()).toEqual([0, 1])
    expect(kafka.assigned.at(-1)).toEqual(['events', { 0: 0 }])
    batch(0, 6, 'end')
    await passes(200)
    expect(writer.markCaughtUp).toHaveBeenCalledTimes(2)
    expect(feeding.notReady()).toBeNull()
    expect(log.warn.mock.calls.map(([words]) => words)).toEqual([expect.stringContaining('another topic')])
  })

  it('drops what it was told of a topic that became another one meanwhile', async () => {
    kafka.hold('events', [0, 4])
    kafka.live.events.onTopicId({ topic: 'events', id: 'one' })
    await passes(1_000)
    batch(0, 4, 'end')
    await passes(500)
    // A look is under way: it has found a partition that was added, and what it is told of it is of the topic of before.
    kafka.hold('events', [0, 4], [2, 9])
    let tell = (): void => {}
    const { live } = kafka
    const ends = live.ends.bind(live)
    vi.spyOn(live, 'ends').mockImplementationOnce(async (partitions, timeoutMs) => {
      const told = await ends(partitions, timeoutMs)
      await new Promise<void>((resolve) => {
        tell = resolve
      })
      return told
    })
    live.events.onTrouble()
    await vi.waitUntil(() => vi.mocked(live.ends).mock.calls.length === 1)
    kafka.assigned.length = 0
    live.events.onTopicId({ topic: 'events', id: 'two' })
    expect(writer.recreate).toHaveBeenCalledTimes(1)
    await passes(100)
    kafka.hold('events', [0, 9], [0, 9])
    tell()
    await passes(2_000)
    expect(writer.recreate).toHaveBeenCalledTimes(1)
    expect(kafka.assigned).toEqual([['events', { 0: 0, 1: 0 }]])
  })

  it('begins anew when the log ends before what was read, after a second look', async () => {
    kafka.hold('events', [0, 4])
    await passes(1_000)
    batch(0, 4, 'end')
    await passes(1_000)
    kafka.assigned.length = 0
    kafka.hold('events', [0, 2])
    await passes(8_000)
    expect(writer.recreate).toHaveBeenCalledTimes(1)
    expect(kafka.assigned).toEqual([['events', { 0: 0 }]])
  })

  it('keeps what it has of a topic that is not listed for a while, and says so', async () => {
    kafka.hold('events', [0, 4])
    await passes(1_000)
    batch(0, 4, 'end')
    await passes(1_000)
    kafka.unassigned.length = 0
    kafka.topics.delete('events')
    await passes(10_000)
    expect(feeding.notReady()).toBe('topic events does not exist, or may not be seen')
    kafka.hold('events', [0, 4])
    await passes(3_000)
    expect(feeding.notReady()).toBeNull()
    expect(writer.recreate).not.toHaveBeenCalled()
    expect(kafka.unassigned).toEqual([])
    expect(log.warn).toHaveBeenCalledTimes(1)
  })

  it('says that a leader is missing, or silent, when it is for some looks, not for one', async () => {
    kafka.hold('events', [0, 0], [0, 0])
    await passes(1_000)
    kafka.lead('events', 1, 2)
    kafka.silent.add(2)
    await passes(6_500)
    expect(feeding.notReady()).toBeNull()
    await passes(7_000)
    expect(feeding.notReady()).toBe('topic events: no answer from the leader of partition 1')
    kafka.lead('events', 0, null)
    await passes(5_000)
    expect(feeding.notReady()).toBe(
      'topic events: no leader for partition 0, no answer from the leader of partition 1',
    )
    kafka.hold('events', [0, 0], [0, 0])
    await passes(5_000)
    expect(feeding.notReady()).toBeNull()
    expect(log.warn).toHaveBeenCalledTimes(1)
    expect(log.info.mock.calls.at(-1)).toEqual(['topic events: every partition has a leader that answers'])
  })

  it('lets a leader that is silent hold up its own partitions alone, and the streams for 8 s at the most', async () => {
    kafka.hold('events', [0, 0], [0, 4], [0, 0])
    kafka.lead('events', 1, 2)
    kafka.lead('events', 2, 3)
    kafka.silent.add(2)
    await passes(1_500)
    // The one that answers after the silent one is not lost with it, and is asked before it from then on.
    expect([...kafka.live.assigned.keys()]).toEqual(['events 0', 'events 2'])
    kafka.offsets.length = 0
    await passes(5_000)
    expect(kafka.offsets.slice(0, 5).map(([leader]) => leader)).toEqual([1, 1, 3, 3, 2])
    expect(writer.markCaughtUp).not.toHaveBeenCalled()
    await passes(1_500)
    expect(writer.markCaughtUp).toHaveBeenCalledTimes(1)
    expect(writer.setPartition.mock.calls).toContainEqual([1, -2])
    kafka.silent.clear()
    await passes(5_000)
    expect([...kafka.behind.assigned.keys()]).toEqual(['events 1'])
  })

  it('lets the streams begin after 8 s, be there a question open or not', async () => {
    kafka.hold('events', [0, 0], [0, 4])
    kafka.lead('events', 1, 2)
    kafka.silent.add(2)
    await passes(1_500)
    vi.spyOn(kafka.live, 'starts').mockReturnValue(new Promise(() => {}))
    await passes(5_900)
    expect(writer.markCaughtUp).not.toHaveBeenCalled()
    await passes(600)
    expect(writer.markCaughtUp).toHaveBeenCalledTimes(1)
  })

  it('reads all by the live consumer while Kafka does not answer the other, which is asked again every 10 s', async () => {
    kafka.hold('events', [0, 4])
    kafka.deaf.add(1)
    await passes(1_000)
    expect([kafka.live.assigned, kafka.behind.assigned]).toEqual([new Map([['events 0', 0]]), new Map()])
    batch(0, 4, 'end')
    expect(writer.markCaughtUp).toHaveBeenCalledTimes(1)
    kafka.deaf.clear()
    kafka.hold('events', [0, 4], [0, 4])
    await passes(7_000)
    expect(kafka.behind.assigned.size).toBe(0)
    kafka.hold('events', [0, 4], [0, 4], [0, 4])
    await passes(7_000)
    expect([...kafka.behind.assigned.keys()]).toEqual(['events 2'])
  })

  it('asks the leaders, when nobody lists partitions, until one does not answer: librdkafka asks no other by itself', async () => {
    kafka.hold('events', [0, 0], [0, 0], [0, 0])
    for (const partition of [0, 1, 2]) kafka.lead('events', partition, partition)
    await passes(1_000)
    kafka.deaf.add(0)
    kafka.silent.add(1)
    kafka.offsets.length = 0
    await passes(6_500)
    expect(kafka.offsets.slice(0, 3)).toEqual([
      [0, 1],
      [0, 1],
      [1, 1],
    ])
  })

  it('answers for watermarks when every leader has answered or was given up: null for what nobody tells', async () => {
    const answered = vi.fn()
    feeding.watermarks().then(answered)
    await passes(3_000)
    expect(answered).not.toHaveBeenCalled()
    kafka.hold('events', [0, 5], [2, 7], [3, 9])
    kafka.lead('events', 1, 2)
    kafka.lead('events', 2, null)
    kafka.silent.add(2)
    await passes(5_000)
    expect(answered).toHaveBeenCalledWith(
      new Map([
        [0, { start: 0, end: 5 }],
        [1, null],
        [2, null],
      ]),
    )
  })

  it('has nobody wait again for a leader that the looks have found silent for long, until it answers them', async () => {
    kafka.hold('events', [0, 5], [2, 7])
    kafka.lead('events', 1, 2)
    kafka.silent.add(2)
    await passes(8_000)
    const answered = vi.fn()
    feeding.watermarks().then(answered)
    await passes(100)
    expect(answered.mock.calls).toEqual([
      [
        new Map([
          [0, { start: 0, end: 5 }],
          [1, null],
        ]),
      ],
    ])
    kafka.silent.clear()
    await passes(4_000)
    feeding.watermarks().then(answered)
    await passes(100)
    expect(answered.mock.calls[1]?.[0].get(1)).toEqual({ start: 2, end: 7 })
  })

  it('takes one partition’s error for its own, although the whole answer is lost with it', async () => {
    kafka.hold('events', [0, 5], [2, 7], [3, 9])
    kafka.refused.add('events 1')
    const answered = vi.fn()
    feeding.watermarks().then(answered)
    await passes(1_000)
    expect(answered).toHaveBeenCalledWith(
      new Map([
        [0, { start: 0, end: 5 }],
        [1, null],
        [2, { start: 3, end: 9 }],
      ]),
    )
  })

  it('tells whoever waits for watermarks that it closes, and does nothing any more', async () => {
    const rejected = vi.fn()
    feeding.watermarks().catch(rejected)
    await passes(1_000)
    await reader.close()
    await passes(1_000)
    expect(rejected.mock.calls[0]?.[0].message).toBe('The Kafka consumer is closed')
    const before = [kafka.lists.length, kafka.reads]
    await passes(60_000)
    expect([kafka.lists.length, kafka.reads]).toEqual(before)
    expect(vi.getTimerCount()).toBe(0)
  })

  describe('with many topics', () => {
    const NAMES = Array.from({ length: 200 }, (_, index) => `topic-${index}`)

    it('asks one question for all of their partitions, and two of each leader, and begins with all at once', async () => {
      const writers = NAMES.map(() => createWriter())
      for (const [index, name] of NAMES.entries()) {
        kafka.hold(name, [0, index % 2], [0, 0])
        kafka.lead(name, 1, 2)
      }
      await passes(100)
      kafka.lists.length = 0
      kafka.offsets.length = 0
      for (const [index, name] of NAMES.entries()) reader.feed(name, writers[index] ?? writer, log)
      await passes(300)
      // All of them, and the other consumer of those that it is to read.
      expect(kafka.lists.map((names) => names.length)).toEqual([201, 200])
      expect(kafka.offsets).toEqual([
        [1, 200],
        [1, 200],
        [2, 200],
        [2, 200],
      ])
      expect(kafka.live.assigned.size + kafka.behind.assigned.size).toBe(400)
      for (const [index, name] of NAMES.entries()) if (index % 2 === 1) kafka.tell(name, 0, 0)
      kafka.live.events.onBatchEnd()
      for (const each of writers) expect(each.markCaughtUp).toHaveBeenCalledTimes(1)
    })

    it('lets one that is missing, or that fails, hold up none of the others', async () => {
      const [broken, fine] = [createWriter(), createWriter()]
      for (const name of ['broken', 'fine']) kafka.hold(name, [0, 0])
      broken.setPartition.mockImplementation(() => {
        throw new Error('no room')
      })
      const one = reader.feed('broken', broken, log)
      const other = reader.feed('fine', fine, log)
      await passes(2_000)
      expect(feeding.notReady()).toBe('topic events does not exist, or may not be seen')
      expect(one.notReady()).toBe('topic broken: no room')
      expect(other.notReady()).toBeNull()
      expect(fine.markCaughtUp).toHaveBeenCalledTimes(1)
    })

    it('shows, after a batch, those alone that got something', async () => {
      const other = createWriter()
      for (const name of ['events', 'other']) kafka.hold(name, [0, 0])
      reader.feed('other', other, log)
      await passes(2_000)
      writer.publish.mockClear()
      other.publish.mockClear()
      batch(0, 0)
      expect(writer.publish).toHaveBeenCalledTimes(1)
      expect(other.publish).not.toHaveBeenCalled()
    })
  })

  describe('with several buses of one topic', () => {
    it('reads it once for those that come together', async () => {
      const second = createWriter()
      reader.feed('events', second, log)
      kafka.hold('events', [0, 2])
      await passes(1_500)
      expect(kafka.assigned).toEqual([['events', { 0: 0 }]])
      batch(0, 0)
      for (const each of [writer, second]) expect(each.append).toHaveBeenCalledTimes(1)
    })

    it('feeds one that comes later from the beginning, while the first goes on live, until it has joined it', async () => {
      kafka.hold('events', [0, 2])
      await passes(1_000)
      for (const offset of [0, 1]) batch(0, offset)
      await passes(1_000)
      batch(0, 2)
      const later = createWriter()
      const second = reader.feed('events', later, log)
      kafka.hold('events', [0, 3])
      await passes(1_000)
      expect(kafka.behind.assigned).toEqual(new Map([['events 0', 0]]))
      kafka.live.tell('events', 0, 3)
      expect([writer.append.mock.calls.length, later.append.mock.calls.length]).toEqual([4, 0])
      for (const offset of [0, 1, 2]) kafka.behind.tell('events', 0, offset)
      kafka.behind.events.onBatchEnd()
      expect(second.notReady()).toBeNull()
      await passes(200)
      expect([kafka.live.assigned, kafka.behind.assigned]).toEqual([new Map([['events 0', 3]]), new Map()])
      for (const offset of [3, 4]) batch(0, offset)
      const offsets = (of: typeof writer) => of.append.mock.calls.map(([{ offset }]) => offset)
      expect([offsets(writer), offsets(later)]).toEqual([
        [0, 1, 2, 3, 4],
        [0, 1, 2, 3, 4],
      ])
    })

    it('lets one that comes later wait no longer for a silent leader than the first', async () => {
      kafka.hold('events', [0, 0], [0, 4])
      kafka.lead('events', 1, 2)
      kafka.silent.add(2)
      await passes(12_000)
      const second = createWriter()
      reader.feed('events', second, log)
      await passes(4_000)
      expect(second.markCaughtUp).toHaveBeenCalledTimes(1)
    })

    it('gives nothing more to one that is stopped, and stops reading with the last', async () => {
      const second = createWriter()
      const other = reader.feed('events', second, log)
      kafka.hold('events', [0, 0])
      await passes(1_500)
      feeding.stop()
      batch(0, 0)
      expect([writer.append.mock.calls.length, second.append.mock.calls.length]).toEqual([0, 1])
      other.stop()
      await passes(500)
      expect(kafka.live.assigned.size).toBe(0)
      const { length } = kafka.lists
      await passes(20_000)
      expect(kafka.lists).toHaveLength(length)
    })

    it('begins all of them anew when one of them finds that the topic is another one', async () => {
      const second = createWriter()
      kafka.hold('events', [0, 4])
      await passes(1_000)
      batch(0, 4, 'end')
      reader.feed('events', second, log)
      kafka.hold('events', [0, 2])
      await passes(8_000)
      for (const each of [writer, second]) expect(each.recreate).toHaveBeenCalled()
    })
  })

  describe('for several registrations', () => {
    it('tells each what is wrong with Kafka once, also one that comes later, and of the topics that are its own', async () => {
      kafka.isDown = true
      await passes(2_000)
      const late = createLog()
      reader.join(late)
      reader.feed('other', createWriter(), late)
      reader.feed('another', createWriter(), late)
      await passes(5_000)
      const words = 'Kafka is not reachable at kafka:9092: Local: Broker transport failure'
      expect([log.warn.mock.calls, late.warn.mock.calls]).toEqual([[[words]], [[words]]])
      kafka.isDown = false
      kafka.hold('events', [0, 0])
      kafka.hold('other', [0, 0])
      await passes(5_000)
      expect(log.info.mock.calls).toEqual([
        ['Kafka answers: kafka:9092'],
        ['topic events is read up to date'],
      ])
      expect(late.info.mock.calls).toEqual([
        ['Kafka answers: kafka:9092'],
        ['topic other is read up to date'],
      ])
      expect(log.warn).toHaveBeenCalledTimes(1)
      expect(late.warn.mock.calls.slice(1)).toEqual([['topic another does not exist, or may not be seen']])
    })

    it('says nothing more to one that has left', async () => {
      kafka.hold('events', [0, 0])
      await passes(1_000)
      log.info.mockClear()
      feeding.stop()
      reader.leave(log)
      reader.feed('events', createWriter(), createLog())
      kafka.isDown = true
      await passes(10_000)
      expect([log.warn.mock.calls, log.info.mock.calls]).toEqual([[], []])
    })
  })

  describe('lets the buses tidy up', () => {
    it('in turns of their own between two reads, sixteen at the most, as long as there is something to do', async () => {
      kafka.hold('events', [0, 0])
      vi.setSystemTime(1_700_000_000_000)
      const steps = await stepsAfterReads(true)
      expect(steps.length).toBeGreaterThan(5)
      expect(new Set(steps)).toEqual(new Set([16]))
      expect(writer.maintain.mock.calls[0]).toEqual([expect.closeTo(1_700_000_000_000, -5)])
    })

    it('about once a second where nothing comes, and after each batch', async () => {
      kafka.hold('events', [0, 0])
      await passes(1_500)
      writer.maintain.mockClear()
      await passes(10_000)
      expect(writer.maintain.mock.calls.length).toBeGreaterThan(7)
      expect(writer.maintain.mock.calls.length).toBeLessThan(12)
      writer.maintain.mockClear()
      batch(0, 0)
      await passes(110)
      expect(writer.maintain).toHaveBeenCalled()
    })
  })

  it('keeps what one bus does not take from no other, and has it taken at the next look', async () => {
    const other = createWriter()
    kafka.hold('events', [0, 5])
    reader.feed('events', other, log)
    await passes(3_000)
    kafka.tell('events', 0, 5, 'end')
    writer.trim.mockImplementationOnce(() => {
      throw new Error('no room')
    })
    kafka.hold('events', [3, 5])
    await passes(7_000)
    expect(other.trim.mock.calls).toEqual([[0, 3]])
    expect(log.warn.mock.calls.flat().filter((line) => line.includes('no room'))).toHaveLength(1)
    await passes(7_000)
    expect(writer.trim.mock.calls).toEqual([
      [0, 3],
      [0, 3],
    ])
    expect(feeding.notReady()).toBeNull()
  })

  it('reads a topic again, for the bus alone that may have missed deletes of it, and shows nothing of what came after', async () => {
    const other = createWriter()
    kafka.hold('events', [0, 5], [0, 0])
    reader.feed('events', other, log)
    await passes(3_000)
    kafka.tell('events', 0, 5, 'end')
    await passes(7_000)
    expect(feeding.notReady()).toBeNull()
    const [published, asked] = [writer.publish.mock.calls.length, kafka.lists.length]
    writer.append.mockImplementation(() => {
      writer.missed = { partition: 0, to: 8 }
    })
    writer.startOver.mockImplementation(() => {
      writer.missed = null
      writer.append.mockReset()
    })
    kafka.tell('events', 0, 8)
    kafka.tell('events', 0, 9)
    kafka.tell('events', 1, 0)
    expect([writer.append, other.append].map(({ mock }) => mock.calls.length)).toEqual([1, 3])
    kafka.live.events.onBatchEnd()
    expect(writer.startOver).toHaveBeenCalledTimes(1)
    expect(writer.publish.mock.calls.length).toBe(published)
    expect(log.warn.mock.calls.flat().filter((line) => line.includes('may have been missed'))).toHaveLength(1)
    expect(feeding.notReady()).toContain('waiting for Kafka')
    kafka.hold('events', [0, 10], [0, 1])
    await passes(3_000)
    expect(kafka.lists.length).toBeGreaterThan(asked)
    expect(writer.setPartition.mock.calls.slice(-2)).toEqual([
      [0, 0, 10],
      [1, 0, 1],
    ])
    for (const offset of [0, 4, 8, 9]) kafka.tell('events', 0, offset)
    kafka.tell('events', 1, 0)
    kafka.behind.events.onBatchEnd()
    await passes(3_000)
    expect(writer.append.mock.calls.map(([{ partition, offset }]) => [partition, offset])).toEqual([
      [0, 0],
      [0, 4],
      [0, 8],
      [0, 9],
      [1, 0],
    ])
    expect(feeding.notReady()).toBeNull()
    expect([other.startOver, other.recreate].map(({ mock }) => mock.calls.length)).toEqual([0, 0])
    expect(other.append.mock.calls).toHaveLength(3)
  })

  it('tells a bus where partitions end, as of before Kafka was asked, and not what a broker that is behind says', async () => {
    kafka.hold('events', [0, 5])
    await passes(3_000)
    kafka.tell('events', 0, 5, 'end')
    writer.noteEnd.mockClear()
    const before = Date.now()
    await passes(7_000)
    expect(writer.noteEnd.mock.calls.length).toBeGreaterThan(0)
    for (const [partition, end, { nowMs, epochMs }] of writer.noteEnd.mock.calls) {
      expect([partition, end]).toEqual([0, 5])
      expect(nowMs).toBeGreaterThanOrEqual(before)
      expect(nowMs).toBeLessThanOrEqual(Date.now() - 20) // the two answers took 10 ms each
      expect(epochMs).toBe(nowMs)
    }
    writer.noteEnd.mockClear()
    kafka.hold('events', [0, 3])
    await passes(2_000)
    expect(writer.noteEnd.mock.calls.filter(([, end]) => end !== 5)).toEqual([])
  })
})
