// A stream is opened, renewed and revoked, in each of the six orders, at two servers that share a control topic. Either
// of them is stopped meanwhile (SIGSTOP), so that it learns of everything at once when it goes on, or neither is. The
// revocation wins in every order, and after a restart of both.

import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { keepSecret } from '../support/printed.ts'
import { ServerProcess, type Token } from '../support/server-process.ts'
import { HeldConnection, type HeldStream } from './held-connection.ts'

type Step = 'open' | 'renew' | 'revoke'
type Place = 'one' | 'other'

const ORDERS: readonly (readonly Step[])[] = [
  ['open', 'renew', 'revoke'],
  ['open', 'revoke', 'renew'],
  ['renew', 'open', 'revoke'],
  ['renew', 'revoke', 'open'],
  ['revoke', 'open', 'renew'],
  ['revoke', 'renew', 'open'],
]
const PLACES: readonly Place[] = ['one', 'other']
const LOGOUT_EVENTS = { 'http://schemas.openid.net/event/backchannel-logout': {} }
const SOON = { timeout: 30_000, interval: 20 }
/** So that what is sent to the server that goes on comes in the order of the steps. */
const STEP_MS = 100

describe.skipIf(bootstrapServers === null)('A stream is opened, renewed and revoked', () => {
  let kafka: Kafka
  const servers = new Map<Place, ServerProcess>()
  const connections = new Map<Place, HeldConnection>()
  const revoked: Token[] = []

  beforeAll(async () => {
    kafka = new Kafka(bootstrapServers)
    const [topic, control] = [await kafka.createTopic(), await kafka.createTopic({ partitions: 3 })]
    const settings = {
      WORKERS: '1',
      LOG_LEVEL: 'info',
      KAFKA_CONTROL_TOPIC: control,
      SECRET_KEY: keepSecret(Buffer.alloc(32, 8).toString('base64url')),
      LOGOUT_PATH: '/logout',
    }
    const one = await ServerProcess.open(kafka.bootstrapServers, topic, { settings })
    servers.set('one', one)
    servers.set('other', await ServerProcess.open(kafka.bootstrapServers, topic, { settings, twin: one }))
    await connect()
  }, 60_000)
  afterAll(async () => {
    for (const connection of connections.values()) connection.close()
    await Promise.all([...servers.values()].map((server) => server.close()))
    await kafka?.close()
  })

  const serverAt = (place: Place) => servers.get(place) as ServerProcess // both are opened before any test
  const connectionTo = (place: Place) => connections.get(place) as HeldConnection // the same

  async function connect(): Promise<void> {
    for (const place of PLACES) {
      await vi.waitFor(async () => expect(await serverAt(place).metric('kafka_sse_ready')).toBe(1), SOON)
      connections.set(place, await HeldConnection.open(serverAt(place)))
    }
  }

  const nowSeconds = () => Math.floor(Date.now() / 1000)
  const openAll = (token: Token) => Promise.all(PLACES.map((place) => connectionTo(place).stream(token)))
  const statusesOf = async (token: Token) => (await openAll(token)).map(({ status }) => status)
  const isRevoked = ({ overAtMs, reader }: HeldStream) =>
    Number.isFinite(overAtMs) && reader.comments.at(-1) === 'end revoked'

  /** Streams at both servers; a renewal at the one; a logout at the other. */
  async function scene(subject: string) {
    const iat = nowSeconds() - 10
    const token = await serverAt('one').token('+1h', subject, { iat })
    const newer = await serverAt('one').token('+2h', subject, { iat: iat + 1 })
    const claims = { iat: nowSeconds(), jti: subject, events: LOGOUT_EVENTS }
    const logout = await serverAt('one').token('+60s', subject, claims)
    revoked.push(token, newer)
    const steps = {
      open: () => openAll(token),
      renew: () => connectionTo('one').renew(newer),
      revoke: () => connectionTo('other').logout(logout),
    }
    return { token, newer, steps }
  }

  it.each(ORDERS)('one step after the other: %s, %s, %s', async (...order) => {
    const { token, newer, steps } = await scene(order.join())
    let isOver = false
    let streams: HeldStream[] = []
    for (const step of order) {
      if (step === 'open') {
        streams = await steps.open()
        expect(streams.map(({ status }) => status)).toEqual(isOver ? [401, 401] : [200, 200])
      } else if (step === 'renew') {
        expect(await steps.renew()).toBe(isOver ? 401 : order[0] === 'renew' ? 202 : 204)
      } else {
        expect(await steps.revoke()).toBe(200)
        for (const each of [token, newer])
          await vi.waitFor(async () => expect(await statusesOf(each)).toEqual([401, 401]), SOON)
        isOver = true
      }
    }
    const opened = streams.filter(({ status }) => status === 200)
    await vi.waitFor(() => expect(opened.map(isRevoked)).toEqual(opened.map(() => true)), SOON)
  })

  const held = PLACES.flatMap((place) => ORDERS.map((order) => ({ place, order, text: order.join(', ') })))
  it.each(held)('while $place is stopped: $text', { timeout: 60_000 }, async ({ place, order }) => {
    const { token, newer, steps } = await scene(`${place} ${order}`)
    const { pid } = serverAt(place)
    process.kill(pid, 'SIGSTOP')
    let answers: Promise<[HeldStream[], number, number]>
    try {
      const asked: { open?: Promise<HeldStream[]>; renew?: Promise<number>; revoke?: Promise<number> } = {}
      for (const step of order) {
        Object.assign(asked, { [step]: steps[step]() })
        await pause(STEP_MS)
      }
      answers = Promise.all([asked.open ?? [], asked.renew ?? 0, asked.revoke ?? 0])
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    const [streams, renewal, logout] = await answers
    expect(logout).toBe(200)
    expect([202, 204, 401]).toContain(renewal)
    for (const { status } of streams) expect([200, 401]).toContain(status)
    const opened = streams.filter(({ status }) => status === 200)
    await vi.waitFor(() => expect(opened.map(isRevoked)).toEqual(opened.map(() => true)), SOON)
    for (const each of [token, newer])
      await vi.waitFor(async () => expect(await statusesOf(each)).toEqual([401, 401]), SOON)
    expect(await connectionTo('one').renew(newer)).toBe(401)
  })

  it('and stays revoked when both were killed and started again', { timeout: 120_000 }, async () => {
    for (const connection of connections.values()) connection.close()
    for (const server of servers.values()) await server.kill()
    for (const server of servers.values()) await server.start()
    await connect()
    expect(revoked).toHaveLength(36)
    for (const token of revoked) expect(await statusesOf(token)).toEqual([401, 401])
    const since = await serverAt('one').token('+1h', ORDERS[0]?.join(), { iat: nowSeconds() + 2 })
    expect(await statusesOf(since)).toEqual([200, 200])
  })
})
