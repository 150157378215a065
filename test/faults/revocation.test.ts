// A server of two workers without a control topic: a logout at one worker holds in both, and in one that is started
// later, for as long as the process lives.

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { ServerProcess, type Token } from '../support/server-process.ts'
import { HeldConnection, type HeldStream } from './held-connection.ts'
import { INSPECTABLE, RunningWorkers } from './running-workers.ts'

const EVENTS = { 'http://schemas.openid.net/event/backchannel-logout': {} }
const CONNECTIONS = 20
const SOON = { timeout: 30_000, interval: 20 }
/** From the provider's answer to the end of the last stream. */
const REVOKED_MS_MAX = 1_000

describe.skipIf(bootstrapServers === null)('A logout at a server of two workers', () => {
  let kafka: Kafka
  let server: ServerProcess
  let workers: RunningWorkers
  const connections: HeldConnection[] = []

  beforeAll(async () => {
    kafka = new Kafka(bootstrapServers)
    const topic = await kafka.createTopic()
    const settings = { WORKERS: '2', LOGOUT_PATH: '/logout', ...INSPECTABLE }
    server = await ServerProcess.open(kafka.bootstrapServers, topic, { settings })
    workers = await RunningWorkers.open(server)
    await connect()
  })
  afterAll(async () => {
    for (const connection of connections) connection.close()
    workers.close()
    await server.close()
    await kafka.close()
  })

  /** Until both workers have some. */
  async function connect(): Promise<void> {
    await vi.waitUntil(async () => {
      connections.push(
        ...(await Promise.all(Array.from({ length: CONNECTIONS }, () => HeldConnection.open(server)))),
      )
      const served = await workers.connections()
      return served.size === 2 && [...served.values()].every((ports) => ports.length > 1)
    }, SOON)
  }

  const nowSeconds = () => Math.floor(Date.now() / 1000)
  const issued = (subject: string, agoSeconds = 10) =>
    server.token('+1h', subject, { iat: nowSeconds() - agoSeconds, sid: `${subject}'s` })
  const logoutOf = (subject: string) =>
    server.token('+60s', subject, { iat: nowSeconds(), jti: `${subject} ${Math.random()}`, events: EVENTS })
  const isRevoked = ({ reader }: HeldStream) => reader.comments.at(-1) === 'end revoked'
  const statuses = async (token: Token, from = connections) =>
    new Set((await Promise.all(from.map((held) => held.stream(token)))).map(({ status }) => status))

  it('ends all streams of the user within a second, and refuses their tokens at both', async () => {
    const [mine, theirs] = await Promise.all([issued('mine'), issued('theirs')])
    const all = (token: Token) => Promise.all(connections.map((held) => held.stream(token)))
    const [ours, others] = await Promise.all([all(mine), all(theirs)])
    const startedAtMs = Date.now()
    expect(await connections[0]?.logout(await logoutOf('mine'))).toBe(200)
    await vi.waitUntil(() => ours.every(({ overAtMs }) => Number.isFinite(overAtMs)), SOON)
    expect(Math.max(...ours.map(({ overAtMs }) => overAtMs)) - startedAtMs).toBeLessThan(REVOKED_MS_MAX)
    expect(ours.every(isRevoked)).toBe(true)
    expect(others.some(isRevoked)).toBe(false)
    expect(await statuses(mine)).toEqual(new Set([401]))
    expect(new Set(await Promise.all(connections.map((held) => held.renew(mine))))).toEqual(new Set([401]))
    expect(await statuses(await issued('mine', -1))).toEqual(new Set([200]))
    for (const { streams } of connections) for (const stream of streams) stream.close()
  })

  it('takes a logout token once, at any worker', async () => {
    const token = await logoutOf('once')
    expect(await connections[0]?.logout(token)).toBe(200)
    expect(new Set(await Promise.all(connections.map((held) => held.logout(token))))).toEqual(new Set([400]))
  })

  it('holds in a worker that takes the place of one that died', { timeout: 90_000 }, async () => {
    const token = await issued('before')
    expect(await connections[0]?.logout(await logoutOf('before'))).toBe(200)
    const [dying = ''] = workers.names
    await workers.kill(dying)
    await vi.waitUntil(() => workers.names.size === 2, SOON)
    connections.splice(0)
    await connect()
    expect(await statuses(token)).toEqual(new Set([401]))
    const again = await logoutOf('after')
    expect(await connections[0]?.logout(again)).toBe(200)
    expect(new Set(await Promise.all(connections.map((held) => held.logout(again))))).toEqual(new Set([400]))
    expect(await server.metric('kafka_sse_revocations')).toBe(8)
  })
})
