// Private streams of a server with two workers, on a real Kafka: three customers of one topic, each of whom gets what
// is theirs at either worker, and a delete for what becomes another's.

import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { TokenClaims } from '../../src/demo/token.ts'
import { bootstrapServers, Kafka, type TestRecord } from '../kafka/kafka.ts'
import { ServerProcess } from '../support/server-process.ts'
import { HeldConnection, type HeldStream } from './held-connection.ts'
import { INSPECTABLE, RunningWorkers } from './running-workers.ts'

const CUSTOMERS = ['alice', 'bob', 'carol']
/** Of a customer, opened until both workers have one. */
const CONNECTIONS_MAX = 100
const SOON = { timeout: 20_000, interval: 50 }

describe.skipIf(bootstrapServers === null)('Private streams of two workers', () => {
  let kafka: Kafka
  let topic: string
  let folder: string
  let server: ServerProcess
  let workers: RunningWorkers
  /** Two of each customer, at either worker one. */
  let connections: Map<string, readonly HeldConnection[]>

  beforeAll(async () => {
    kafka = new Kafka(bootstrapServers)
    topic = await kafka.createTopic({ partitions: 2 })
    await kafka.produce(
      topic,
      ...CUSTOMERS.flatMap((customer) => [record('first', customer, `first of ${customer}`)]),
    )
    folder = await mkdtemp(join(tmpdir(), 'private-streams-'))
    const CONFIG_FILE = join(folder, 'options.json')
    writeFileSync(CONFIG_FILE, JSON.stringify({ streams: streamsOf(topic) }))
    const settings = { CONFIG_FILE, KAFKA_TOPIC: '', WORKERS: '2', ...INSPECTABLE }
    server = await ServerProcess.open(kafka.bootstrapServers, topic, { settings })
    workers = await RunningWorkers.open(server)
    connections = new Map()
    for (const customer of CUSTOMERS) connections.set(customer, await openOnBoth())
  }, 60_000)

  afterAll(async () => {
    for (const connection of [...(connections?.values() ?? [])].flat()) connection.close()
    workers?.close()
    await server?.close()
    await rm(folder, { recursive: true })
    await kafka.close()
  })

  async function openOnBoth(): Promise<HeldConnection[]> {
    const byWorker = new Map<string | undefined, HeldConnection>()
    for (let count = 0; byWorker.size < 2; count++) {
      if (count === CONNECTIONS_MAX) throw new Error(`${count} connections came to one worker`)
      const opened = await HeldConnection.open(server)
      const worker = await workers.serverOf(opened.port)
      if (byWorker.has(worker)) opened.close()
      else byWorker.set(worker, opened)
    }
    return [...byWorker.values()]
  }

  /** The customer's streams at this path, one at each worker. */
  async function streamsAt(path: string, customer: string, claims: TokenClaims = {}): Promise<HeldStream[]> {
    const token = await server.token('+1h', customer, claims)
    const held = connections.get(customer) ?? []
    const streams = await Promise.all(held.map((connection) => connection.stream(token, { ':path': path })))
    expect(streams.map(({ status }) => status)).toEqual([200, 200])
    return streams
  }

  it('get their own records, as do those that resume, and a delete for what another gets', {
    timeout: 60_000,
  }, async () => {
    const paths = (customer: string) => [
      `/me?signals=1`,
      `/orders/${customer}?signals=1`,
      '/tenants?signals=1',
    ]
    const opened = new Map<string, HeldStream[]>()
    for (const customer of CUSTOMERS) {
      const streams = await Promise.all(
        paths(customer).map((path) => streamsAt(path, customer, { tenants: [customer, 'none'] })),
      )
      opened.set(customer, streams.flat())
    }
    const all = [...opened.values()].flat()
    await vi.waitUntil(
      () => all.every(({ reader }) => reader.events.some(({ event }) => event === 'ready')),
      SOON,
    )

    const written = Array.from({ length: 90 }, (_, n) => {
      const customer = CUSTOMERS[(n * 7) % 3] ?? ''
      return record(`key ${n % 20}`, customer, `${n} of ${customer}`, n % 2)
    })
    for (const one of written) await kafka.produce(topic, one)
    for (const customer of CUSTOMERS)
      await kafka.produce(topic, record('moving', customer, `moving to ${customer}`))
    await kafka.produce(topic, { ...record('moving', 'carol', ''), value: null })
    await kafka.produce(
      topic,
      ...CUSTOMERS.map((customer) => record(`last`, customer, `last of ${customer}`)),
    )
    for (const stream of all) await vi.waitUntil(() => hasLast(stream), SOON)

    for (const customer of CUSTOMERS) {
      for (const { reader } of opened.get(customer) ?? []) {
        expect(
          reader.records.filter(
            (text) => !text.includes(`of ${customer}`) && !text.includes(`to ${customer}`),
          ),
        ).toEqual([])
        const own = written.filter(({ value }) => String(value).includes(`of ${customer}`))
        expect(reader.records.filter((text) => /^\{"text":"\d/.test(text)).sort()).toEqual(
          own.map(({ value }) => String(value)).sort(),
        )
        const moved = reader.events.findIndex(({ data }) => data.includes(`moving to ${customer}`))
        const deleted = reader.events.findIndex(
          ({ event, data }) =>
            event === 'delete' && Buffer.from(data, 'base64url').toString().endsWith('moving'),
        )
        expect([moved > 0, deleted > moved]).toEqual([true, true])
      }
    }
    await resumes(opened)
  })

  /** Every stream's id is good at the other worker, too, and brings nothing again. */
  async function resumes(opened: ReadonlyMap<string, readonly HeldStream[]>): Promise<void> {
    const again: HeldStream[] = []
    for (const customer of CUSTOMERS) {
      const [first] = opened.get(customer) ?? []
      const token = await server.token('+1h', customer)
      const headers = { ':path': '/me', 'last-event-id': first?.reader.lastId ?? '' }
      for (const connection of connections.get(customer) ?? [])
        again.push(await connection.stream(token, headers))
    }
    await kafka.produce(
      topic,
      ...CUSTOMERS.map((customer) => record('after', customer, `after of ${customer}`)),
    )
    for (const [at, { reader }] of again.entries()) {
      const customer = CUSTOMERS[Math.floor(at / 2)]
      await vi.waitUntil(() => reader.records.length > 0, SOON)
      expect(reader.records).toEqual([JSON.stringify({ text: `after of ${customer}`, tenant: customer })])
      expect(reader.comments.filter((text) => text.startsWith('gap'))).toEqual([])
    }
  }

  it('are renewed at either worker by a token that grants the same, and by no other', async () => {
    const [one, other] = connections.get('alice') ?? []
    const token = (tenants: unknown) => server.token('+2h', 'renewing', { tenants })
    const stream = await one?.stream(await token(['a', 'b']), { ':path': '/tenants' })
    for (const connection of [one, other]) {
      expect(await connection?.renew(await token(['b', 'a']), '/tenants')).toBe(204)
      expect(await connection?.renew(await token('a'), '/tenants')).toBe(403)
      expect(await connection?.renew(await token(1.5), '/tenants')).toBe(403)
      expect(await connection?.renew(await token('a'), '/me')).toBe(404)
    }
    stream?.close()
  })

  it.each([
    ['/orders/bob', 403],
    ['/orders/%E0%A4%A', 404],
    [`/orders/${'x'.repeat(1025)}`, 404],
    [`/orders/${'x'.repeat(1024)}`, 403],
    ['/orders/%61lice', 200],
    ['/orders/alice?key=first', 200],
    ['/orders/alice?key=', 400],
    ['/me?key=first', 400],
    ['/tenants', 403],
  ])('answer alice at %s with %i', async (path, status) => {
    const [connection] = connections.get('alice') ?? []
    const stream = await connection?.stream(await server.token('+1h', 'alice'), { ':path': path })
    expect(stream?.status).toBe(status)
    stream?.close()
  })
})

/** One topic, by a header, by the key and by a field. */
function streamsOf(topic: string) {
  const where = { 'params.customer': '{token.sub}' }
  return [
    { path: '/me', topic, headers: { customer: '{token.sub}' } },
    { path: '/orders/:customer', topic, headers: { customer: '{params.customer}' }, where, select: ['key'] },
    { path: '/tenants', topic, fields: { '/tenant': '{token.tenants}' } },
  ]
}

/** A record of a customer, by header and field. `moving` is one key for all of them; other keys are each one's own. */
function record(name: string, customer: string, text: string, partition = 0): TestRecord {
  const key = name === 'moving' ? name : `${customer} ${name}`
  const value = JSON.stringify({ text, tenant: customer })
  return { key, value, partition, headers: [{ customer }] }
}

function hasLast({ reader }: HeldStream): boolean {
  return reader.records.some((text) => text.includes('"last of '))
}
