import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ConsumerEvents, ListedPartition, RecordSource } from '../../plugins/kafka/consumer.ts'
import { Reader } from '../../plugins/kafka/reader.ts'
import type { RecordWriter } from '../../plugins/kafka/topic-feed.ts'

/** A Kafka that a test sets: `null` does not answer. */
class FakeSource implements RecordSource {
  listed: ListedPartition[] | null = null
  startOffsets = new Map<number, number>()
  endOffsets = new Map<number, number>()
  readError: Error | null = null
  asked = 0
  reads = 0
  readonly assigned: unknown[] = []
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
    this.assigned.push([topic, Object.fromEntries(offsets)])
  }
  async read() {
    this.reads++
    await new Promise((resolve) => setTimeout(resolve, 100))
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
  } satisfies RecordWriter

  beforeEach(() => {
    vi.useFakeTimers()
    vi.clearAllMocks()
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

  function answer(...offsets: [number, number][]) {
    source.listed = offsets.map((_, partition) => ({ partition, hasLeader: true }))
    source.startOffsets = new Map(offsets.map(([start], partition) => [partition, start]))
    source.endOffsets = new Map(offsets.map(([, end], partition) => [partition, end]))
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
    const record = { partition: 0, timestampMs: -1, key: null, value: null, headers: [] }
    source.events?.onRecord('events', { ...record, offset: 0 })
    source.events?.onRecord('events', { ...record, offset: 1 })
    expect(writer.publish).not.toHaveBeenCalled()
    expect(writer.markCaughtUp).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(100)
    expect(writer.publish).toHaveBeenCalledTimes(1)
    expect(writer.markCaughtUp).toHaveBeenCalledTimes(1)
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
