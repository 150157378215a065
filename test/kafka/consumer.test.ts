// Topics of a real Kafka read into buses: every kind of record, catching up, transactions, and what comes later.

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Bus } from '../../src/bus/bus.ts'
import { bootstrapServers, Kafka } from './kafka.ts'
import { RecordedTopic } from './recorded-topic.ts'

const SOON = { timeout: 20_000 }

describe.skipIf(bootstrapServers === null)('The Kafka plugin on a real Kafka', () => {
  let kafka: Kafka
  let recorded: RecordedTopic

  beforeAll(() => {
    kafka = new Kafka(bootstrapServers)
  })
  afterAll(() => kafka.close())
  afterEach(() => recorded.app.close())

  async function open(topic: string) {
    recorded = new RecordedTopic()
    return recorded.open({ bootstrapServers: kafka.bootstrapServers }, topic)
  }

  it('hands over every kind of record as it was written', async () => {
    const topic = await kafka.createTopic()
    await kafka.produce(
      topic,
      { key: 'a', value: 'value', timestampMs: 1_700_000_000_000 },
      { key: 'b', value: null },
      { key: 'c', value: '' },
      { key: '', value: 'empty key' },
      { key: null, value: 'no key' },
      { key: null, value: null },
      { key: Buffer.from([0, 255]), value: Buffer.from([0xff, 0, 10, 13]) },
      {
        key: 'h',
        value: 'headers',
        headers: [{ name: 'one' }, { name: 'two' }, { ['__proto__']: 'three' }, { empty: '' }],
      },
    )
    await open(topic)
    await recorded.caughtUp()
    const [value, tombstone, empty, emptyKey, noKey, neither, bytes, headers] = recorded.records
    expect(value).toMatchObject({ partition: 0, offset: 0, timestampMs: 1_700_000_000_000, headers: [] })
    expect(value?.key).toEqual(Buffer.from('a'))
    expect(value?.value).toEqual(Buffer.from('value'))
    expect(tombstone).toMatchObject({ offset: 1, key: Buffer.from('b'), value: null })
    expect(empty).toMatchObject({ offset: 2, value: Buffer.alloc(0) })
    expect(emptyKey).toMatchObject({ offset: 3, key: Buffer.alloc(0) })
    expect(noKey).toMatchObject({ offset: 4, key: null, value: Buffer.from('no key') })
    expect(neither).toMatchObject({ offset: 5, key: null, value: null })
    expect(bytes).toMatchObject({ key: Buffer.from([0, 255]), value: Buffer.from([0xff, 0, 10, 13]) })
    expect(headers?.headers).toEqual([
      { name: 'name', value: Buffer.from('one') },
      { name: 'name', value: Buffer.from('two') },
      { name: '__proto__', value: Buffer.from('three') },
      { name: 'empty', value: Buffer.alloc(0) },
    ])
  })

  it('hands over a record of 12 MiB', async () => {
    const topic = await kafka.createTopic({ config: { 'max.message.bytes': '20000000' } })
    const value = Buffer.alloc(12 * 1024 * 1024, 'x')
    await kafka.produce(topic, { value }, { value: 'behind it' })
    await open(topic)
    await recorded.caughtUp()
    expect(recorded.records[0]?.value?.length).toBe(value.length)
    expect(recorded.values()[1]).toBe('behind it')
  })

  it('has caught up when all that Kafka held is in, from every partition, in order within each', async () => {
    const topic = await kafka.createTopic({ partitions: 3 })
    const records = Array.from({ length: 3_000 }, (_, index) => ({
      value: String(index),
      partition: index % 2,
    }))
    await kafka.produce(topic, ...records)
    const { bus, notReady } = await open(topic)
    expect(notReady()).toMatch(/^topic .*: waiting for Kafka$/)
    await recorded.caughtUp()
    expect(notReady()).toBeNull()
    expect(bus.position()).toEqual(
      new Map([
        [0, 1500],
        [1, 1500],
        [2, 0],
      ]),
    )
    const odd = recorded.records.filter(({ partition }) => partition === 1).map(({ value }) => String(value))
    expect(odd).toEqual(records.filter(({ partition }) => partition === 1).map(({ value }) => value))
  })

  it('catches up at once on an empty topic, and follows it live', async () => {
    const topic = await kafka.createTopic()
    const { bus } = await open(topic)
    await recorded.caughtUp()
    const published = vi.fn()
    bus.onPublish(published)
    await kafka.produce(topic, { value: 'live' })
    await vi.waitFor(() => expect(published).toHaveBeenCalled(), SOON)
    expect(recorded.values()).toEqual(['live'])
  })

  it('publishes every batch before any other code runs', async () => {
    const topic = await kafka.createTopic({ partitions: 2 })
    const { bus } = await open(topic)
    const windows = watchWindows(bus)
    await recorded.caughtUp()
    // Where the machine is busy, several of them are read as one batch.
    for (let batch = 0; windows.opened < 20; batch++) {
      const records = [0, 1].map((partition) => ({ value: `${batch}`, partition }))
      await kafka.produce(topic, ...records)
    }
    expect(windows.seen).toBe(0)
  })

  it('leaves out aborted records, and moves the position past them and past control records', async () => {
    const topic = await kafka.createTopic()
    await kafka.produceInTransaction('commit', topic, { value: 'kept' })
    await kafka.produceInTransaction('abort', topic, { value: 'aborted' })
    const { bus } = await open(topic)
    await recorded.caughtUp()
    expect(recorded.values()).toEqual(['kept'])
    // kept, its commit marker, aborted, its abort marker.
    expect(recorded.position()).toEqual({ 0: 4 })
    await kafka.produceInTransaction('abort', topic, { value: 'aborted live' })
    await vi.waitFor(() => expect(recorded.position()).toEqual({ 0: 6 }), SOON)
    expect(recorded.values()).toEqual(['kept'])
    expect([...bus.progress()]).toEqual([{ partition: 0, next: 6, lag: 0 }])
  })

  it('catches up before an open transaction, whose beginning is the furthest that an id can be', async () => {
    const topic = await kafka.createTopic()
    await kafka.produce(topic, { value: 'before' })
    const transaction = await kafka.openTransaction(topic, [{ value: 'pending' }])
    const { watermarks, bus } = await open(topic)
    await recorded.caughtUp()
    expect([...bus.progress()]).toEqual([{ partition: 0, next: 1, lag: 0 }])
    expect(await watermarks(AbortSignal.timeout(10_000))).toEqual(new Map([[0, { start: 0, end: 1 }]]))
    await transaction.commit()
    await vi.waitFor(() => expect(recorded.values()).toEqual(['before', 'pending']), SOON)
    await vi.waitFor(() => expect(recorded.position()).toEqual({ 0: 3 }), SOON)
    expect(await watermarks(AbortSignal.timeout(10_000))).toEqual(new Map([[0, { start: 0, end: 3 }]]))
  })

  it('begins at the first record that Kafka still has', async () => {
    const topic = await kafka.createTopic({
      config: { 'segment.bytes': '1048576', 'retention.bytes': '1048576' },
    })
    const value = 'x'.repeat(100_000)
    await kafka.produce(topic, ...Array.from({ length: 60 }, () => ({ value })))
    const { bus, watermarks } = await open(topic)
    await recorded.caughtUp()
    const start = await vi.waitUntil(
      async () => (await watermarks(AbortSignal.timeout(10_000))).get(0)?.start || false,
      { timeout: 30_000, interval: 500 },
    )
    const later = new RecordedTopic()
    await later.open({ bootstrapServers: kafka.bootstrapServers }, topic)
    await later.caughtUp()
    expect(later.topic.bus.start(0)).toBeGreaterThanOrEqual(start)
    expect(later.records[0]?.offset).toBe(later.topic.bus.start(0))
    expect(later.position()).toEqual(Object.fromEntries(bus.position()))
    await later.app.close()
  })

  it('waits for a topic that does not exist yet', async () => {
    const topic = `later-${crypto.randomUUID()}`
    const { notReady } = await open(topic)
    const missing = `topic ${topic} does not exist, or this principal may not Describe it`
    await vi.waitFor(() => expect(notReady()).toBe(missing), SOON)
    await kafka.createTopic({ name: topic, partitions: 2 })
    await kafka.produce(topic, { value: 'first', partition: 1 })
    await vi.waitFor(() => expect(recorded.values()).toEqual(['first']), SOON)
    await vi.waitFor(() => expect(notReady()).toBeNull(), SOON)
    expect(recorded.warnings()).toEqual([missing])
  })

  it('follows partitions that are added, from their beginning', async () => {
    const topic = await kafka.createTopic()
    await open(topic)
    await recorded.caughtUp()
    await kafka.addPartitions(topic, 3)
    await kafka.produce(topic, { value: 'new', partition: 2 })
    await vi.waitFor(() => expect(recorded.values()).toEqual(['new']), SOON)
    expect(recorded.position()).toEqual({ 0: 0, 1: 0, 2: 1 })
  })

  it('reads two encodings of a topic into two buses, and gives the same bus to all who ask for the same', async () => {
    const topic = await kafka.createTopic()
    await kafka.produce(topic, { value: 'both' })
    const text = await open(topic)
    const topics = recorded.app.kafkaSseTopics
    const base64 = topics.open(topic, 'base64', 'latest')
    expect(topics.open(topic, 'text', 'latest')).toBe(text)
    expect(topics.all()).toEqual([text, base64])
    await vi.waitUntil(() => text.bus.caughtUp && base64.bus.caughtUp, SOON)
    expect([text.bus.recordsAppended, base64.bus.recordsAppended]).toEqual([1, 1])
  })
})

/**
 * Counts the batches that were appended, and those whose records could be seen, by a microtask, before they were
 * published.
 */
function watchWindows(bus: Bus): { opened: number; seen: number } {
  const windows = { opened: 0, seen: 0 }
  let isOpen = false
  const append = bus.append.bind(bus)
  bus.append = (record) => {
    append(record)
    if (isOpen) return
    isOpen = true
    windows.opened++
    queueMicrotask(() => {
      if (isOpen) windows.seen++
      isOpen = false
    })
  }
  bus.onPublish(() => {
    isOpen = false
  })
  return windows
}
