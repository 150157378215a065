// Tickets of a fleet, on a real Kafka: each opens one stream, although it is used at two replicas at the same moment.

import { once } from 'node:events'
import { type ClientHttp2Session, connect } from 'node:http2'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { ServerProcess } from '../support/server-process.ts'
import { until } from '../support/time.ts'
import { bootstrapServers, Kafka } from './kafka.ts'

const TICKETS = 1_000
/** Used at once. */
const BATCH = 100
const SECRET_KEY = Buffer.alloc(32, 7).toString('base64url')

describe.skipIf(bootstrapServers === null)('two replicas with a control topic', () => {
  let kafka: Kafka
  let topic: string
  let control: string
  const replicas: ServerProcess[] = []
  const sessions: ClientHttp2Session[] = []

  beforeAll(async () => {
    kafka = new Kafka(bootstrapServers)
    topic = await kafka.createTopic()
    control = await kafka.createTopic({ partitions: 3 })
    await start()
    await start(replicas[0])
  }, 120_000)

  afterAll(async () => {
    for (const session of sessions) session.destroy()
    for (const replica of replicas) await replica.close()
    kafka.close()
  }, 60_000)

  async function start(twin?: ServerProcess): Promise<void> {
    const settings = {
      KAFKA_CONTROL_TOPIC: control,
      SECRET_KEY,
      TICKETS: 'on',
      STREAMS_PER_SUBJECT_MAX: '2000',
    }
    const options = { settings, ...(twin && { twin }) }
    const replica = await ServerProcess.open(kafka.bootstrapServers, topic, options)
    replicas.push(replica)
    await ready(replica)
  }

  /** It has read the control topic. */
  async function ready(replica: ServerProcess): Promise<void> {
    await vi.waitUntil(async () => (await replica.metric('kafka_sse_ready')) === 1, { timeout: 30_000 })
  }

  async function connectTo({ url, ca }: ServerProcess): Promise<ClientHttp2Session> {
    const session = connect(url, { ca })
    sessions.push(session)
    await once(session, 'remoteSettings')
    return session
  }

  async function ticketFrom(session: ClientHttp2Session, token: string): Promise<string> {
    const headers = { ':method': 'POST', ':path': '/events/ticket', authorization: `Bearer ${token}` }
    const stream = session.request(headers).setEncoding('utf8').end()
    let body = ''
    for await (const chunk of stream) body += chunk
    return JSON.parse(body).ticket
  }

  /** A stream that opens stays open until the session is over. */
  async function statusOf(session: ClientHttp2Session, ticket: string): Promise<number> {
    const stream = session.request({ ':path': `/events?ticket=${ticket}` })
    stream.resume()
    const [headers] = await once(stream, 'response')
    return Number(headers[':status'])
  }

  it('refuse a ticket that the other one has redeemed before it was started', async () => {
    const [one, other] = replicas
    if (one === undefined || other === undefined) throw new Error('there are no two replicas')
    const session = await connectTo(one)
    const ticket = await ticketFrom(session, (await one.token('+10m', 'bob')).text)
    expect(await statusOf(session, ticket)).toBe(200)
    await other.stop()
    await other.start()
    await ready(other)
    expect(await statusOf(await connectTo(other), ticket)).toBe(401)
    session.destroy()
  }, 60_000)

  it('write nothing to Kafka for a ticket that they know to be redeemed', async () => {
    const [one, other] = replicas
    if (one === undefined || other === undefined) throw new Error('there are no two replicas')
    const redeemed = (replica: ServerProcess) =>
      replica.metric('kafka_sse_control_records_total{op="redeem"}')
    const [session, elsewhere] = [await connectTo(one), await connectTo(other)]
    const ticket = await ticketFrom(session, (await one.token('+10m', 'carol')).text)
    const before = await redeemed(other)
    expect(await statusOf(session, ticket)).toBe(200)
    await until(async () => (await redeemed(other)) === before + 1)
    for (let times = 0; times < 10; times++) {
      expect(await statusOf(session, ticket)).toBe(401)
      expect(await statusOf(elsewhere, ticket)).toBe(401)
    }
    const next = await ticketFrom(session, (await one.token('+10m', 'carol')).text)
    expect(await statusOf(elsewhere, next)).toBe(200)
    await until(async () => (await redeemed(other)) === before + 2)
    for (const each of [session, elsewhere]) each.destroy()
  }, 60_000)

  it('open one stream for each of 1,000 tickets, each used at both at once', async () => {
    const [one, other] = replicas
    if (one === undefined || other === undefined) throw new Error('there are no two replicas')
    const token = (await one.token('+10m', 'alice')).text
    let opened = 0
    for (let made = 0; made < TICKETS; made += BATCH) {
      const [mine, theirs] = await Promise.all([connectTo(one), connectTo(other)])
      const tickets = await Promise.all(
        Array.from({ length: BATCH }, (_, n) => ticketFrom(n % 2 === 0 ? mine : theirs, token)),
      )
      for (const ticket of tickets) expect(ticket).toMatch(/^kst_/)
      const answers = await Promise.all(
        tickets.map((ticket) => Promise.all([statusOf(mine, ticket), statusOf(theirs, ticket)])),
      )
      for (const statuses of answers) expect(statuses.sort()).toEqual([200, 401])
      opened += answers.length
    }
    expect(opened).toBe(TICKETS)
    // Streams of the tests before may still be ending.
    const counts = await vi.waitFor(async () => {
      const open = await Promise.all(replicas.map((replica) => replica.metric('kafka_sse_streams_open')))
      expect(open.reduce((sum, count) => sum + count)).toBe(TICKETS)
      return open
    }, 10_000)
    // Each of them has opened some: otherwise one of the two would have been late every time.
    expect(Math.min(...counts)).toBeGreaterThan(0)
  }, 120_000)
})
