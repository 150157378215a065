// A broker that hangs: it stays the leader of its partitions, its connections stay open, and it answers nobody. What others lead
// goes on, for streams that are open and for those that come, with an id or without.

import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Watermarks } from '../../src/bus/record.ts'
import { Cluster } from '../kafka/cluster.ts'
import { canStartKafka, Kafka } from '../kafka/kafka.ts'
import { KafkaScene } from '../kafka/kafka-scene.ts'
import { forThisTest } from '../support/scene.ts'

const SOON = { timeout: 30_000, interval: 20 }
/** Longer than this test: the others go on taking it for the leader. */
const LEADER_STAYS = 'broker.session.timeout.ms=120000'
/** What a partition of which nothing is heard may hold up the others. */
const BEGIN_MS = 10_000
/** What a machine that runs other tests meanwhile may add. Where the rule is broken nothing begins until the broker answers. */
const BUSY_MS = 4_000

describe.skipIf(!canStartKafka)('While one of three brokers hangs', { timeout: 150_000 }, () => {
  let cluster: Cluster
  let kafka: Kafka

  beforeAll(async () => {
    cluster = await Cluster.start([LEADER_STAYS])
    kafka = new Kafka(cluster.bootstrapServers)
  }, 90_000)
  afterAll(async () => {
    await kafka.close()
    await cluster.close()
  })

  it('streams of what the others lead go on, and new ones begin within seconds; nothing is missing afterwards', async () => {
    const topic = await kafka.createTopic({ partitions: 6, replicas: 1 })
    const leaders = await Promise.all([0, 1, 2, 3, 4, 5].map((partition) => kafka.leader(topic, partition)))
    const [hanging] = leaders
    const led = leaders.findIndex(({ id }) => id !== hanging?.id)
    for (const partition of [0, led]) await kafka.produce(topic, { value: `old ${partition}`, partition })
    const before = await openScene(topic)
    await before.caughtUp()
    const stream = await before.stream()
    await vi.waitUntil(() => stream.seen.includes('ready'), SOON)
    const resumedId = stream.lastId

    const node = cluster.node(hanging?.id ?? 0)
    node.freeze()
    onTestFinished(() => node.thaw())
    await kafka.produce(topic, { value: 'live', partition: led })
    await vi.waitUntil(() => stream.seen.includes('live'), SOON)

    const marks = await before.topic.watermarks(AbortSignal.timeout(15_000))
    expect(marks.get(0)).toBeNull()
    expect(marks.get(led)).toEqual({ start: 0, end: 2 } satisfies Watermarks)
    expect([...marks.values()].filter((each) => each === null)).toHaveLength(
      leaders.filter(({ id }) => id === hanging?.id).length,
    )
    const beganAt = performance.now()
    const after = await openScene(topic)
    const fresh = await after.stream()
    const resumed = await after.stream({ id: resumedId })
    await vi.waitUntil(() => fresh.seen.includes('ready') && resumed.seen.includes('live'), SOON)
    expect(performance.now() - beganAt).toBeLessThan(BEGIN_MS + BUSY_MS)
    const silent = /no answer from the leader of partition/
    await vi.waitFor(() => expect(after.topic.notReady()).toMatch(silent), SOON)
    await kafka.produce(topic, { value: 'more', partition: led })
    for (const each of [stream, fresh, resumed]) await vi.waitUntil(() => each.seen.includes('more'), SOON)

    node.thaw()
    await vi.waitUntil(() => after.topic.notReady() === null && before.topic.notReady() === null, SOON)
    await vi.waitUntil(() => fresh.seen.includes('old 0'), SOON)
    await kafka.produce(topic, { value: 'last', partition: 0 })
    for (const each of [stream, fresh, resumed]) await vi.waitUntil(() => each.seen.includes('last'), SOON)
    const records = ['last', 'live', 'more', 'old 0', `old ${led}`]
    expect(recordsOf(stream.seen)).toEqual(records)
    expect(recordsOf(fresh.seen)).toEqual(records)
    expect(recordsOf(resumed.seen)).toEqual(['last', 'live', 'more'])
  })

  async function openScene(topic: string): Promise<KafkaScene> {
    return await forThisTest(KafkaScene.open(cluster.bootstrapServers, topic, { keeps: 'all' }))
  }
})

function recordsOf(seen: readonly string[]): string[] {
  return seen.filter((told) => told !== 'ready').sort()
}
