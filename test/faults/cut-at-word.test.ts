// Two servers on one Kafka, one with two workers, and clients that are cut right after each heartbeat or `ready` with
// an id, while records come in bursts and a read is nearly always under way. An id comes only after every record before
// it.

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { randomOf } from '../support/random.mjs'
import { ServerProcess } from '../support/server-process.ts'
import { CutClient } from './cut-client.ts'
import { MovingProducer } from './moving-producer.ts'

/** A minute where it is asked for: CUT_SECONDS=60. */
const SECONDS = Number(process.env.CUT_SECONDS ?? 8)
const SEED = Number(process.env.CUT_SEED ?? Date.now() % 1_000_000)
const PARTITIONS = 12
const NAMELESS_PARTITIONS = 4
const CLIENTS = 200
const CATCH_UP_MS = 20_000
const FAULTS_SHOWN_MAX = 10
const TIMEOUT_MS = SECONDS * 1000 + 60_000
const SETTINGS = {
  HEARTBEAT_SECONDS: '0.1',
  LOG_LEVEL: 'info',
  // These clients come again at once, all as one user.
  CONNECTS_PER_SECOND_PER_SUBJECT_MAX: '1000000',
}

describe.skipIf(bootstrapServers === null)('Clients that are cut behind each word that brings an id', () => {
  let kafka: Kafka
  let producer: MovingProducer
  const servers: ServerProcess[] = []
  let clients: CutClient[] = []

  beforeAll(async () => {
    kafka = new Kafka(bootstrapServers)
    const topic = await kafka.createTopic({ partitions: PARTITIONS })
    for (const WORKERS of ['1', '2']) {
      const [twin] = servers
      const settings = { ...SETTINGS, WORKERS }
      const options = twin === undefined ? { settings } : { twin, settings }
      servers.push(await ServerProcess.open(kafka.bootstrapServers, topic, options))
    }
    producer = new MovingProducer(kafka.bootstrapServers, topic)
  })
  afterAll(async () => {
    producer.close()
    await Promise.all(clients.map((client) => client.close()))
    await Promise.all(servers.map((server) => server.close()))
    await kafka.close()
  })

  async function openClients(): Promise<CutClient[]> {
    const token = await servers[0]?.token('+1h')
    const addresses = servers.map(({ url, ca }) => ({ url, ca, token: token?.text ?? '' }))
    const counts = { partitions: PARTITIONS, namelessPartitions: NAMELESS_PARTITIONS }
    return Array.from(
      { length: CLIENTS },
      (_, number) =>
        new CutClient({
          name: `client ${number}`,
          addresses,
          ...counts,
          random: randomOf(SEED + 1 + number),
        }),
    )
  }

  it('lose nothing and get nothing twice', { timeout: TIMEOUT_MS }, async () => {
    clients = await openClients()
    const all = await producer.produce({ PARTITIONS, NAMELESS_PARTITIONS, SECONDS, SEED })
    const produced = all.slice(0, PARTITIONS - NAMELESS_PARTITIONS)
    for (const client of clients) client.settle()
    const haveAll = () => clients.every(({ ledger }) => ledger.hasReached(produced))
    // Where one never has, the counts below say how many are missing.
    await vi.waitUntil(haveAll, { timeout: CATCH_UP_MS }).catch(() => undefined)
    const sum = (count: (client: CutClient) => number) =>
      clients.reduce((total, client) => total + count(client), 0)
    const counts = {
      lost: sum(({ ledger }) => ledger.lost(produced)),
      twice: sum(({ ledger }) => ledger.twice),
      outOfOrder: sum(({ ledger }) => ledger.outOfOrder),
      wrongIds: sum(({ wrongIds }) => wrongIds),
    }
    const robbed = clients.filter(({ ledger }) => ledger.lost(produced) > 0).length
    const cuts = { ready: sum((client) => client.cuts.ready), ping: sum((client) => client.cuts.ping) }
    const records = produced.reduce((total, count) => total + count, 0)
    console.log(
      `${records} records, ${CLIENTS} clients, ${SECONDS} s, cut after ${cuts.ping} heartbeats, ${cuts.ready} readies:`,
      `${counts.lost} lost (of ${robbed} clients), ${counts.twice} twice, ${counts.outOfOrder} out of order,`,
      `${counts.wrongIds} wrong ids; seed ${SEED}`,
    )
    expect(clients.flatMap(({ faults }) => faults).slice(0, FAULTS_SHOWN_MAX)).toEqual([])
    expect(counts).toEqual({ lost: 0, twice: 0, outOfOrder: 0, wrongIds: 0 })
    expect(Math.min(cuts.ready, cuts.ping)).toBeGreaterThan(SECONDS * 20)
  })
})
