// A broker of three hangs: it is still listed as the leader of its partitions, its connections stay open, and it
// answers nothing. Streams get what the others lead, and in the end every record once.

import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Watermarks } from '../../src/bus/record.ts'
import { Cluster } from '../kafka/cluster.ts'
import { canStartKafka, Kafka } from '../kafka/kafka.ts'
import { KafkaScene } from '../kafka/kafka-scene.ts'
import { forThisTest } from '../support/scene.ts'
import { ServerProcess } from '../support/server-process.ts'
import { HeldConnection, type HeldStream } from './held-connection.ts'
import { Ledger } from './ledger.ts'

/** How long the broker is silent once all streams are open: SILENT_SECONDS=60 for longer. */
const SILENT_MS = Number(process.env.SILENT_SECONDS ?? 16) * 1000
const PARTITIONS = [0, 1, 2]
const NOTHING = PARTITIONS.map(() => 0)
const BEFORE = 200
const EVERY_MS = 100
/** What a partition whose leader is silent may hold up the others, from their requests on. */
const BEGIN_MS = 10_000
/** What a machine that runs other tests meanwhile may add. If the rule is broken, nothing comes during the silence. */
const BUSY_MS = 4_000
const SOON = { timeout: 30_000, interval: 20 }
/** Longer than the silence: its controller goes on listing the broker. */
const SETTINGS = ['broker.session.timeout.ms=300000']

describe.skipIf(!canStartKafka)(
  'A leader that is listed and does not answer',
  { timeout: SILENT_MS + 150_000 },
  () => {
    let cluster: Cluster
    let kafka: Kafka
    let topic: string
    let frozen: number
    const produced = [...NOTHING]
    let isSilent = false
    /** When Kafka had the first record of the silence: the producer, too, has to find a broker that answers. */
    let writtenAtMs = Number.POSITIVE_INFINITY

    beforeAll(async () => {
      cluster = await Cluster.start(SETTINGS)
      kafka = new Kafka(cluster.bootstrapServers)
      topic = await kafka.createTopic({ partitions: PARTITIONS.length, replicas: 1 })
      frozen = (await kafka.leader(topic, 1)).id
      for (const partition of PARTITIONS)
        expect((await kafka.leader(topic, partition)).id === frozen).toBe(partition === 1)
    }, 90_000)
    afterAll(async () => {
      cluster.node(frozen).thaw()
      await kafka.close()
      await cluster.close()
    })

    async function produce(partitions: readonly number[], count: number): Promise<void> {
      const next = (partition: number) => {
        const number = produced[partition] ?? 0
        produced[partition] = number + 1
        return { partition, value: `${partition}:${number}` }
      }
      await kafka.produce(topic, ...Array.from({ length: count }, () => partitions.map(next)).flat())
    }

    /** As long as the broker is silent. */
    async function produceToOthers(): Promise<void> {
      for (; isSilent; await pause(EVERY_MS)) {
        await produce([0, 2], 1)
        writtenAtMs = Math.min(writtenAtMs, performance.now())
      }
    }

    /** By name, how long each took to get a record of the silence. One that got none is missing. */
    async function noteNews(seen: Record<string, Seen>, waitedMs: Record<string, number>): Promise<void> {
      const hasNews = ({ stream }: Seen) =>
        stream.reader.records.some((name) => Number(name.split(':')[1]) >= BEFORE)
      for (; isSilent; await pause(20))
        for (const [name, each] of Object.entries(seen))
          if (hasNews(each)) waitedMs[name] ??= Math.max(0, Math.round(performance.now() - each.sinceMs()))
    }

    async function serve(twin?: ServerProcess): Promise<ServerProcess> {
      const settings = { KAFKA_REPLAY: 'all', HEARTBEAT_SECONDS: '1', WORKERS: '1' }
      const options = twin === undefined ? { settings } : { twin, settings }
      return await forThisTest(ServerProcess.open(cluster.bootstrapServers, topic, options))
    }

    async function opener(
      server: ServerProcess,
    ): Promise<(headers?: Record<string, string>) => Promise<HeldStream>> {
      const [connection, token] = await Promise.all([HeldConnection.open(server), server.token('+1h')])
      onTestFinished(() => connection.close())
      return (headers = {}) => connection.stream(token, headers)
    }

    it('holds up neither open streams, nor new ones, nor those resumed ahead in its partition', async () => {
      await produce(PARTITIONS, BEFORE)
      const first = await serve()
      const openFirst = await opener(first)
      const open = await openFirst()
      await vi.waitUntil(() => open.reader.records.length === PARTITIONS.length * BEFORE, SOON)
      cluster.node(frozen).freeze()
      isSilent = true
      const writing = produceToOthers()
      const seen: Record<string, Seen> = {
        'open before': { stream: open, had: NOTHING, sinceMs: () => writtenAtMs },
      }
      const waitedMs: Record<string, number> = {}
      const noting = noteNews(seen, waitedMs)
      const openSecond = await opener(await serve(first))
      const { lastId } = open.reader
      const had = countsOf(open)
      seen.new = await see(openFirst)
      seen['new at a server that began meanwhile'] = await see(openSecond)
      seen['resumed there'] = { ...(await see(() => openSecond({ 'last-event-id': lastId }))), had }
      await pause(SILENT_MS)
      isSilent = false
      await Promise.all([writing, noting])
      console.log(`ms until the first record of that time: ${JSON.stringify(waitedMs)}`)
      cluster.node(frozen).thaw()
      await produce(PARTITIONS, 20)
      const ledgers = () => Object.values(seen).map(ledgerOf)
      // Where one never has them all, the counts below say so.
      await vi
        .waitUntil(() => ledgers().every((ledger) => ledger.hasReached(produced)), SOON)
        .catch(() => undefined)
      const counts = ledgers().map((ledger) => ({
        lost: ledger.lost(produced),
        twice: ledger.twice,
        outOfOrder: ledger.outOfOrder,
      }))
      console.log(`once it answered again: ${JSON.stringify(counts)}`)
      expect(Object.keys(waitedMs).sort()).toEqual(Object.keys(seen).sort())
      expect(waitedMs['open before']).toBeLessThan(BUSY_MS)
      expect(Math.max(...Object.values(waitedMs))).toBeLessThan(BEGIN_MS + BUSY_MS)
      expect(counts).toEqual(counts.map(() => ({ lost: 0, twice: 0, outOfOrder: 0 })))
    })

    it('is told in readiness and watermarks, while streams of an app go on and new ones begin', async () => {
      const topic = await kafka.createTopic({ partitions: 6, replicas: 1 })
      // A broker that has just come back takes a moment to hear of the topic.
      const leaders = await vi.waitFor(
        () => Promise.all([0, 1, 2, 3, 4, 5].map((partition) => kafka.leader(topic, partition))),
        SOON,
      )
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

    async function openScene(name: string): Promise<KafkaScene> {
      return await forThisTest(KafkaScene.open(cluster.bootstrapServers, name, { keeps: 'all' }))
    }
  },
)

interface Seen {
  readonly stream: HeldStream
  /** By partition, the records that the client had when the stream opened. */
  readonly had: readonly number[]
  /** When it was asked for; for one that was open before, when there was something to get. */
  readonly sinceMs: () => number
}

async function see(open: () => Promise<HeldStream>): Promise<Seen> {
  const askedAtMs = performance.now()
  return { stream: await open(), had: NOTHING, sinceMs: () => askedAtMs }
}

/** By partition, how many records a stream has had. */
function countsOf({ reader }: HeldStream): number[] {
  return PARTITIONS.map(
    (partition) => reader.records.filter((name) => name.startsWith(`${partition}:`)).length,
  )
}

function ledgerOf({ stream, had }: Seen): Ledger {
  const ledger = new Ledger(PARTITIONS.length)
  for (const [partition, count] of had.entries()) ledger.due[partition] = count
  for (const name of stream.reader.records) {
    const [partition = -1, number = -1] = name.split(':').map(Number)
    ledger.take(partition, number)
  }
  return ledger
}

function recordsOf(seen: readonly string[]): string[] {
  return seen.filter((told) => told !== 'ready').sort()
}
