// Leaders move, are missing, or come back without what was read of them, on a cluster of three with streams open across
// it.

import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { RecordProducer } from '../../plugins/kafka/client/producer.ts'
import { formatEventId } from '../../src/bus/event-id.ts'
import { forThisTest } from '../support/scene.ts'
import { Cluster } from './cluster.ts'
import { canStartKafka, Kafka } from './kafka.ts'
import { KafkaScene } from './kafka-scene.ts'

const SOON = { timeout: 30_000, interval: 50 }
const PARTITIONS = [0, 1, 2]

describe.skipIf(!canStartKafka)('Streams that stay open while leaders move', { timeout: 120_000 }, () => {
  let cluster: Cluster
  let kafka: Kafka

  beforeAll(async () => {
    cluster = await Cluster.start()
  }, 90_000)
  beforeEach(async () => {
    await cluster.startStopped()
    kafka = new Kafka(cluster.bootstrapServers)
    onTestFinished(() => kafka.close())
  })
  afterAll(() => cluster.close())

  async function open(topic: string): Promise<KafkaScene> {
    const scene = await forThisTest(KafkaScene.open(cluster.bootstrapServers, topic, { keeps: 'all' }))
    await scene.caughtUp()
    return scene
  }

  it('get every record once, in the order of its partition, while two leaders are killed in turn', async () => {
    const topic = await kafka.createTopic({ partitions: PARTITIONS.length, replicas: 3 })
    const scene = await open(topic)
    const streams = [await scene.stream(), await scene.stream({ query: '&from=latest' })]
    for (const stream of streams) await stream.hasSeen('ready')
    const pouring = new AbortController()
    // Connected before a broker is killed: that a producer comes in meanwhile is not what is tested.
    const producer = new RecordProducer({
      bootstrapServers: cluster.bootstrapServers,
      config: { 'enable.idempotence': true },
    })
    await producer.connect()
    const poured = pour(producer, topic, pouring.signal)
    for (const partition of [0, 1]) {
      const { id } = await kafka.leader(topic, partition)
      await cluster.node(id).kill()
      await vi.waitUntil(async () => (await kafka.leader(topic, partition)).id !== id, SOON)
      await cluster.node(id).start()
      // In sync again, so that the other one can be killed.
      await vi.waitUntil(async () => (await kafka.leader(topic, partition)).inSync.includes(id), SOON)
    }
    const middle = streams[0]?.lastId ?? ''
    const hadSeen = streams[0]?.seen.length ?? 0
    pouring.abort()
    const count = await poured
    const all = 1 + count * PARTITIONS.length
    for (const stream of streams) {
      await vi.waitUntil(() => stream.seen.length >= all, SOON)
      expect(stream.isOpen).toBe(true)
      expect(orderOf(stream.seen)).toEqual(PARTITIONS.map(() => upTo(count)))
      expect(stream.position).toEqual({ 0: count, 1: count, 2: count })
    }
    console.log(`${count} records of each of ${PARTITIONS.length} partitions, each once, over two moves`)
    const resumed = await scene.stream({ id: middle })
    await vi.waitUntil(() => resumed.seen.length >= all + 1 - hadSeen, SOON)
    expect(resumed.seen.filter(isNoReady)).toEqual(streams[0]?.seen.slice(hadSeen))
    await vi.waitUntil(() => scene.topic.notReady() === null, SOON)
    expect(scene.warnings().filter((line) => line.includes('another topic'))).toEqual([])
  })

  it('go on with the other partitions while one has no leader, which readiness tells', async () => {
    const topic = await kafka.createTopic({ partitions: 2, replicas: 1 })
    const scene = await open(topic)
    const stream = await scene.stream()
    await stream.hasSeen('ready')
    await kafka.produce(topic, { value: 'before', partition: 1 })
    await stream.hasSeen('ready', 'before')
    const { id } = await kafka.leader(topic, 1)
    await cluster.node(id).kill()
    const words = `topic ${topic}: no leader for partition 1`
    await vi.waitUntil(() => scene.topic.notReady() === words, SOON)
    await kafka.produce(topic, { value: 'the other', partition: 0 })
    await stream.hasSeen('ready', 'before', 'the other')
    await cluster.node(id).start()
    await vi.waitFor(() => kafka.leader(topic, 1), SOON)
    await kafka.produce(topic, { value: 'after', partition: 1 })
    await stream.hasSeen('ready', 'before', 'the other', 'after')
    await vi.waitUntil(() => scene.topic.notReady() === null, SOON)
    expect(
      scene
        .messages(30)
        .filter((line) => line.startsWith('topic '))
        .slice(-2),
    ).toEqual([
      expect.stringMatching(/^topic .*: (no leader for partition 1|a leader does not answer: .*)$/),
      `topic ${topic}: every partition has a leader that answers`,
    ])
  })

  it('begin with partitions that have a leader if an id is ahead in one that has none', async () => {
    const topic = await kafka.createTopic({ partitions: 2, replicas: 1 })
    const [few, many] = [2, 520]
    const recordsOf = (partition: number, count: number) =>
      upTo(count).map((number) => ({ value: `${partition} ${number}`, partition }))
    await kafka.produce(topic, ...recordsOf(0, few), ...recordsOf(1, many))
    const { id } = await kafka.leader(topic, 1)
    await cluster.node(id).kill()
    await vi.waitFor(() => expect(kafka.leader(topic, 1)).rejects.toThrow('no leader'), SOON)
    const scene = await forThisTest(KafkaScene.open(cluster.bootstrapServers, topic, { keeps: 'all' }))
    const had = new Map([
      [0, 1],
      [1, 500],
    ])
    const streams = [await scene.stream({ id: formatEventId(had) }), await scene.stream()]
    const values = () => streams.map(({ seen }) => seen.filter(isNoReady))
    // The ten seconds that a partition without a leader may hold up the others, and some for a busy machine.
    await vi.waitFor(() => expect(values()).toEqual([['0 1'], ['0 0', '0 1']]), {
      timeout: 14_000,
      interval: 50,
    })
    await cluster.node(id).start()
    await vi.waitUntil(() => values().every((seen) => seen.includes('1 519')), SOON)
    const [resumed = [], whole = []] = values()
    expect(orderOf(resumed)).toEqual([[1], upTo(many).slice(500), []])
    expect(orderOf(whole)).toEqual([upTo(few), upTo(many), []])
  })

  it('are told `recreated` if an unclean election cut off what they had read', async () => {
    const config = { 'unclean.leader.election.enable': 'true' }
    const topic = await kafka.createTopic({ replicas: 2, config })
    await kafka.produce(topic, { value: 'kept' })
    const scene = await open(topic)
    const stream = await scene.stream()
    await stream.hasSeen('kept', 'ready')
    const leader = await kafka.leader(topic, 0)
    const [follower = 0] = leader.inSync.filter((id) => id !== leader.id)
    await cluster.node(follower).kill()
    await vi.waitUntil(async () => (await kafka.leader(topic, 0)).inSync.length === 1, SOON)
    await kafka.produce(topic, { value: 'lost' }, { value: 'lost, too' })
    await stream.hasSeen('kept', 'ready', 'lost', 'lost, too')
    await cluster.node(leader.id).kill()
    await cluster.node(follower).start()
    // At once, so that the log may be longer again than what was read before the next refresh. A producer of its own:
    // the sequence numbers of the one before went with the log.
    const later = new Kafka(cluster.bootstrapServers)
    onTestFinished(() => later.close())
    const values = Array.from({ length: 5 }, (_, index) => `new ${index}`)
    await later.produce(topic, ...values.map((value) => ({ value })))
    const expected = ['kept', 'lost', 'lost, too', 'gap recreated', 'kept', ...values]
    await vi.waitFor(() => expect(stream.seen.filter(isNoReady)).toEqual(expected), SOON)
    expect(stream.isOpen).toBe(true)
    await vi.waitUntil(() => scene.topic.notReady() === null, SOON)
    // An id from beyond the log's end.
    const beyond = await scene.stream({ id: 'AQIAFA==' })
    await beyond.hasSeen('gap recreated', 'kept', ...values, 'ready')
  })
})

/** Whether it was told by Kafka, or is a gap. */
function isNoReady(told: string): boolean {
  return told !== 'ready'
}

/**
 * Records to each partition, 50 a second, numbered from 0, until the signal aborts; resolves with their number when
 * Kafka has them. A flush for each would hold the threads that reads wait in, too.
 */
async function pour(producer: RecordProducer, topic: string, signal: AbortSignal): Promise<number> {
  const deliveries: Promise<unknown>[] = []
  let count = 0
  for (; !signal.aborted; count++) {
    for (const partition of PARTITIONS) {
      const value = Buffer.from(`${partition} ${count}`)
      const { delivered } = await producer.produce({ topic, partition, key: null, value, headers: [] })
      deliveries.push(delivered)
    }
    await pause(20)
  }
  await Promise.all(deliveries)
  await producer.close()
  return count
}

/** The numbers that were seen of each partition, in the order in which they came. */
function orderOf(seen: readonly string[]): number[][] {
  const values = seen.filter(isNoReady).map((value) => value.split(' ').map(Number))
  return PARTITIONS.map((partition) =>
    values.filter(([of]) => of === partition).map(([, number = -1]) => number),
  )
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}
