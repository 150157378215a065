// Kafka is gone for longer than a replica may be without it: the bound within which it fails closed, with `continue`
// and with `end`. These tests start a broker of their own.

import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { canStartKafka, Kafka } from '../kafka/kafka.ts'
import { type RealKafka, startRealKafka } from '../kafka/real-kafka.ts'
import { fleetToken, Replica, SECRET } from '../kafka/replica.ts'
import { CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { makeKey, mintToken, nowSeconds } from '../support/keys-and-tokens.ts'
import { forThisTest } from '../support/scene.ts'

const SOON = { timeout: 30_000, interval: 20 }
/** The shortest that may be set; `CONTROL_LOST_SECONDS=60` lets Kafka be gone for a minute. */
const BLIND_SECONDS = 5
const LOST_SECONDS = Number(process.env.CONTROL_LOST_SECONDS ?? 10)

/**
 * Time in which this process runs: a turn that comes late counts for no more than two. So the bounds below hold on a
 * machine that is busy with something else, too, which delays the timers and the sockets of a replica as it does these.
 */
class RunTime {
  ms = 0
  private lastMs = performance.now()
  private readonly timer = setInterval(() => this.turn(), TURN_MS)

  private turn(): void {
    const nowMs = performance.now()
    this.ms += Math.min(nowMs - this.lastMs, 2 * TURN_MS)
    this.lastMs = nowMs
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /** Resolves with the time until then. */
  async until(isSo: () => boolean): Promise<number> {
    await vi.waitUntil(isSo, SOON).finally(() => this.stop())
    return this.ms
  }
}
const TURN_MS = 20

describe.skipIf(!canStartKafka)('A replica whose Kafka is gone', () => {
  let broker: RealKafka
  let kafka: Kafka

  beforeAll(async () => {
    broker = await startRealKafka()
    kafka = new Kafka(broker.bootstrapServers)
  })
  beforeEach(async () => {
    if (!broker.isRunning) await broker.start()
  })
  afterAll(async () => {
    await kafka.close()
    await broker.close()
  })

  async function open(controlBlind: 'continue' | 'end'): Promise<Replica> {
    const [topic, controlTopic] = [await kafka.createTopic(), await kafka.createTopic({ partitions: 3 })]
    const options = { bootstrapServers: broker.bootstrapServers, controlTopic }
    const sse = { controlBlind, controlBlindSeconds: BLIND_SECONDS }
    const replica = await forThisTest(Replica.open({ kafka: options, topic, sse }))
    return replica.ready()
  }

  it(
    'opens and renews until it has heard nothing for the stated time, then neither; open streams end at their exp',
    async () => {
      const replica = await open('continue')
      const long = await replica.get(fleetToken(LOST_SECONDS + 60))
      const short = await replica.get(fleetToken(BLIND_SECONDS + 4, { sub: 'bob' }))
      await broker.kill()
      const killedAtMs = Date.now()
      expect((await replica.get(fleetToken(60))).status).toBe(200)
      expect(await replica.renew(fleetToken(LOST_SECONDS + 61))).toBe(204)
      // Held by none here, so it has to be written; that is given up after some seconds.
      const written = replica.renew(fleetToken(60, { sub: 'carol' }))
      const status = async () => {
        const stream = await replica.get(fleetToken(60, { sub: 'dora' }))
        stream.leave()
        return stream.status
      }
      /** When the last stream was asked for that opened. Of no account is when its answer came. */
      let openedAtMs = killedAtMs
      const isRefused = async () => {
        const askedAtMs = Date.now()
        const answered = await status()
        if (answered === 200) openedAtMs = askedAtMs
        return answered === 503
      }
      await vi.waitUntil(isRefused, SOON)
      expect(await written).toBe(503)
      console.log(`opens for ${openedAtMs - killedAtMs} ms after Kafka was killed`)
      expect(openedAtMs - killedAtMs).toBeLessThanOrEqual(BLIND_SECONDS * 1000)
      expect((await replica.reasons()).join()).toMatch(/no heartbeat of this process has come back for 5 s/)
      expect(await replica.renew(fleetToken(60, { sub: 'bob' }))).toBe(503)
      await vi.waitUntil(() => !short.isOpen, SOON)
      expect(short.endReason).toBe('expired')
      await pause(Math.max(0, killedAtMs + LOST_SECONDS * 1000 - Date.now()))
      expect(await status()).toBe(503)
      expect(long.isOpen).toBe(true)
      expect(await replica.metric('kafka_sse_control_unwritten_total{op="renew"}')).toBeGreaterThanOrEqual(1)
      await broker.start()
      await replica.ready()
      expect(await status()).toBe(200)
      expect(long.isOpen).toBe(true)
      expect(await replica.renew(fleetToken(120))).toBe(204)
      expect(replica.lines(40).filter((line) => line.includes('no heartbeat'))).toHaveLength(1)
    },
    (LOST_SECONDS + 60) * 1000,
  )

  it('ends open streams as busy after the stated time, if that is asked for, and opens them again', async () => {
    const replica = await open('end')
    const stream = await replica.get(fleetToken(600))
    await broker.kill()
    const endedAfterMs = await new RunTime().until(() => !stream.isOpen)
    expect(stream.endReason).toBe('busy')
    expect(endedAfterMs).toBeLessThanOrEqual(BLIND_SECONDS * 1000 + 1_000)
    expect((await replica.get(fleetToken(600))).status).toBe(503)
    await broker.start()
    await replica.ready()
    expect((await replica.get(fleetToken(600))).status).toBe(200)
  })

  it('that hangs instead of dying counts as gone, too', async () => {
    const replica = await open('end')
    const stream = await replica.get(fleetToken(600))
    broker.freeze()
    const endedAfterMs = await new RunTime().until(() => !stream.isOpen)
    broker.thaw()
    expect(stream.endReason).toBe('busy')
    expect(endedAfterMs).toBeLessThanOrEqual(BLIND_SECONDS * 1000 + 1_000)
    await replica.ready()
  })

  it('with workers ends the streams of all of them, which hear of it from the main thread', async () => {
    const [topic, controlTopic] = [await kafka.createTopic(), await kafka.createTopic()]
    const key = makeKey('ES256')
    const scene = await forThisTest(CommandScene.open({ 'public.pem': key.publicPem }))
    const settings = {
      ...SERVE_SETTINGS,
      KAFKA_BOOTSTRAP_SERVERS: broker.bootstrapServers,
      KAFKA_TOPIC: topic,
      KAFKA_CONTROL_TOPIC: controlTopic,
      SECRET_KEY: SECRET,
      CONTROL_BLIND: 'end',
      CONTROL_BLIND_SECONDS: String(BLIND_SECONDS),
      WORKERS: '2',
    }
    const { port, adminPort } = await scene.start(['serve'], settings).listening()
    const isReady = async () => (await fetch(`http://127.0.0.1:${adminPort}/health/ready`)).status === 200
    await vi.waitUntil(isReady, SOON)
    const authorization = `Bearer ${mintToken(key, { claims: { exp: nowSeconds() + 600 } })}`
    const get = () =>
      fetch(`http://127.0.0.1:${port}/events`, { headers: { authorization, connection: 'close' } })
    const streams = await Promise.all(Array.from({ length: 10 }, get))
    expect(streams.map(({ status }) => status)).toEqual(streams.map(() => 200))
    const texts = Promise.all(streams.map((stream) => stream.text()))
    await broker.kill()
    const runTime = new RunTime()
    for (const text of await texts.finally(() => runTime.stop())) expect(text).toMatch(/:end busy\n\n$/)
    expect(runTime.ms).toBeLessThanOrEqual(BLIND_SECONDS * 1000 + 1_500)
    expect((await get()).status).toBe(503)
    await broker.start()
    await vi.waitUntil(async () => (await get()).status === 200, SOON)
  })

  it('keeps a revocation that Kafka did not take, refuses by it, and writes it when Kafka is back', async () => {
    const replica = await open('continue')
    const stream = await replica.get(fleetToken(600))
    await broker.kill()
    await expect(replica.scope.kafkaSse.revoke({ sub: 'alice' })).rejects.toThrow(/cannot be told/)
    await vi.waitUntil(() => !stream.isOpen, SOON)
    expect(stream.endReason).toBe('revoked')
    await broker.start()
    await replica.ready()
    expect((await replica.get(fleetToken(60, { iat: Math.floor(Date.now() / 1000) - 100 }))).status).toBe(401)
    const written = 'kafka_sse_control_records_total{op="revoke"}'
    await vi.waitUntil(async () => (await replica.metric(written)) >= 1, { timeout: 80_000, interval: 500 })
  }, 120_000)
})
