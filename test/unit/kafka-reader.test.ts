import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ConsumerEvents, RecordSource } from '../../plugins/kafka/consumer.ts'
import type { ListedPartition } from '../../plugins/kafka/questions.ts'
import { Reader } from '../../plugins/kafka/reader.ts'
import type { RecordWriter } from '../../plugins/kafka/topic-feed.ts'
import type { Watermarks } from '../../src/topic.ts'

/** A Kafka that a test sets: `null` does not answer. */
class FakeSource implements RecordSource {
  listed: ListedPartition[] | null = null
  startOffsets = new Map<number, number>()
  endOffsets = new Map<number, number>()
  readError: Error | null = null
  asked = 0
  reads = 0
  isReading = false
  readonly assigned: unknown[] = []
  readonly unassigned: unknown[] = []
  events: ConsumerEvents | null = null

  async connect() {}
  async partitions() {
    this.asked++
    await new Promise((resolve) => setTimeout(resolve, 10))
    if (this.listed === null) throw new Error('Local: Broker transport failure')
    return this.listed
  }
  async starts(_topic: string, partitions: readonly number[]) {
    return pick(this.startOffsets, partitions)
  }
  async ends(_topic: string, partitions: readonly number[]) {
    return pick(this.endOffsets, partitions)
  }
  assign(topic: string, offsets: ReadonlyMap<number, number>) {
    if (this.isReading) throw new Error('assigned while a read was under way')
    this.assigned.push([topic, Object.fromEntries(offsets)])
  }
  unassign(topic: string, partitions: readonly number[]) {
    if (this.isReading) throw new Error('unassigned while a read was under way')
    this.unassigned.push([topic, partitions])
  }
  async read() {
    this.reads++
    this.isReading = true
    await new Promise((resolve) => setTimeout(resolve, 100))
    this.isReading = false
    if (this.readError) throw this.readError
  }
  async close() {}
}

function pick(offsets: ReadonlyMap<number, number>, partitions: readonly number[]): Map<number, number> {
  return new Map([...offsets].filter(([partition]) => partitions.includes(partition)))
}

describe('A reader of topics', () => {
  let source: FakeSource
  let reader: Reader
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn() }
  const writer = {
    setPartition: vi.fn(),
    append: vi.fn(),
    advance: vi.fn(),
    publish: vi.fn(),
    markCaughtUp: vi.fn(),
    trim: vi.fn(),
    skip: vi.fn(),
    recreate: vi.fn(),
    maintain: vi.fn(() => false),
    readFrom: ({ start }: Watermarks) => start,
  } satisfies RecordWriter

  beforeEach(() => {
    vi.useFakeTimers()
    vi.clearAllMocks()
    writer.maintain.mockImplementation(() => false)
    source = new FakeSource()
    reader = new Reader({
      bootstrapServers: 'kafka:9092',
      createSource: (events) => {
        source.events = events
        return source
      },
      log,
      nowMs: () => Date.now(),
      random: () => 0.5,
    })
    reader.follow('events', writer)
  })

  afterEach(async () => {
    await reader.close()
    vi.useRealTimers()
  })

  /** Kafka holds these from now on, `[start, end]` for each partition, all with a leader. */
  function answer(...offsets: [number, number][]) {
    source.listed = offsets.map((_, partition) => ({ partition, hasLeader: true }))
    source.startOffsets = new Map(offsets.map(([start], partition) => [partition, start]))
    source.endOffsets = new Map(offsets.map(([, end], partition) => [partition, end]))
  }

  const record = (offset: number) => ({
    partition: 0,
    offset,
    timestampMs: -1,
    key: null,
    value: null,
    headers: [],
  })

  /** How many steps of housekeeping came after each read of a second; those at its edges are left out. */
  async function stepsAfterReads(hasMore: boolean): Promise<number[]> {
    const steps = new Map<number, number>()
    writer.maintain.mockImplementation(() => {
      steps.set(source.reads, (steps.get(source.reads) ?? 0) + 1)
      return hasMore
    })
    await vi.advanceTimersByTimeAsync(2_000)
    return [...steps.values()].slice(1, -1)
  }

  it('asks an absent broker about once a second, and says so once', async () => {
    source.events?.onLog(
      '[thrd:kafka:9092/bootstrap]: kafka:9092/bootstrap: Connection refused (after 1ms)',
      true,
    )
    await vi.advanceTimersByTimeAsync(20_000)
    expect(source.asked).toBeGreaterThan(15)
    expect(source.asked).toBeLessThan(25)
    const words = 'Kafka is not reachable at kafka:9092: kafka:9092/bootstrap: Connection refused'
    expect(reader.notReady('events')).toBe(words)
    expect(log.warn.mock.calls).toEqual([[words]])
    answer([3, 3])
    await vi.advanceTimersByTimeAsync(2_000)
    expect(reader.notReady('events')).toBeNull()
    expect(log.info.mock.calls).toEqual([['Kafka answers: kafka:9092'], ['topic events is read up to date']])
    expect(source.assigned).toEqual([['events', { 0: 3 }]])
  })

  it('does not ask more often than twice a second, however much trouble is told', async () => {
    const trouble = setInterval(() => source.events?.onTrouble(), 5)
    await vi.advanceTimersByTimeAsync(10_000)
    clearInterval(trouble)
    expect(source.asked).toBeLessThan(23)
  })

  it('notices a partition that is added within 6 s, and reads it from its beginning', async () => {
    answer([0, 0])
    await vi.advanceTimersByTimeAsync(1_000)
    answer([0, 0], [0, 4])
    await vi.advanceTimersByTimeAsync(6_000)
    expect(source.assigned).toEqual([
      ['events', { 0: 0 }],
      ['events', { 1: 0 }],
    ])
  })

  it('shows a batch once it is whole, and is ready when the last record of the start is in', async () => {
    answer([0, 2])
    await vi.advanceTimersByTimeAsync(1_000)
    writer.publish.mockClear()
    source.events?.onRecord('events', record(0))
    source.events?.onRecord('events', record(1))
    expect(writer.publish).not.toHaveBeenCalled()
    expect(writer.markCaughtUp).not.toHaveBeenCalled()
    source.events?.onBatchEnd()
    expect(writer.publish).toHaveBeenCalledTimes(1)
    expect(writer.markCaughtUp).toHaveBeenCalledTimes(1)
  })

  it('shows what was read before the event loop turns, also where a read goes on for longer', async () => {
    answer([0, 9])
    await vi.advanceTimersByTimeAsync(1_000)
    let appended = 0
    const unpublished: number[] = []
    writer.append.mockImplementation(() => void appended++)
    writer.publish.mockImplementation(() => {
      appended = 0
    })
    vi.spyOn(source, 'read').mockImplementation(async () => {
      source.events?.onRecord('events', record(source.reads++))
      source.events?.onBatchEnd?.()
      // Whatever speaks of the bus may do so now: a second batch, or another consumer, is still waited for.
      unpublished.push(appended)
      await new Promise((resolve) => setTimeout(resolve, 5))
    })
    source.reads = 0
    await vi.advanceTimersByTimeAsync(200)
    expect(unpublished.length).toBeGreaterThan(9)
    expect(unpublished.filter((records) => records > 0)).toEqual([])
  })

  it('shows an end of a partition before the event loop turns, too', async () => {
    answer([0, 4])
    await vi.advanceTimersByTimeAsync(1_000)
    writer.publish.mockClear()
    source.events?.onEnd('events', 0, 4)
    source.events?.onBatchEnd?.()
    expect(writer.advance.mock.calls).toEqual([[0, 4]])
    expect(writer.publish).toHaveBeenCalledTimes(1)
  })

  it('takes nothing as begun that could not be assigned, and assigns it at the next look', async () => {
    answer([0, 4], [2, 2])
    const assign = vi.spyOn(source, 'assign').mockImplementationOnce(() => {
      throw new Error('Local: Erroneous state')
    })
    await vi.advanceTimersByTimeAsync(3_000)
    expect(assign).toHaveBeenCalledTimes(2)
    expect(source.assigned).toEqual([['events', { 0: 0, 1: 2 }]])
    source.events?.onEnd('events', 0, 4)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(reader.notReady('events')).toBeNull()
  })

  it('tries again to read anew what could not be assigned after it was taken back', async () => {
    answer([0, 4], [0, 0])
    await vi.advanceTimersByTimeAsync(1_000)
    source.events?.onEnd('events', 0, 4)
    source.events?.onBatchEnd?.()
    await vi.advanceTimersByTimeAsync(6_000)
    answer([9, 12], [0, 0])
    vi.spyOn(source, 'assign').mockImplementationOnce(() => {
      throw new Error('Local: Erroneous state')
    })
    source.events?.onStop({ topic: 'events', partition: 0, isTruncated: false })
    await vi.advanceTimersByTimeAsync(8_000)
    expect(source.assigned.slice(1)).toEqual([['events', { 0: 9 }]])
    expect(reader.notReady('events')).toBeNull()
  })

  it('says that records cannot be read, once, tries about once a second, and takes it back with the next record', async () => {
    answer([0, 0])
    await vi.advanceTimersByTimeAsync(1_000)
    source.readError = Object.assign(new Error('Broker: Topic authorization failed'), { code: 29 })
    const before = source.reads
    await vi.advanceTimersByTimeAsync(10_000)
    expect(source.reads - before).toBeLessThan(12)
    expect(reader.notReady('events')).toBe('records cannot be read: Broker: Topic authorization failed')
    expect(log.warn).toHaveBeenCalledTimes(1)
    source.readError = null
    source.events?.onEnd('events', 0, 1)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(reader.notReady('events')).toBeNull()
  })

  it('makes nothing of a group that may not be asked about: it joins none', async () => {
    answer([0, 0])
    await vi.advanceTimersByTimeAsync(1_000)
    source.readError = Object.assign(new Error('Broker: Group authorization failed'), { code: 30 })
    await vi.advanceTimersByTimeAsync(3_000)
    expect(reader.notReady('events')).toBeNull()
    expect(log.warn).not.toHaveBeenCalled()
  })

  it('does not pause for an error that a partition has once, and looks at the topic instead', async () => {
    answer([0, 0])
    await vi.advanceTimersByTimeAsync(2_000)
    const { reads, asked } = source
    source.readError = Object.assign(new Error('Local: No offset'), { code: -140 })
    await vi.advanceTimersByTimeAsync(1_500)
    expect(source.reads - reads).toBeGreaterThan(12)
    expect(source.asked).toBeGreaterThan(asked)
    expect(log.warn).not.toHaveBeenCalled()
  })

  it('reads a partition anew from where it was, once, if an error came and nothing since although there is more', async () => {
    answer([0, 4], [0, 0])
    await vi.advanceTimersByTimeAsync(1_000)
    source.events?.onEnd('events', 0, 4)
    await vi.advanceTimersByTimeAsync(2_000)
    answer([0, 9], [0, 0])
    source.readError = Object.assign(new Error('Broker: Group authorization failed'), { code: 30 })
    await vi.advanceTimersByTimeAsync(100)
    source.readError = null
    await vi.advanceTimersByTimeAsync(20_000)
    expect(source.unassigned).toEqual([['events', [0]]])
    expect(source.assigned.at(-1)).toEqual(['events', { 0: 4 }])
    expect(log.warn).not.toHaveBeenCalled()
  })

  it('goes on at the start of a log that passed it, and says what is missing', async () => {
    answer([0, 4], [0, 0])
    await vi.advanceTimersByTimeAsync(1_000)
    source.events?.onEnd('events', 0, 4)
    await vi.advanceTimersByTimeAsync(6_000)
    answer([9, 12], [0, 0])
    source.events?.onStop({ topic: 'events', partition: 0, isTruncated: false })
    await vi.advanceTimersByTimeAsync(2_000)
    expect(source.unassigned).toEqual([['events', [0]]])
    expect(source.assigned.at(-1)).toEqual(['events', { 0: 9 }])
    expect(writer.skip.mock.calls).toEqual([[0, 9]])
    expect(writer.publish.mock.invocationCallOrder.at(-1)).toBeGreaterThan(
      writer.skip.mock.invocationCallOrder[0] ?? Number.POSITIVE_INFINITY,
    )
    expect(log.warn.mock.calls).toEqual([
      ['topic events: records 4 to 8 of partition 0 were deleted before they were read'],
    ])
    expect(reader.notReady('events')).toBeNull()
  })

  it('begins anew, before anything more is read, as soon as the topic has another id', async () => {
    answer([0, 4], [0, 0])
    source.events?.onTopicId({ topic: 'events', id: 'one' })
    await vi.advanceTimersByTimeAsync(1_000)
    source.events?.onEnd('events', 0, 4)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(reader.notReady('events')).toBeNull()
    answer([0, 6])
    const { reads } = source
    source.events?.onTopicId({ topic: 'events', id: 'two' })
    await vi.advanceTimersByTimeAsync(100)
    expect(source.reads - reads).toBe(1)
    expect(writer.recreate).toHaveBeenCalledTimes(1)
    expect(source.unassigned).toEqual([['events', [0, 1]]])
    expect(reader.notReady('events')).toBe('topic events: waiting for Kafka')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(source.assigned.at(-1)).toEqual(['events', { 0: 0 }])
    source.events?.onEnd('events', 0, 6)
    await vi.advanceTimersByTimeAsync(200)
    expect(writer.markCaughtUp).toHaveBeenCalledTimes(2)
    expect(reader.notReady('events')).toBeNull()
    expect(log.warn.mock.calls.map(([words]) => words)).toEqual([expect.stringContaining('another topic')])
  })

  it('drops what it was told of a topic that became another one meanwhile', async () => {
    answer([0, 4])
    source.events?.onTopicId({ topic: 'events', id: 'one' })
    await vi.advanceTimersByTimeAsync(1_000)
    source.events?.onEnd('events', 0, 4)
    await vi.advanceTimersByTimeAsync(500)
    // A look is under way: it has found a partition that was added, and what it is told of it is of the topic of before.
    answer([0, 4], [2, 9])
    let tell = (_ends: Map<number, number>): void => {}
    const late = new Promise<Map<number, number>>((resolve) => {
      tell = resolve
    })
    const { asked } = source
    vi.spyOn(source, 'ends').mockReturnValueOnce(late)
    await vi.waitUntil(() => source.asked > asked)
    source.events?.onTopicId({ topic: 'events', id: 'two' })
    await vi.waitUntil(() => writer.recreate.mock.calls.length === 1)
    answer([0, 9], [0, 9])
    tell(
      new Map([
        [0, 1],
        [1, 9],
      ]),
    )
    await vi.advanceTimersByTimeAsync(2_000)
    expect(writer.recreate).toHaveBeenCalledTimes(1)
    expect(source.assigned).toEqual([
      ['events', { 0: 0 }],
      ['events', { 0: 0, 1: 0 }],
    ])
  })

  it('begins anew when the log ends before what was read, after a second look', async () => {
    answer([0, 4])
    await vi.advanceTimersByTimeAsync(1_000)
    source.events?.onEnd('events', 0, 4)
    await vi.advanceTimersByTimeAsync(1_000)
    answer([0, 2])
    await vi.advanceTimersByTimeAsync(8_000)
    expect(writer.recreate).toHaveBeenCalledTimes(1)
    expect(source.assigned).toEqual([
      ['events', { 0: 0 }],
      ['events', { 0: 0 }],
    ])
  })

  it('keeps what it has of a topic that is not listed for a while, and says so', async () => {
    answer([0, 4])
    await vi.advanceTimersByTimeAsync(1_000)
    source.events?.onEnd('events', 0, 4)
    await vi.advanceTimersByTimeAsync(1_000)
    source.listed = []
    await vi.advanceTimersByTimeAsync(10_000)
    expect(reader.notReady('events')).toBe('topic events does not exist, or may not be seen')
    answer([0, 4])
    await vi.advanceTimersByTimeAsync(3_000)
    expect(reader.notReady('events')).toBeNull()
    expect(writer.recreate).not.toHaveBeenCalled()
    expect(source.unassigned).toEqual([])
    expect(log.warn).toHaveBeenCalledTimes(1)
  })

  it('says that a leader is missing when it is for some looks, not for one', async () => {
    answer([0, 0], [0, 0])
    await vi.advanceTimersByTimeAsync(1_000)
    source.endOffsets.delete(1)
    await vi.advanceTimersByTimeAsync(5_500)
    expect(reader.notReady('events')).toBeNull()
    await vi.advanceTimersByTimeAsync(3_000)
    expect(reader.notReady('events')).toBe('topic events: no leader for partition 1')
    source.listed = [0, 1].map((partition) => ({ partition, hasLeader: false }))
    await vi.advanceTimersByTimeAsync(2_000)
    expect(reader.notReady('events')).toBe('topic events: no leader for partitions 0, 1')
    answer([0, 0], [0, 0])
    await vi.advanceTimersByTimeAsync(2_000)
    expect(reader.notReady('events')).toBeNull()
    expect(log.warn).toHaveBeenCalledTimes(1)
    expect(log.info.mock.calls.at(-1)).toEqual(['topic events: every partition has a leader that answers'])
  })

  it('lets the bus tidy up in turns of their own between two reads, sixteen at the most, also when nothing comes', async () => {
    answer([0, 0])
    vi.setSystemTime(1_700_000_000_000)
    const steps = await stepsAfterReads(true)
    expect(steps.length).toBeGreaterThan(5)
    expect(new Set(steps)).toEqual(new Set([16]))
    expect(writer.maintain.mock.calls[0]).toEqual([expect.closeTo(1_700_000_000_000, -4)])
    expect(new Set(await stepsAfterReads(false))).toEqual(new Set([1]))
  })

  it('answers for watermarks when Kafka tells those of every partition, not before', async () => {
    const answered = vi.fn()
    reader.watermarks('events').then(answered)
    await vi.advanceTimersByTimeAsync(3_000)
    answer([0, 5], [2, 7])
    source.endOffsets.delete(1)
    await vi.advanceTimersByTimeAsync(3_000)
    expect(answered).not.toHaveBeenCalled()
    source.endOffsets.set(1, 7)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(answered).toHaveBeenCalledWith(
      new Map([
        [0, { start: 0, end: 5 }],
        [1, { start: 2, end: 7 }],
      ]),
    )
  })

  it('tells whoever waits for watermarks that it closes, and does nothing any more', async () => {
    const rejected = vi.fn()
    reader.watermarks('events').catch(rejected)
    await vi.advanceTimersByTimeAsync(1_000)
    await reader.close()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(rejected.mock.calls[0]?.[0].message).toBe('The Kafka consumer is closed')
    const { asked, reads } = source
    await vi.advanceTimersByTimeAsync(60_000)
    expect([source.asked, source.reads]).toEqual([asked, reads])
    expect(vi.getTimerCount()).toBe(0)
  })
})
