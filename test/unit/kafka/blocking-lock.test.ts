// The lock that keeps our calls from blocking more than one thread at a time: alone, and with librdkafka's real calls
// counted.

import fastify, { type FastifyInstance } from 'fastify'
import rdkafka from 'node-rdkafka'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { BlockingLock } from '../../../plugins/kafka/client/blocking-lock.ts'
import { type MockBroker, startMockBroker } from '../../../plugins/kafka/client/mock-broker.ts'
import { RecordProducer } from '../../../plugins/kafka/client/producer.ts'
import { openSource, type SourceUse } from '../../../plugins/kafka/following/shared-source.ts'
import { Outage } from '../../../plugins/kafka/troubles/outage.ts'
import kafkaPlugin from '../../../plugins/kafka.ts'
import type { FedTopic } from '../../../src/bus/topic.ts'
import { until } from '../../support/time.ts'
import { createWriter } from './reader-scene.ts'

describe('A blocking lock', () => {
  let lock: BlockingLock
  let nowMs = 0
  const [a, b] = [{}, {}]

  beforeEach(() => {
    nowMs = 0
    lock = new BlockingLock(() => nowMs)
  })

  it('lets one question through at a time, in the order in which they came, even if one fails', async () => {
    const order: string[] = []
    let isOpen = false
    const question = (name: string) => async () => {
      expect(isOpen).toBe(false)
      isOpen = true
      await new Promise((resolve) => setImmediate(resolve))
      isOpen = false
      order.push(name)
      if (name === 'second') throw new Error('no answer')
      return name
    }
    const asked = ['first', 'second', 'third'].map((name) => lock.ask(question(name)))
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
    expect(order).toEqual(['first', 'second', 'third'])
    expect(lock.tryAcquire(a)).toBe(true)
  })

  it('lets only one reader or question wait at a time', async () => {
    let answer = (): void => {}
    const asked = lock.ask(() => new Promise<void>((resolve) => (answer = resolve)))
    expect(lock.tryAcquire(a)).toBe(false)
    answer()
    await asked
    expect(lock.tryAcquire(a)).toBe(true)
    expect(lock.tryAcquire(b)).toBe(false)
    lock.release()
    expect(lock.tryAcquire(b)).toBe(true)
  })

  it('lets a question wait for a reader, and go before the next one', async () => {
    lock.tryAcquire(a)
    const asked = lock.ask(async () => lock.tryAcquire(b))
    lock.release()
    expect(lock.tryAcquire(b)).toBe(false)
    expect(await asked).toBe(false)
    expect(lock.tryAcquire(b)).toBe(true)
  })

  it('takes no turn from the readers for one that never waits, and puts its questions in the same order', async () => {
    const { withoutWaits } = lock
    expect(withoutWaits.tryAcquire(b)).toBe(false)
    expect(lock.tryAcquire(a)).toBe(true)
    const asked = withoutWaits.ask(async () => lock.tryAcquire(a))
    lock.release()
    expect(await asked).toBe(false)
    expect(withoutWaits.tryAcquire(b)).toBe(false)
    expect(lock.tryAcquire(a)).toBe(true)
  })

  it('keeps no turn for a reader that has closed', () => {
    const held = {}
    lock.tryAcquire(held)
    expect([lock.tryAcquire(a), lock.tryAcquire(b)]).toEqual([false, false])
    lock.forget(a)
    lock.release()
    expect(lock.tryAcquire(b)).toBe(true)
  })

  it('lets readers wait in turn, and skips one that no longer reads', () => {
    lock.tryAcquire(a)
    lock.tryAcquire(b)
    lock.release()
    expect(lock.tryAcquire(a)).toBe(false)
    expect(lock.tryAcquire(b)).toBe(true)
    lock.release()
    nowMs += 101
    expect(lock.tryAcquire(b)).toBe(true)
  })
})

/**
 * Counts librdkafka's calls that block a thread of libuv's pool: how many were under way at once, and how many came in
 * all.
 */
function countBlocking(): { most: number; count: number } {
  const counted = { most: 0, count: 0 }
  let underWay = 0
  const { prototype } = rdkafka.KafkaConsumer
  const begin = (answered: unknown) => {
    counted.count++
    counted.most = Math.max(counted.most, ++underWay)
    return (...answer: unknown[]) => {
      underWay--
      if (typeof answered === 'function') answered(...answer)
    }
  }
  const waits = new WeakMap<object, number>()
  const { consume, getMetadata, offsetsForTimes, setDefaultConsumeTimeout } = prototype
  vi.spyOn(prototype, 'setDefaultConsumeTimeout').mockImplementation(function (this: object, waitMs) {
    waits.set(this, waitMs)
    setDefaultConsumeTimeout.call(this as rdkafka.KafkaConsumer, waitMs)
  })
  vi.spyOn(prototype, 'consume').mockImplementation(function (this: object, ...args: unknown[]) {
    const [records, answered] = args
    const counts = (waits.get(this) ?? 0) > 0 ? begin(answered) : answered
    Reflect.apply(consume, this, [records, counts])
  })
  vi.spyOn(prototype, 'getMetadata').mockImplementation(function (this: object, options, answered) {
    Reflect.apply(getMetadata, this, [options, begin(answered)])
  })
  vi.spyOn(prototype, 'offsetsForTimes').mockImplementation(function (this: object, ...args: unknown[]) {
    const [partitions, timeoutMs, answered] = args
    Reflect.apply(offsetsForTimes, this, [partitions, timeoutMs, begin(answered)])
  })
  return counted
}

describe('Many registrations in one process', () => {
  const TOPICS = ['one', 'two']
  let broker: MockBroker
  const apps: FastifyInstance[] = []

  beforeEach(async () => {
    broker = await startMockBroker(TOPICS)
  })
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()))
    await broker.close()
    vi.restoreAllMocks()
  })

  async function register(bootstrapServers: string, config = {}): Promise<FedTopic[]> {
    const app = fastify()
    apps.push(app)
    await app.register(kafkaPlugin, { bootstrapServers, config })
    await app.ready()
    return TOPICS.flatMap((name) => [
      app.kafkaSseTopics.open(name, 'text', 'latest'),
      app.kafkaSseTopics.open(name, 'base64', 'all'),
    ])
  }

  it('never block two threads at once, with a broker that answers and one that is absent', async () => {
    const counted = countBlocking()
    const topics = await Promise.all(Array.from({ length: 4 }, () => register(broker.address)))
    // Other properties make other sources; nothing listens at the second address.
    topics.push(await register(broker.address, { 'fetch.max.bytes': 1_000_000 }))
    await register('127.0.0.1:1')
    const all = topics.flat()
    await until(() => all.every(({ bus }) => bus.caughtUp))
    const producer = new RecordProducer({ bootstrapServers: broker.address })
    await producer.connect()
    onTestFinished(() => producer.close())
    for (const topic of TOPICS) {
      const record = {
        topic,
        partition: 1,
        key: Buffer.from('key'),
        value: Buffer.from('value'),
        headers: [],
      }
      await (await producer.produce(record)).delivered
    }
    await until(() => all.every(({ bus }) => bus.recordsAppended === 1))
    expect(counted.count).toBeGreaterThan(10)
    expect(counted.most).toBe(1)
  })

  it('leave nothing with the lock, which outlives them', async () => {
    const refused = vi.spyOn(BlockingLock.prototype, 'tryAcquire').mockReturnValue(false)
    const forgotten = vi.spyOn(BlockingLock.prototype, 'forget')
    await register(broker.address)
    await until(() => refused.mock.calls.length > 0)
    await apps.pop()?.close()
    const readers = forgotten.mock.calls.map(([reader]) => reader)
    expect(refused.mock.calls.filter(([reader]) => !readers.includes(reader))).toEqual([])
  })

  it('do not share it with a control topic, whose reader waits for no record', async () => {
    const waits = vi.spyOn(rdkafka.KafkaConsumer.prototype, 'setDefaultConsumeTimeout')
    const log = { debug: () => {}, info: () => {}, warn: () => {} }
    const source = openSource({ bootstrapServers: broker.address }, log, 'control')
    onTestFinished(() => source.release())
    const writer = createWriter()
    source.feed('one', writer, log)
    await until(() => writer.markCaughtUp.mock.calls.length > 0)
    const producer = new RecordProducer({ bootstrapServers: broker.address })
    await producer.connect()
    onTestFinished(() => producer.close())
    const record = { topic: 'one', partition: 1, key: null, value: Buffer.from('value'), headers: [] }
    await (await producer.produce(record)).delivered
    await until(() => writer.append.mock.calls.length === 1)
    expect(waits.mock.calls.filter(([waitMs]) => waitMs > 0)).toEqual([])
  })

  it('share what is known of an outage with all readers of the same brokers, until the last one closes', async () => {
    const entered = vi.spyOn(Outage.prototype, 'enter')
    const log = { debug: () => {}, info: () => {}, warn: () => {} }
    const [one, other] = ['127.0.0.1:1', '127.0.0.1:2']
    const open = (bootstrapServers: string, use: SourceUse) => openSource({ bootstrapServers }, log, use)
    const sources = [open(one, 'streams'), open(one, 'control'), open(other, 'streams')]
    await sources.shift()?.release()
    await sources.shift()?.release()
    sources.push(open(one, 'streams'))
    const [streams, control, stranger, later] = entered.mock.contexts
    expect(control).toBe(streams)
    expect(new Set([streams, stranger, later]).size).toBe(3)
    await Promise.all(sources.map((source) => source.release()))
  })

  it('share one source if they name the same brokers, and go on when one of them closes', async () => {
    const connect = vi.spyOn(rdkafka.KafkaConsumer.prototype, 'connect')
    const [first = [], second = []] = [
      await register(broker.address, { 'fetch.min.bytes': 1, 'client.id': 'same' }),
      await register(` ${broker.address}`, { 'client.id': 'same', 'fetch.min.bytes': '1' }),
    ]
    await until(() => [...first, ...second].every(({ bus }) => bus.caughtUp))
    // Two consumers, as for one registration.
    expect(connect).toHaveBeenCalledTimes(2)
    await apps.shift()?.close()
    const producer = new RecordProducer({ bootstrapServers: broker.address })
    await producer.connect()
    onTestFinished(() => producer.close())
    const record = {
      topic: 'one',
      partition: 1,
      key: Buffer.from('key'),
      value: Buffer.from('value'),
      headers: [],
    }
    await (await producer.produce(record)).delivered
    await until(() => second[0]?.bus.recordsAppended === 1)
    expect(first[0]?.bus.recordsAppended).toBe(0)
    const third = await register(broker.address, { 'client.id': 'same', 'fetch.min.bytes': 1 })
    await until(() => third.every(({ bus }) => bus.caughtUp))
    expect(third[0]?.bus.recordsAppended).toBe(1)
    expect(connect).toHaveBeenCalledTimes(2)
  })

  it('release it if the registration fails, too', async () => {
    const disconnect = vi.spyOn(rdkafka.KafkaConsumer.prototype, 'disconnect')
    const app = fastify()
    app.decorate('kafkaSseTopics', {} as never) // another plugin's
    const registered = app.register(kafkaPlugin, {
      bootstrapServers: broker.address,
      config: { 'client.id': 'failed' },
    })
    await expect(registered).rejects.toThrow('kafkaSseTopics')
    await app.close().catch(() => {})
    await until(() => disconnect.mock.calls.length === 2)
  })
})
