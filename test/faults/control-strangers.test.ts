// What others can do to the control topic without the secret, and operators by mistake, on a real Kafka: the promises
// of docs/control-topic.md hold all the same.

import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { SseOptions } from '../../src/options.ts'
import { bootstrapServers, Kafka } from '../kafka/kafka.ts'
import { fleetToken, Replica } from '../kafka/replica.ts'
import { nowSeconds } from '../support/keys-and-tokens.ts'
import { keepSecret } from '../support/printed.ts'
import { forThisTest } from '../support/scene.ts'

const SOON = { timeout: 30_000, interval: 20 }
/** The shortest that may be set. */
const BLIND_SECONDS = 5

describe.skipIf(bootstrapServers === null)('A replica whose control topic others can write to', () => {
  let kafka: Kafka

  beforeAll(() => {
    kafka = new Kafka(bootstrapServers)
  })
  afterAll(() => kafka.close())

  async function topics(): Promise<{ topic: string; control: string }> {
    return { topic: await kafka.createTopic(), control: await kafka.createTopic() }
  }

  async function replica(
    { topic, control }: { topic: string; control: string },
    changes: Partial<SseOptions> = {},
  ): Promise<Replica> {
    const options = { bootstrapServers: kafka.bootstrapServers, controlTopic: control }
    const sse = { controlBlind: 'end' as const, controlBlindSeconds: BLIND_SECONDS, ...changes }
    const opened = await forThisTest(Replica.open({ kafka: options, topic, sse }))
    return opened.ready()
  }

  it('hears past a transaction that somebody leaves open in it', async () => {
    const named = await topics()
    const [one, other] = [await replica(named), await replica(named)]
    const stream = await one.get(fleetToken(600))
    const transaction = await kafka.openTransaction(named.control, [{ value: 'x' }])
    try {
      await pause((BLIND_SECONDS + 2) * 1000)
      expect(await one.reasons()).toEqual([])
      expect(stream.isOpen).toBe(true)
      await other.scope.kafkaSse.revoke({ sub: 'alice' })
      await vi.waitUntil(() => !stream.isOpen, SOON)
      expect(stream.endReason).toBe('revoked')
    } finally {
      await transaction.abort()
    }
  })

  it('keeps its streams while a topic that was made again is read, also where they end when it is blind', async () => {
    const named = await topics()
    const one = await replica(named)
    const stream = await one.get(fleetToken(600))
    await kafka.recreateTopic(named.control)
    await vi.waitUntil(() => one.lines(40).some((line) => line.includes('another topic')), SOON)
    await one.ready()
    expect(stream.isOpen).toBe(true)
  })

  it('writes again what was revoked, if records are deleted, so that one that starts later knows it', async () => {
    const named = await topics()
    const one = await replica(named)
    await one.scope.kafkaSse.revoke({ sub: 'alice' })
    const read = 'kafka_sse_control_records_total{op="revoke"}'
    await vi.waitUntil(async () => (await one.metric(read)) === 1, SOON)
    await kafka.deleteRecords(named.control, 0, -1)
    await vi.waitUntil(async () => (await one.metric(read)) === 2, SOON)
    const later = await replica(named)
    expect((await later.get(fleetToken(60, { iat: nowSeconds() - 100 }))).status).toBe(401)
  })

  it('says that another one may have another secret, whose revocations it does not obey', async () => {
    const named = await topics()
    const secretKey = keepSecret(Buffer.alloc(32, 9).toString('base64url'))
    const [one, other] = [await replica(named), await replica(named, { secretKey })]
    const stream = await one.get(fleetToken(600))
    await other.scope.kafkaSse.revoke({ sub: 'alice' })
    // Its heartbeats count as well, so that one may be told first.
    const words = `control topic ${named.control}: records passed over without a mac of our secrets: `
    await vi.waitUntil(() => one.lines(40).some((line) => line.startsWith(words)), SOON)
    const passed = 'kafka_sse_control_passed_over_total{reason="mac"}'
    await vi.waitUntil(async () => (await one.metric(passed)) >= 2, SOON)
    expect(stream.isOpen).toBe(true)
  })

  it('passes over tombstones and values of 1 MiB, and goes on', async () => {
    const named = await topics()
    const [one, other] = [await replica(named), await replica(named)]
    const stream = await one.get(fleetToken(600))
    const large = Buffer.alloc(1_000_000, '{"v":1,"op":"renew"')
    const records = Array.from({ length: 50 }, () => [{ value: large }, { value: null, key: 'x' }]).flat()
    await kafka.produce(named.control, ...records)
    const passed = 'kafka_sse_control_passed_over_total{reason="mac"}'
    await vi.waitUntil(async () => (await one.metric(passed)) >= 50, SOON)
    await other.scope.kafkaSse.revoke({ sub: 'alice' })
    await vi.waitUntil(() => !stream.isOpen, SOON)
    expect(stream.endReason).toBe('revoked')
    const third = await replica(named)
    expect((await third.get(fleetToken(60, { iat: nowSeconds() - 100 }))).status).toBe(401)
  })
})
