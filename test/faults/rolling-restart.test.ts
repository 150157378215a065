// Two servers behind HAProxy that are restarted one after the other, as a new version is rolled out, while records are
// produced and tokens renewed: no record is lost or comes twice, and no connection is refused. The same while the
// certificate and SECRET_KEY are rolled without a restart. Full size: ROLLING_STREAMS=2000 ROLLING_TOKEN_SECONDS=30
// ROLLING_LINGER_SECONDS=5 ROLLING_DRAIN_SECONDS=10, which are the image's times.

import { randomBytes, X509Certificate } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Fetch } from '../../client/src/index.ts'
import { fetchTrusting } from '../../src/commands/trusting-fetch.ts'
import { type Certificates, makeCertificates } from '../../src/demo/certificates.ts'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { type CommandProcess, CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { freePort } from '../support/free-port.ts'
import { makeKey, mintToken, nowSeconds } from '../support/keys-and-tokens.ts'
import { keepSecret } from '../support/printed.ts'
import { hasPrograms } from '../support/programs.ts'
import { forThisTest } from '../support/scene.ts'
import { FleetClient } from './fleet-client.ts'
import { type Balancing, LoadBalancer } from './load-balancer.ts'
import { NumberedRecords } from './numbered-records.ts'

const STREAMS = Number(process.env.ROLLING_STREAMS ?? 100)
const TOKEN_SECONDS = Number(process.env.ROLLING_TOKEN_SECONDS ?? 8)
const LINGER_SECONDS = Number(process.env.ROLLING_LINGER_SECONDS ?? 1.5)
const DRAIN_SECONDS = Number(process.env.ROLLING_DRAIN_SECONDS ?? 2)
const CHALLENGE_SECONDS = Math.min(10, TOKEN_SECONDS / 2)
const PARTITIONS = 3
const RECORDS = { records: 2, everyMs: 500 }
/** Streams that are opened together at first, so that the rates of the server stand. */
const OPENED_AT_ONCE = 50
/** A stranger asks that often, by a connection of its own, and is told 401. */
const ASKED_EVERY_MS = 20
/** Ids are sealed where a claim says who gets records; here all get all. */
const OF_FLEET = { 'params.fleet': '{token.fleet}' }
const SOON = { timeout: 60_000, interval: 100 }
const READ = '"msg":"settings read again"'

const isPossible = bootstrapServers !== null && hasPrograms('a rolling restart behind HAProxy', 'haproxy')
const key = makeKey('ES256')
const newSecret = () => keepSecret(randomBytes(32).toString('base64url'))

/** One server of the two, which comes back at its ports. */
class Replica {
  private process: CommandProcess
  private readonly scene: CommandScene
  private readonly env: Record<string, string>

  private constructor(scene: CommandScene, env: Record<string, string>) {
    this.scene = scene
    this.env = env
    this.process = this.start()
  }

  static async open(scene: CommandScene, settings: Record<string, string>): Promise<Replica> {
    const ports = { PORT: `${await freePort()}`, ADMIN_PORT: `${await freePort()}` }
    const replica = new Replica(scene, { ...settings, ...ports })
    await replica.ready()
    return replica
  }

  get port(): number {
    return Number(this.env.PORT)
  }

  get adminPort(): number {
    return Number(this.env.ADMIN_PORT)
  }

  /** Resolves when it is back, and ready. */
  async restart(): Promise<void> {
    expect(await this.process.end('SIGTERM')).toBe(0)
    this.process = this.start()
    await this.ready()
  }

  /** Resolves once it has read its settings again, and taken what the change is about. */
  async afterReload(change: () => void, changed: string): Promise<void> {
    const from = this.process.stdout.length
    change()
    await vi.waitFor(() => {
      const line = this.process.stdout
        .slice(from)
        .split('\n')
        .find((text) => text.includes(READ))
      expect(line).toContain(`"${changed}"`)
    }, SOON)
  }

  private start(): CommandProcess {
    return this.scene.start(['serve'], this.env, { leadsGroup: true, outputLengthMax: 100_000_000 })
  }

  private async ready(): Promise<void> {
    const { adminPort } = await this.process.listening()
    await vi.waitFor(async () => {
      expect((await fetch(`http://127.0.0.1:${adminPort}/health/ready`)).status).toBe(200)
    }, SOON)
  }
}

/** Two replicas, a load balancer, a producer, clients, and a stranger who tries whether a connection is refused. */
class RollingScene {
  readonly scene: CommandScene
  readonly replicas: Replica[] = []
  readonly clients: FleetClient[] = []
  private readonly records: NumberedRecords
  private readonly settings: Record<string, string>
  private readonly balancing: Balancing
  private readonly fetch: Fetch
  private balancer: LoadBalancer | null = null
  private readonly strangerWasTold = new Set<number | string>()
  private isDone = false
  private work: Promise<unknown> = Promise.resolve()

  private constructor(parts: {
    scene: CommandScene
    records: NumberedRecords
    settings: Record<string, string>
    balancing: Balancing
    fetch: Fetch
  }) {
    this.scene = parts.scene
    this.records = parts.records
    this.settings = parts.settings
    this.balancing = parts.balancing
    this.fetch = parts.fetch
  }

  static async open(
    kafka: Kafka,
    files: Record<string, string>,
    settings: Record<string, string>,
    authorities: string | null,
  ): Promise<RollingScene> {
    const topic = await kafka.createTopic({ partitions: PARTITIONS })
    const control = await kafka.createTopic({ partitions: 3 })
    const streams = JSON.stringify({ streams: [{ path: '/fleets/:fleet', topic, where: OF_FLEET }] })
    const scene = await forThisTest(
      CommandScene.open({ 'public.pem': key.publicPem, 'streams.json': streams, ...files }),
    )
    const limits = ['STREAMS', 'CONNECTIONS'].map((what) => [`${what}_PER_ADDRESS_MAX`, '25000'])
    const rolling = new RollingScene({
      scene,
      records: new NumberedRecords(kafka, topic, PARTITIONS, RECORDS),
      settings: {
        ...SERVE_SETTINGS,
        ...Object.fromEntries(limits),
        CONFIG_FILE: 'streams.json',
        KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers,
        KAFKA_CONTROL_TOPIC: control,
        CHALLENGE_SECONDS: `${CHALLENGE_SECONDS}`,
        LINGER_SECONDS: `${LINGER_SECONDS}`,
        DRAIN_SECONDS: `${DRAIN_SECONDS}`,
        ...settings,
      },
      balancing: authorities === null ? 'http' : 'tcp',
      fetch: fetchTrusting(authorities),
    })
    onTestFinished(() => rolling.close())
    await rolling.start()
    return rolling
  }

  get url(): string {
    return `${this.balancing === 'tcp' ? 'https' : 'http'}://127.0.0.1:${this.port}/fleets/one`
  }

  get port(): number {
    return this.balancer?.port ?? 0
  }

  /** Resolves when the load balancer, too, has found it ready: only then may the next one go. */
  async restart(replica: Replica): Promise<void> {
    await replica.restart()
    // It may close the connection that asks while it is busy with clients that come back.
    await vi.waitFor(async () => expect(await this.balancer?.serversUp()).toBe(this.replicas.length), SOON)
  }

  /** Resolves once each client has had a record that Kafka has now. */
  async allHaveMore(): Promise<void> {
    const counts = [...this.records.counts]
    await vi.waitUntil(
      () => this.clients.every(({ ledger }) => counts.every((count, at) => (ledger.due[at] ?? 0) >= count)),
      SOON,
    )
  }

  /** Resolves once everything was said, with the clients closed. */
  async finish(): Promise<void> {
    await this.allHaveMore()
    this.isDone = true
    await this.work
    const { counts } = this.records
    await vi.waitUntil(() => this.clients.every(({ ledger }) => ledger.hasReached(counts)), SOON)
    for (const client of this.clients) client.close()
    const figures = await this.balancer?.figures()
    this.tell(JSON.stringify(figures))
    const all = <Kind>(of: (client: FleetClient) => Kind[]) => [...new Set(this.clients.flatMap(of))]
    expect(all(({ surprises }) => surprises)).toEqual([])
    expect(all(({ failures }) => failures)).toEqual([])
    expect(all(({ ends }) => ends)).toEqual(['shutdown'])
    expect(this.sum(({ ledger }) => ledger.lost(counts))).toBe(0)
    expect(this.sum(({ ledger }) => ledger.twice)).toBe(0)
    expect([...this.strangerWasTold]).toEqual([401])
    expect(figures).toEqual({ refused: 0, retried: 0, unserved: 0, outages: 0 })
  }

  private async start(): Promise<void> {
    for (const WORKERS of ['1', '2'])
      this.replicas.push(await Replica.open(this.scene, { ...this.settings, WORKERS }))
    this.balancer = await LoadBalancer.open(this.replicas, this.balancing)
    for (let at = 0; at < STREAMS; at += OPENED_AT_ONCE) {
      const opened = Array.from({ length: Math.min(OPENED_AT_ONCE, STREAMS - at) }, (_, more) =>
        this.client(`user ${at + more}`),
      )
      this.clients.push(...opened)
      await vi.waitUntil(() => opened.every((client) => client.opened === 1), SOON)
    }
    this.work = Promise.all([this.records.produceUntil(() => this.isDone), this.ask()])
    await vi.waitUntil(() => this.clients.every(({ renewed }) => renewed > 0), SOON)
    for (const client of this.clients) client.forgetSilence()
  }

  private client(sub: string): FleetClient {
    const token = () =>
      mintToken(key, { claims: { sub, fleet: 'one', iat: nowSeconds(), exp: nowSeconds() + TOKEN_SECONDS } })
    return new FleetClient({ url: this.url, partitions: PARTITIONS, token, fetch: this.fetch })
  }

  private async ask(): Promise<void> {
    const about = {
      method: 'GET',
      headers: {},
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'manual',
    } as const
    while (!this.isDone) {
      const signal = AbortSignal.timeout(10_000)
      const told = await this.fetch(this.url, { ...about, signal }).then(
        async ({ status, body }) => {
          await body?.cancel()
          return status
        },
        (error) => String(error),
      )
      this.strangerWasTold.add(told)
      await pause(ASKED_EVERY_MS)
    }
  }

  private tell(figures: string): void {
    const { counts, total } = this.records
    const times = this.clients.flatMap(({ openedAtMs }) => openedAtMs.slice(1))
    const silences = this.clients.map(({ longestSilenceMs }) => longestSilenceMs)
    console.log(
      `${STREAMS} streams by ${this.balancing}, ${total} records, ` +
        `${this.sum(({ ledger }) => ledger.lost(counts))} lost, ${this.sum(({ ledger }) => ledger.twice)} twice, ` +
        `${this.sum(({ renewed }) => renewed)} renewals, ${times.length} reconnects, ` +
        `at most ${mostInASecond(times)} in a second, longest silence ${(Math.max(...silences) / 1000).toFixed(1)} s; at HAProxy ${figures}`,
    )
  }

  private sum(of: (client: FleetClient) => number): number {
    return this.clients.reduce((total, client) => total + of(client), 0)
  }

  private async close(): Promise<void> {
    this.isDone = true
    for (const client of this.clients) client.close()
    await this.work
    await this.balancer?.close()
  }
}

describe.skipIf(!isPossible)('Two servers behind a load balancer, restarted one after the other', () => {
  let kafka: Kafka

  beforeAll(() => {
    kafka = new Kafka(bootstrapServers)
  })
  afterAll(() => kafka.close())

  const timeout = { timeout: 240_000 + STREAMS * 100 }

  it('lose no record, send none twice and refuse no connection', timeout, async () => {
    const rolling = await RollingScene.open(kafka, {}, { SECRET_KEY: newSecret() }, null)
    for (const replica of rolling.replicas) await rolling.restart(replica)
    await rolling.finish()
  })

  it('do so while the certificate and SECRET_KEY are rolled, too', timeout, async () => {
    const [old, next] = [await certificates(), await certificates()]
    const [oldSecret, secret] = [newSecret(), newSecret()]
    const rolling = await RollingScene.open(
      kafka,
      { 'tls.crt': old.certificatePem, 'tls.key': old.keyPem, secret: oldSecret },
      {
        ...{ TLS: 'on', TLS_CERT_FILE: 'tls.crt', TLS_KEY_FILE: 'tls.key', SECRET_KEY_FILE: 'secret' },
        RELOAD_SECONDS: '0.3',
      },
      old.caPem + next.caPem,
    )
    const { scene, replicas, port } = rolling
    const [first, second] = replicas as [Replica, Replica] // two are opened
    const roll = async (files: Record<string, string>, changed: string) => {
      const change = () => {
        for (const [name, text] of Object.entries(files)) scene.file(name, text)
      }
      let isChanged = false
      const once = () => {
        if (!isChanged) change()
        isChanged = true
      }
      await Promise.all(replicas.map((replica) => replica.afterReload(once, changed)))
      await rolling.allHaveMore()
    }
    expect(await servedAt(port)).toEqual(fingerprintOf(old))
    await roll({ secret: `${oldSecret},${secret}` }, 'SECRET_KEY')
    await rolling.restart(first)
    await roll({ 'tls.crt': next.certificatePem, 'tls.key': next.keyPem }, 'TLS_CERT_FILE')
    for (const replica of replicas) expect(await servedAt(replica.port)).toEqual(fingerprintOf(next))
    await roll({ secret: `${secret},${oldSecret}` }, 'SECRET_KEY')
    await roll({ secret }, 'SECRET_KEY')
    await rolling.restart(second)
    await rolling.finish()
  })
})

async function certificates(): Promise<Certificates> {
  const made = await makeCertificates(['127.0.0.1'], Date.now())
  keepSecret(made.keyPem)
  return made
}

const fingerprintOf = ({ certificatePem }: Certificates) => new X509Certificate(certificatePem).fingerprint256

function servedAt(port: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

/** Of times in ms. */
function mostInASecond(times: readonly number[]): number {
  const seconds = new Map<number, number>()
  for (const time of times)
    seconds.set(Math.floor(time / 1000), (seconds.get(Math.floor(time / 1000)) ?? 0) + 1)
  return Math.max(0, ...seconds.values())
}
