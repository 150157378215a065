// Two processes with two workers each and a control topic: what one is told reaches the streams in every thread of
// both, and is known after both were restarted.

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { ControlKeys } from '../../src/control/control-keys.ts'
import { type ControlRecord, encodeRecord, macText } from '../../src/control/control-record.ts'
import type { Revocation } from '../../src/token/revocation.ts'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { type CommandProcess, CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { ISSUER, makeKey, mintToken, nowSeconds } from '../support/keys-and-tokens.ts'
import { keepSecret } from '../support/printed.ts'
import { StreamReader } from '../support/stream-reader.ts'

const SOON = { timeout: 30_000, interval: 20 }
const STREAMS = 40
const TICKETS = 200
const SECRET = keepSecret(Buffer.alloc(32, 6).toString('base64url'))
const KEYS = new ControlKeys([Buffer.from(SECRET, 'base64url')])

class FleetStream {
  readonly status: number
  readonly reader = new StreamReader()
  /** Epoch ms; null while it is open. */
  endedAtMs: number | null = null

  constructor(response: Response) {
    this.status = response.status
    void this.read(response)
  }

  get endReason(): string | undefined {
    return this.reader.comments.find((comment) => comment.startsWith('end '))
  }

  private async read({ body }: Response): Promise<void> {
    try {
      for await (const bytes of body ?? []) this.reader.feed(bytes)
    } catch {
      // The server was stopped: the end is noted below.
    }
    this.endedAtMs = Date.now()
  }
}

describe.skipIf(bootstrapServers === null)('Two processes with workers', () => {
  const key = makeKey('ES256')
  let kafka: Kafka
  let scene: CommandScene
  let settings: Record<string, string>
  let control: string
  let running: CommandProcess[]
  let ports: { readonly port: number; readonly adminPort: number }[]

  beforeAll(async () => {
    kafka = new Kafka(bootstrapServers)
    const topic = await kafka.createTopic()
    control = await kafka.createTopic({ partitions: 3 })
    await kafka.produce(topic, { value: 'connects' }) // so that no time is measured with the producer's start in it
    scene = CommandScene.open({ 'public.pem': key.publicPem })
    const named = { KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers, KAFKA_TOPIC: topic }
    const shared = { KAFKA_CONTROL_TOPIC: control, SECRET_KEY: SECRET, WORKERS: '2', TICKETS: 'on' }
    settings = { ...SERVE_SETTINGS, ...named, ...shared }
    await start()
  })
  afterAll(async () => {
    await scene.close()
    await kafka.close()
  })

  async function start(): Promise<void> {
    running = [scene.start(['serve'], settings), scene.start(['serve'], settings)]
    ports = await Promise.all(running.map((each) => each.listening()))
    for (const { adminPort } of ports)
      await vi.waitFor(async () => {
        const { status } = await fetch(`http://127.0.0.1:${adminPort}/health/ready`)
        expect(status).toBe(200)
      }, SOON)
  }

  function token(subject: string): string {
    const times = { iat: nowSeconds() - 5, exp: nowSeconds() + 600 }
    return mintToken(key, { claims: { sub: subject, ...times } })
  }

  /** By a connection of its own, so that any worker may take it. */
  async function get(at: number, path: string, headers: Record<string, string> = {}): Promise<FleetStream> {
    const url = `http://127.0.0.1:${ports[at % 2]?.port}${path}`
    return new FleetStream(await fetch(url, { headers: { ...headers, connection: 'close' } }))
  }

  const open = (at: number, text: string) => get(at, '/events', { authorization: `Bearer ${text}` })

  async function write(record: ControlRecord): Promise<void> {
    const { key: recordKey, value, mac } = encodeRecord(record, control, KEYS)
    await kafka.produce(control, { key: recordKey, value, headers: [{ mac: macText(mac) }] })
  }

  function revocation(on: Revocation['on']): ControlRecord {
    const times = { beforeMs: Date.now(), untilMs: Date.now() + 600_000 }
    const revoked = { issuer: ISSUER, on, ...times, jti: null, reason: null }
    return { op: 'revoke', revocation: revoked, by: 'test', atMs: Date.now() }
  }

  it('end the streams of a subject in every thread within a second, and know it after a restart', async () => {
    const [alice, bob] = [token('alice'), token('bob')]
    const streams = await Promise.all(Array.from({ length: STREAMS }, (_, at) => open(at, alice)))
    const others = await Promise.all(Array.from({ length: STREAMS }, (_, at) => open(at, bob)))
    expect(new Set(streams.map(({ status }) => status))).toEqual(new Set([200]))
    const atMs = Date.now()
    await write(revocation({ sub: 'alice' }))
    await vi.waitUntil(() => streams.every(({ endedAtMs }) => endedAtMs !== null), SOON)
    const lastMs = Math.max(...streams.map(({ endedAtMs }) => endedAtMs ?? 0)) - atMs
    console.log(`${STREAMS} streams in four threads had ended ${lastMs} ms after the revocation was written`)
    expect(new Set(streams.map(({ endReason }) => endReason))).toEqual(new Set(['end revoked']))
    expect(lastMs).toBeLessThan(1_000)
    expect(others.every(({ endedAtMs }) => endedAtMs === null)).toBe(true)
    const again = await Promise.all(Array.from({ length: 8 }, (_, at) => open(at, alice)))
    expect(again.map(({ status }) => status)).toEqual(again.map(() => 401))
    for (const each of running) await each.end('SIGTERM')
    await start()
    const restarted = await Promise.all(Array.from({ length: 8 }, (_, at) => open(at, alice)))
    expect(restarted.map(({ status }) => status)).toEqual(restarted.map(() => 401))
    expect((await open(0, bob)).status).toBe(200)
  })

  it(`redeem each of ${TICKETS} tickets once, though each is presented to both at the same moment`, async () => {
    const tickets = await Promise.all(
      Array.from({ length: TICKETS }, async (_, at) => {
        const url = `http://127.0.0.1:${ports[at % 2]?.port}/events/ticket`
        const headers = { authorization: `Bearer ${token(`user ${at}`)}` }
        const answer: { ticket: string } = await (await fetch(url, { method: 'POST', headers })).json()
        return keepSecret(answer.ticket)
      }),
    )
    const answers = await Promise.all(
      tickets.map((ticket) =>
        Promise.all([0, 1].map((at) => get(at, `/events?ticket=${encodeURIComponent(ticket)}`))),
      ),
    )
    const statuses = answers.map((both) => both.map(({ status }) => status).sort())
    expect(statuses).toEqual(tickets.map(() => [200, 401]))
  })
})
