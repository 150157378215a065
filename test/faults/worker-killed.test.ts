// Worker threads of the built server are killed from outside while a producer writes. Their clients come back and have
// every record once, the other worker's clients notice nothing, and segments that the dead workers referred to are
// reused.

import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { bootstrapServers, Kafka, type TestRecord } from '../kafka/kafka.ts'
import { type DeafPeer, deafPeer } from '../support/deaf-peer.ts'
import { ServerProcess } from '../support/server-process.ts'
import { NumberedRecords } from './numbered-records.ts'
import { type Reading, ResumingClient, readHttp2 } from './resuming-client.ts'
import { INSPECTABLE, RunningWorkers } from './running-workers.ts'

const PARTITIONS = 3
/** Large ones among them, each for all clients: a worker dies in the middle of many writes. */
const LARGE_BYTES = 200_000
const LARGE_SHARE = 0.006
const CLIENTS = 40
/** Clients of each worker before one is killed. At first, all clients of the dead worker come to the other. */
const CLIENTS_OF_EACH = 8
const RECORDS_MIN = 4_000
const KILLS = 3
/** Sockets that the server has besides those of its first workers: one death more, and it gives up. */
const SPARE = 4
const KILL_WITHIN_MS = 1_000
const SOON = { timeout: 20_000, interval: 20 }
/** Records after which segments still wait to be used again: each takes one, and looks which of them are free. */
const ROUNDS_PARTED = 10
/** What a topic's bus may keep, so that a few MB of newer values have it compacted. */
const RETAINED_BYTES_MAX = 16 * 1024 * 1024

describe.skipIf(bootstrapServers === null)('A worker that is killed while records are written', () => {
  let kafka: Kafka
  let topic: string
  let server: ServerProcess
  let workers: RunningWorkers
  const clients: ResumingClient[] = []
  let records: NumberedRecords
  let deaths = 0
  let producing: Promise<void> = Promise.resolve()
  let isResting = false
  let token = ''

  beforeAll(async () => {
    kafka = new Kafka(bootstrapServers)
    topic = await kafka.createTopic({ partitions: PARTITIONS })
    records = new NumberedRecords(kafka, topic, PARTITIONS)
    // `info`, because the inspector's address comes after all that is printed at the start.
    const settings = { WORKERS: '2', LOG_LEVEL: 'info', KAFKA_RETAINED_BYTES_MAX: `${RETAINED_BYTES_MAX}` }
    server = await ServerProcess.open(kafka.bootstrapServers, topic, {
      settings: { ...settings, ...INSPECTABLE },
    })
    workers = await RunningWorkers.open(server)
    token = (await server.token('+1h')).text
    const address = { url: server.url, ca: server.ca, token }
    for (let number = 0; number < CLIENTS; number++)
      clients.push(new ResumingClient(address, number % 2 === 0 ? 'h2' : 'h1'))
    await everyoneIsBack()
  })
  afterAll(async () => {
    isResting = true
    await producing
    await Promise.all(clients.map((client) => client.close()))
    workers.close()
    await server.close()
    await kafka.close()
  })

  const everyoneIsBack = () => vi.waitUntil(() => clients.every(({ isOpen }) => isOpen), SOON)

  function mixed(partition: number, name: string): TestRecord {
    const isLarge = Math.random() < LARGE_SHARE
    return { partition, key: isLarge ? 'large' : name, value: isLarge ? name.padEnd(LARGE_BYTES) : name }
  }

  const received = (client: ResumingClient) => client.received.map((record) => record.trimEnd())

  /** Clients whose worker it is, after they are known to be open. */
  async function clientsOf(worker: string): Promise<ResumingClient[]> {
    await everyoneIsBack()
    const ports = (await workers.connections()).get(worker) ?? []
    return clients.filter(({ port }) => ports.includes(port))
  }

  /** Clients leave and come back until both workers have some: the operating system chooses who accepts. */
  async function spread(): Promise<void> {
    for (const worker of [...workers.names, ...workers.names])
      while ((await clientsOf(worker)).length < CLIENTS_OF_EACH) await someLeave()
  }

  async function someLeave(): Promise<void> {
    const leaving = clients
      .filter(() => Math.random() < 1 / 2)
      .map((client) => ({ client, had: client.opened }))
    for (const { client } of leaving) client.leave()
    await vi.waitUntil(() => leaving.every(({ client, had }) => client.opened > had), SOON)
  }

  /** Resolves with the number of its clients, when everyone is back. */
  async function killOne(worker: string): Promise<number> {
    const victims = await clientsOf(worker)
    const before = clients.map(({ opened }) => opened)
    const reconnects = () => clients.map(({ opened }, at) => opened - (before[at] ?? 0))
    await workers.kill(worker)
    deaths++
    const expected = clients.map((client) => (victims.includes(client) ? 1 : 0))
    await vi.waitFor(() => expect(reconnects()).toEqual(expected), SOON)
    return victims.length
  }

  /** Waits until there are as many as there should be. */
  async function oneOfTwo(): Promise<string> {
    await vi.waitUntil(() => workers.names.size === 2, SOON)
    const names = [...workers.names]
    return names[Math.floor(Math.random() * names.length)] ?? ''
  }

  it('loses nothing, repeats nothing, and does not disturb the other worker', {
    timeout: 90_000,
  }, async () => {
    producing = records.produceUntil(() => isResting, mixed)
    const victims: number[] = []
    while (deaths < KILLS) {
      const worker = await oneOfTwo()
      await spread()
      const before = await counters()
      await pause(Math.random() * KILL_WITHIN_MS)
      victims.push(await killOne(worker))
      const after = await counters()
      expect(after.map((value, at) => value >= (before[at] ?? 0))).toEqual(after.map(() => true))
      expect(await server.metric('kafka_sse_worker_deaths_total')).toBe(deaths)
    }
    await vi.waitFor(async () => expect(await unaccounted()).toBe(0), SOON)
    expect(await server.metric('kafka_sse_streams_ended_total{reason="worker-died"}')).toBeGreaterThan(0)
    await vi.waitUntil(() => records.total >= RECORDS_MIN, SOON)
    isResting = true
    await producing
    const all = records.total
    // If a client never has them, the counts below show it.
    await vi.waitUntil(() => clients.every((client) => client.received.length >= all), SOON).catch(() => {})
    console.log(
      `${all} records, ${deaths} workers killed, ${CLIENTS} clients, ${victims.join(', ')} of them reconnected:`,
      records.tell(clients.map(received)),
    )
    for (const count of victims) {
      expect(count).toBeGreaterThanOrEqual(CLIENTS_OF_EACH)
      expect(count).toBeLessThanOrEqual(CLIENTS - CLIENTS_OF_EACH)
    }
    for (const client of clients) records.expectAll(received(client))
  })

  it('reuses segments that a dead worker referred to', { timeout: 60_000 }, async () => {
    await Promise.all(clients.map((client) => client.close()))
    const relay = await deafPeer(Number(new URL(server.url).port))
    const reading = await openThrough(relay)
    await outrun()
    await workers.kill((await servingOne()) ?? '')
    deaths++
    await vi.waitFor(async () => expect(await parted()).toBe(0), SOON)
    reading.end()
    relay.close()
  })

  it('gives up, and says why, when no socket is left for another worker', async () => {
    for (; deaths <= SPARE; deaths++) await workers.kill(await oneOfTwo())
    workers.close() // Node does not end while a debugger is connected
    expect(await server.ended()).toBe(1)
    expect(server.output).toContain('"msg":"no listening socket is left for another worker"')
  })

  /** Streams that were opened, and neither are open nor have ended. */
  async function unaccounted(): Promise<number> {
    const text = await server.metrics()
    const sumOf = (name: string) =>
      text
        .split('\n')
        .filter((line) => line.startsWith(`kafka_sse_streams_${name}`))
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
    return sumOf('opened_total') - sumOf('open ') - sumOf('ended_total')
  }

  const parted = () => server.metric('kafka_sse_segments_parted_bytes')

  async function openThrough({ port }: DeafPeer): Promise<Reading> {
    const address = { url: `https://127.0.0.1:${port}/events`, ca: server.ca, token }
    return new Promise((resolve) => {
      const reading = readHttp2({
        address,
        headers: {},
        onOpen: () => resolve(reading),
        onBytes: () => {},
      })
    })
  }

  /** Writes records that supersede each other, until segments have left the bus that an untaken write refers to. */
  async function outrun(): Promise<void> {
    for (let rounds = 0; rounds < ROUNDS_PARTED; ) {
      await kafka.produce(topic, { partition: 0, key: 'large', value: ''.padEnd(4 * LARGE_BYTES) })
      rounds = (await parted()) > 0 ? rounds + 1 : 0
    }
  }

  /** The one that has a connection, where there is one alone. */
  async function servingOne(): Promise<string | undefined> {
    const connections = [...(await workers.connections())]
    return connections.find(([, ports]) => ports.length > 0)?.[0]
  }

  /** What must not fall when a worker dies. */
  function counters(): Promise<number[]> {
    const names = ['streams_opened', 'delivered_records', 'delivered_bytes', 'writes']
    return Promise.all(names.map((name) => server.metric(`kafka_sse_${name}_total`)))
  }
})
