// The server is killed again and again while a producer writes and clients read. A client that comes back with its id
// gets every record once, in each partition's order. With several workers there are two processes, and either is
// killed.

import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { ServerProcess } from '../support/server-process.ts'
import { NumberedRecords } from './numbered-records.ts'
import { ResumingClient } from './resuming-client.ts'

const PARTITIONS = 3
/** Ten seconds of them at the least, and on until the last kill. */
const RECORDS_MIN = 5_000
const KILLS = 5
/** A kill comes within this time after everyone is back: while they catch up, or once they are live. */
const KILL_WITHIN_MS = 1_000
const PROTOCOLS = ['h2', 'h2', 'h2', 'h1', 'h1', 'h1'] as const

// Both at once: they wait for servers that start, and for records that come at a rate.
describe.skipIf(bootstrapServers === null).concurrent.each([
  ['one thread', 1],
  ['two workers', 2],
] as const)('A server of %s that is killed while records are written', (kind, workers) => {
  let kafka: Kafka
  let server: ServerProcess
  let clients: ResumingClient[] = []
  let records: NumberedRecords
  let kills = 0

  beforeAll(async () => {
    kafka = new Kafka(bootstrapServers)
    const topic = await kafka.createTopic({ partitions: PARTITIONS })
    records = new NumberedRecords(kafka, topic, PARTITIONS)
    server = await ServerProcess.open(kafka.bootstrapServers, topic, {
      settings: { WORKERS: `${workers}` },
    })
    const { text } = await server.token('+1h')
    const address = { url: server.url, ca: server.ca, token: text }
    clients = PROTOCOLS.map((protocol) => new ResumingClient(address, protocol))
    await everyoneIsBack()
  })
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()))
    await server.close()
    await kafka.close()
  })

  const everyoneIsBack = () => vi.waitUntil(() => clients.every(({ isOpen }) => isOpen), { timeout: 20_000 })

  async function killAgainAndAgain(): Promise<void> {
    for (; kills < KILLS; kills++) {
      await everyoneIsBack()
      await pause(Math.random() * KILL_WITHIN_MS)
      await killOne()
      await server.start()
    }
  }

  /** The process that was started, or in turns the one that serves. */
  async function killOne(): Promise<void> {
    if (workers > 1 && kills % 2 === 0) process.kill(server.servingPid, 'SIGKILL')
    else await server.kill()
    await server.ended()
  }

  it('loses nothing and repeats nothing, over HTTP/2 and HTTP/1.1', { timeout: 150_000 }, async () => {
    const isDone = () => records.total >= RECORDS_MIN && kills >= KILLS
    await Promise.all([records.produceUntil(isDone), killAgainAndAgain()])
    const all = records.total
    const hasAll = () => clients.every(({ received }) => received.length >= all)
    // If a client never has them, the counts below show it.
    await vi.waitUntil(hasAll, { timeout: 30_000 }).catch(() => undefined)
    const opened = clients.reduce((sum, client) => sum + client.opened, 0)
    console.log(
      `${kind}, ${all} records, ${kills} kills, ${clients.length} clients, ${opened - clients.length} reconnects:`,
      records.tell(clients.map(({ received }) => received)),
    )
    expect(kills).toBe(KILLS)
    for (const client of clients) {
      expect(client.opened).toBeGreaterThan(KILLS)
      records.expectAll(client.received)
    }
  })
})
