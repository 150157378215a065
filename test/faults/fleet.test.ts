// Two servers behind HAProxy, in turn and without stickiness, on a real Kafka: renewals come to either, and one server
// is killed. No stream is lost, and no record. Full size: FLEET_STREAMS=200 FLEET_SECONDS=300 FLEET_TOKEN_SECONDS=30.

import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { connect } from '../../client/src/index.ts'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { makeKey, mintToken, nowSeconds } from '../support/keys-and-tokens.ts'
import { keepSecret } from '../support/printed.ts'
import { hasPrograms } from '../support/programs.ts'
import { forThisTest } from '../support/scene.ts'
import { LoadBalancer } from './load-balancer.ts'

const STREAMS = Number(process.env.FLEET_STREAMS ?? 30)
const SECONDS = Number(process.env.FLEET_SECONDS ?? 15)
const TOKEN_SECONDS = Number(process.env.FLEET_TOKEN_SECONDS ?? 8)
/** From exp on backwards: a third of the tokens' time. */
const CHALLENGE_SECONDS = Math.min(10, TOKEN_SECONDS / 2)
const RECORD_EVERY_MS = 200
const BACK_MS = 60_000

/** A client of ours through the load balancer, with a subject of its own. */
class FleetClient {
  readonly values: string[] = []
  readonly ends: string[] = []
  readonly failures: string[] = []
  opened = 0
  renewed = 0
  private readonly stream: ReturnType<typeof connect>

  constructor(port: number, token: () => string) {
    this.stream = connect(`http://127.0.0.1:${port}/events`, {
      getToken: token,
      onEvent: ({ type, data }) => {
        if (type !== 'ready') this.values.push(type === 'message' ? data : `${type} ${data}`)
      },
      onOpen: () => {
        this.opened++
      },
      onRenewed: () => {
        this.renewed++
      },
      onEnd: ({ reason }) => this.ends.push(reason),
      onError: ({ error }) => this.failures.push(`${error.code} ${error.message}`),
    })
  }

  close(): void {
    this.stream.close()
  }
}

const isPossible = bootstrapServers !== null && hasPrograms('a fleet behind HAProxy', 'haproxy')

describe.skipIf(!isPossible)('Two servers behind a load balancer', () => {
  let kafka: Kafka

  beforeAll(() => {
    kafka = new Kafka(bootstrapServers)
  })
  afterAll(() => kafka.close())

  it(
    'lose no stream while tokens are renewed at either, and no record when one is killed',
    async () => {
      const [topic, control] = [await kafka.createTopic(), await kafka.createTopic({ partitions: 3 })]
      const key = makeKey('ES256')
      const scene = await forThisTest(CommandScene.open({ 'public.pem': key.publicPem }))
      const settings = {
        ...SERVE_SETTINGS,
        KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers,
        KAFKA_TOPIC: topic,
        KAFKA_CONTROL_TOPIC: control,
        SECRET_KEY: keepSecret(Buffer.alloc(32, 5).toString('base64url')),
        CHALLENGE_SECONDS: String(CHALLENGE_SECONDS),
        LOG_LEVEL: 'debug',
      }
      const servers = ['1', '2'].map((WORKERS) =>
        scene.start(['serve'], { ...settings, WORKERS }, { leadsGroup: true }),
      )
      const ports = await Promise.all(servers.map((server) => server.listening()))
      for (const { adminPort } of ports) await vi.waitFor(() => isReady(adminPort), { timeout: 30_000 })
      const balancer = await forThisTest(LoadBalancer.open(ports))
      const clients = Array.from({ length: STREAMS }, (_, at) => {
        const claims = () => ({ sub: `user ${at}`, iat: nowSeconds(), exp: nowSeconds() + TOKEN_SECONDS })
        return new FleetClient(balancer.port, () => mintToken(key, { claims: claims() }))
      })
      const written: string[] = []
      const produce = async (untilMs: number) => {
        while (Date.now() < untilMs) {
          const value = `${written.length}`
          await kafka.produce(topic, { key: value, value })
          written.push(value)
          await pause(RECORD_EVERY_MS)
        }
      }
      await produce(Date.now() + SECONDS * 1000)
      const renewals = clients.map(({ renewed }) => renewed)
      console.log(`${STREAMS} streams, ${renewals.reduce((sum, each) => sum + each, 0)} renewals`)
      expect(clients.map(({ opened, ends, failures }) => ({ opened, ends, failures }))).toEqual(
        clients.map(() => ({ opened: 1, ends: [], failures: [] })),
      )
      expect(Math.min(...renewals)).toBeGreaterThanOrEqual(Math.floor(SECONDS / TOKEN_SECONDS))
      const [first] = servers
      process.kill(-(first?.pid ?? Number.NaN), 'SIGKILL')
      await produce(Date.now() + TOKEN_SECONDS * 1000)
      const has = ({ values }: FleetClient) => values.length >= written.length
      await vi.waitUntil(() => clients.every(has), { timeout: BACK_MS, interval: 50 })
      const moved = clients.filter(({ opened }) => opened > 1).length
      console.log(`${moved} of ${STREAMS} streams moved`)
      expect(moved).toBeGreaterThan(0)
      expect(moved).toBeLessThan(STREAMS)
      for (const { values } of clients) expect(values).toEqual(written)
      for (const client of clients) client.close()
    },
    (SECONDS + TOKEN_SECONDS) * 1000 + 180_000,
  )
})

async function isReady(adminPort: number): Promise<void> {
  const { status } = await fetch(`http://127.0.0.1:${adminPort}/health/ready`)
  if (status !== 200) throw new Error(`readiness is ${status}`)
}
