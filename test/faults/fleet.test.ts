// Two servers behind HAProxy, in turn and without stickiness, on a real Kafka: renewals come to either, and one server
// is killed. No stream is lost, and no record. Full size: FLEET_STREAMS=200 FLEET_SECONDS=300 FLEET_TOKEN_SECONDS=30.

import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { makeKey, mintToken, nowSeconds } from '../support/keys-and-tokens.ts'
import { keepSecret } from '../support/printed.ts'
import { hasPrograms } from '../support/programs.ts'
import { forThisTest } from '../support/scene.ts'
import { FleetClient } from './fleet-client.ts'
import { LoadBalancer } from './load-balancer.ts'

const STREAMS = Number(process.env.FLEET_STREAMS ?? 30)
const SECONDS = Number(process.env.FLEET_SECONDS ?? 15)
const TOKEN_SECONDS = Number(process.env.FLEET_TOKEN_SECONDS ?? 8)
/** From exp on backwards: a third of the tokens' time. */
const CHALLENGE_SECONDS = Math.min(10, TOKEN_SECONDS / 2)
const RECORD_EVERY_MS = 200
const BACK_MS = 60_000

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
        const token = () => mintToken(key, { claims: claims() })
        return new FleetClient({ url: `http://127.0.0.1:${balancer.port}/events`, partitions: 1, token })
      })
      let written = 0
      const produce = async (untilMs: number) => {
        while (Date.now() < untilMs) {
          const value = `0:${written}`
          await kafka.produce(topic, { key: value, value })
          written++
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
      const has = ({ ledger }: FleetClient) => ledger.hasReached([written])
      await vi.waitUntil(() => clients.every(has), { timeout: BACK_MS, interval: 50 })
      const moved = clients.filter(({ opened }) => opened > 1).length
      console.log(`${moved} of ${STREAMS} streams moved`)
      expect(moved).toBeGreaterThan(0)
      expect(moved).toBeLessThan(STREAMS)
      for (const { ledger, surprises } of clients) {
        expect(surprises).toEqual([])
        expect(ledger.lost([written])).toBe(0)
      }
      for (const client of clients) client.close()
    },
    (SECONDS + TOKEN_SECONDS) * 1000 + 180_000,
  )
})

async function isReady(adminPort: number): Promise<void> {
  const { status } = await fetch(`http://127.0.0.1:${adminPort}/health/ready`)
  if (status !== 200) throw new Error(`readiness is ${status}`)
}
