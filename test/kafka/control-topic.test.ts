// Two replicas with a control topic on a real Kafka: docs/control-topic.md, sentence by sentence.

import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { ControlTopic } from '../../plugins/kafka/control/control-topic.ts'
import { ControlKeys } from '../../src/control/control-keys.ts'
import { type ControlRecord, encodeRecord, macText } from '../../src/control/control-record.ts'
import { SYSTEM_CLOCK } from '../../src/stream/clock.ts'
import { Revocations } from '../../src/token/revocations.ts'
import { forThisTest } from '../support/scene.ts'
import { renewalOf } from '../unit/control/control-scene.ts'
import { bootstrapServers, Kafka } from './kafka.ts'
import { fleetToken, Replica, type ReplicaOptions, SECRET } from './replica.ts'

const SOON = { timeout: 20_000, interval: 20 }
const KEYS = new ControlKeys([Buffer.from(SECRET, 'base64url')])
const FOREIGN = new ControlKeys([Buffer.alloc(32, 9)])

describe.skipIf(bootstrapServers === null)('Two replicas with a control topic', () => {
  let kafka: Kafka
  const replicas: Replica[] = []

  beforeAll(() => {
    kafka = new Kafka(bootstrapServers)
  })
  afterAll(() => kafka.close())

  async function closeReplicas(): Promise<void> {
    await Promise.all(replicas.splice(0).map((replica) => replica.close()))
  }

  async function replica(
    { topic, control }: { topic: string; control: string },
    changes: Omit<Partial<ReplicaOptions>, 'kafka' | 'topic'> = {},
  ): Promise<Replica> {
    const options = { bootstrapServers: kafka.bootstrapServers, controlTopic: control }
    const made = await Replica.open({ kafka: options, topic, ...changes })
    replicas.push(made)
    return made
  }

  async function topics(partitions = 3): Promise<{ topic: string; control: string }> {
    return { topic: await kafka.createTopic(), control: await kafka.createTopic({ partitions }) }
  }

  async function pair(changes: Omit<Partial<ReplicaOptions>, 'kafka' | 'topic'> = {}) {
    const named = await topics()
    const [one, other] = await Promise.all([replica(named, changes), replica(named, changes)])
    await Promise.all([one.ready(), other.ready()])
    return { one, other, ...named }
  }

  /** What a replica redeems by, without its streams. */
  async function center(topic: string): Promise<ControlTopic> {
    const options = { bootstrapServers: kafka.bootstrapServers }
    const parts = {
      kafka: options,
      topic,
      keys: new ControlKeys([Buffer.from(SECRET, 'base64url')]),
      blindMs: 30_000,
    }
    const { info, warn, debug } = { info: () => {}, warn: () => {}, debug: () => {} }
    const made = await forThisTest(
      new ControlTopic({ ...parts, lifetimes: new Map(), clock: SYSTEM_CLOCK, log: { info, warn, debug } }),
    )
    made.start({ revocations: new Revocations(SYSTEM_CLOCK), receive: () => {} })
    await vi.waitUntil(() => made.state().trouble === null, SOON)
    return made
  }

  /** As a replica writes it, but for what is changed. */
  async function write(
    topic: string,
    record: ControlRecord,
    { keys = KEYS, times = 1, partition = 0 } = {},
  ): Promise<void> {
    const { key, value, mac } = encodeRecord(record, topic, keys)
    const headers = [{ mac: macText(mac) }]
    await kafka.produce(topic, ...Array.from({ length: times }, () => ({ key, value, partition, headers })))
  }

  // At the same time, each with replicas of its own: nearly all of their time they wait for tokens to expire.
  describe.concurrent('a renewal', () => {
    afterAll(closeReplicas)

    it('at the other one keeps a stream open beyond its token: 202', async () => {
      const { one, other } = await pair({ sse: { challengeSeconds: 3 } })
      const stream = await one.get(fleetToken(6))
      await vi.waitUntil(() => stream.challenges === 1, SOON)
      expect(await other.renew(fleetToken(9))).toBe(202)
      await pause(4_000)
      expect(stream.isOpen).toBe(true)
      await vi.waitUntil(() => stream.challenges === 2, SOON)
      await vi.waitUntil(() => !stream.isOpen, SOON)
      expect(stream.endReason).toBe('expired')
      expect(await other.metric('kafka_sse_control_records_total{op="renew"}')).toBe(1)
    })

    it('where one stream is open at each renews both: 204', async () => {
      const { one, other } = await pair()
      const streams = [await one.get(fleetToken(4)), await other.get(fleetToken(4))]
      expect(await one.renew(fleetToken(60))).toBe(204)
      await pause(5_000)
      expect(streams.map(({ isOpen }) => isOpen)).toEqual([true, true])
      expect(await other.metric('kafka_sse_renewals_total')).toBe(1)
    })

    it('of another subject, another client or without the stream’s scope leaves it as it is', async () => {
      const { one, other } = await pair()
      const claims = { azp: 'app' }
      const stream = await one.get(fleetToken(4, claims))
      expect(await other.renew(fleetToken(60, { ...claims, sub: 'bob' }))).toBe(202)
      expect(await other.renew(fleetToken(60, { azp: 'another' }))).toBe(202)
      expect(await other.renew(fleetToken(60, { ...claims, scope: 'other' }))).toBe(403)
      await vi.waitUntil(() => !stream.isOpen, SOON)
      expect(stream.endReason).toBe('expired')
    })

    it('is checked again where it arrives: a stream there may need another scope', async () => {
      const named = await topics()
      const strict = await replica(named, { scope: 'orders:read' })
      const lax = await replica(named)
      await Promise.all([strict.ready(), lax.ready()])
      const stream = await strict.get(fleetToken(4, { scope: 'orders:read' }))
      expect(stream.status).toBe(200)
      expect(await lax.renew(fleetToken(60))).toBe(202)
      await vi.waitUntil(() => !stream.isOpen, SOON)
      const both = await strict.get(fleetToken(4, { scope: 'orders:read' }))
      expect(await lax.renew(fleetToken(60, { scope: 'proxy:stream orders:read' }))).toBe(202)
      await pause(5_000)
      expect(both.isOpen).toBe(true)
    })

    it('without a subject is not handed over: 404', async () => {
      const { one, other } = await pair()
      const stream = await one.get(fleetToken(60, { sub: undefined }))
      expect(stream.status).toBe(200)
      expect(await other.renew(fleetToken(60, { sub: undefined }))).toBe(404)
    })
  })

  describe('a revocation', () => {
    afterEach(closeReplicas)

    it('at one ends the streams of the other within a second, and opens none', async () => {
      const { one, other } = await pair()
      const [alice, bob] = [await other.get(fleetToken(60)), await other.get(fleetToken(60, { sub: 'bob' }))]
      const atMs = Date.now()
      await one.scope.kafkaSse.revoke({ sub: 'alice' })
      await vi.waitUntil(() => !alice.isOpen, SOON)
      expect(alice.endReason).toBe('revoked')
      expect(alice.endedAtMs - atMs).toBeLessThan(1_000)
      expect((await other.get(fleetToken(60, { iat: Math.floor(atMs / 1000) - 5 }))).status).toBe(401)
      expect((await other.get(fleetToken(60, { sub: 'bob' }))).status).toBe(200)
      expect(bob.isOpen).toBe(true)
    })

    it('outlives both: who starts later knows it', async () => {
      const named = await topics()
      const first = await Replica.open({
        kafka: { bootstrapServers: kafka.bootstrapServers, controlTopic: named.control },
        topic: named.topic,
      })
      await first.ready()
      await first.scope.kafkaSse.revoke({ sub: 'alice' })
      await first.close()
      const second = await replica(named)
      await second.ready()
      expect((await second.get(fleetToken(60, { iat: Math.floor(Date.now() / 1000) - 60 }))).status).toBe(401)
      expect((await second.get(fleetToken(60, { sub: 'bob' }))).status).toBe(200)
    })

    it('of a renewed token by its own id ends the stream that another replica has renewed', async () => {
      const { one, other } = await pair()
      const stream = await one.get(fleetToken(5, { jti: 'first' }))
      expect(await other.renew(fleetToken(60, { jti: 'second' }))).toBe(202)
      await vi.waitUntil(async () => (await one.metric('kafka_sse_renewals_total')) === 1, SOON)
      await other.scope.kafkaSse.revoke({ jti: 'first' })
      await pause(500)
      expect(stream.isOpen).toBe(true)
      await other.scope.kafkaSse.revoke({ jti: 'second' })
      await vi.waitUntil(() => !stream.isOpen, SOON)
      expect(stream.endReason).toBe('revoked')
    })
  })

  describe.concurrent('a record of somebody else’s making', () => {
    afterAll(closeReplicas)

    it('changes nothing, 10,000 of them included: neither streams nor readiness', async () => {
      const { one, other, control } = await pair()
      const stream = await one.get(fleetToken(6))
      const { session } = renewalOf()
      const claims = { subject: 'alice', expiresAtMs: Date.now() + 60_000, scopes: new Set(['proxy:stream']) }
      const renewal = renewalOf({ session: { ...session, ...claims } })
      await write(
        control,
        { op: 'renew', renewal, by: 'x', atMs: Date.now() },
        { keys: FOREIGN, times: 10_000 },
      )
      const mac = 'kafka_sse_control_passed_over_total{reason="mac"}'
      await vi.waitUntil(async () => (await one.metric(mac)) === 10_000, SOON)
      expect(await one.reasons()).toEqual([])
      await vi.waitUntil(() => !stream.isOpen, SOON)
      expect(stream.endReason).toBe('expired')
      expect(await other.renew(fleetToken(9))).toBe(202)
    })

    it('is told from the same record with the right mac', async () => {
      const { one, control } = await pair()
      const stream = await one.get(fleetToken(4))
      const { session } = renewalOf()
      const times = { expiresAtMs: Date.now() + 60_000, issuedAtMs: Date.now() }
      const claims = { subject: 'alice', scopes: new Set(['proxy:stream']), ...times }
      const renewal = renewalOf({ session: { ...session, ...claims } })
      await write(control, { op: 'renew', renewal, by: 'x', atMs: Date.now() })
      await pause(5_000)
      expect(stream.isOpen).toBe(true)
    })
  })

  describe('a ticket’s nonce', () => {
    it('is redeemed by one of two replicas that are asked at once, a hundred times', async () => {
      const { control } = await topics()
      const centers = await Promise.all([center(control), center(control)])
      const nonces = Array.from({ length: 100 }, (_, at) => `nonce ${at}`)
      const answers = await Promise.all(
        nonces.map((nonce) =>
          Promise.all(centers.map((center) => center.redeem(nonce, Date.now() + 30_000))),
        ),
      )
      expect(answers.map((each) => each.filter((isGood) => isGood).length)).toEqual(nonces.map(() => 1))
    })
  })

  describe('a replica', () => {
    afterEach(closeReplicas)

    it('without its control topic is not ready, and names the command that makes it', async () => {
      const topic = await kafka.createTopic()
      const named = { topic, control: 'not-there' }
      const alone = await replica(named)
      const words = `control topic not-there does not exist, or this principal may not Describe it: kafka-topics.sh --bootstrap-server ${kafka.bootstrapServers} --create --topic not-there `
      await vi.waitFor(async () => expect((await alone.reasons()).join()).toContain(words), SOON)
      expect((await alone.get(fleetToken(60))).status).toBe(503)
      const eventSource = await alone.get(fleetToken(60), { accept: 'text/event-stream' })
      await vi.waitUntil(() => !eventSource.isOpen, SOON)
      expect([eventSource.status, eventSource.endReason]).toEqual([200, 'busy'])
      expect(await alone.renew(fleetToken(60))).toBe(503)
      await vi.waitFor(() => expect(alone.lines(40).join()).toContain(words), SOON)
    })

    it('whose control topic is compacted is not ready, and names the command that changes it', async () => {
      const topic = await kafka.createTopic()
      const control = await kafka.createTopic({ config: { 'cleanup.policy': 'compact' } })
      const alone = await replica({ topic, control })
      const words = `control topic ${control} is compacted`
      await vi.waitFor(async () => expect((await alone.reasons()).join()).toContain(words), SOON)
      expect((await alone.get(fleetToken(60))).status).toBe(503)
      const command = '--add-config cleanup.policy=delete'
      await vi.waitFor(() => expect(alone.lines(40).join()).toContain(command), SOON)
    })

    it('that may read the topic and cannot write to it is not ready, and says why', async () => {
      const topic = await kafka.createTopic()
      const control = await kafka.createTopic({ config: { 'max.message.bytes': '20' } })
      const alone = await replica({ topic, control })
      const words = new RegExp(`^control topic ${control} cannot be written: .*size`, 'i')
      await vi.waitFor(async () => expect((await alone.reasons()).join()).toMatch(words), SOON)
      await vi.waitFor(() => expect(alone.lines(40).filter((line) => words.test(line)).length).toBe(1), SOON)
    })

    it('reads more partitions as they are added, and hears of what is in them', async () => {
      const { one, other, control } = await pair()
      await kafka.addPartitions(control, 6)
      const alive = 'kafka_sse_control_records_total{op="alive"}'
      const before = await one.metric(alive)
      await vi.waitUntil(async () => (await one.metric(alive)) >= before + 12, SOON)
      const streams = await Promise.all(
        Array.from({ length: 12 }, (_, at) => other.get(fleetToken(60, { sub: `user ${at}` }))),
      )
      for (let at = 0; at < 12; at++) await one.scope.kafkaSse.revoke({ sub: `user ${at}` })
      await vi.waitUntil(() => streams.every(({ isOpen }) => !isOpen), SOON)
      expect(streams.map(({ endReason }) => endReason)).toEqual(streams.map(() => 'revoked'))
    })

    it('whose control topic is made again keeps what was revoked, and tells it to who comes later', async () => {
      const named = await topics(1)
      const one = await replica(named, { sse: { controlBlindSeconds: 5 } })
      await one.ready()
      await one.scope.kafkaSse.revoke({ sub: 'alice' })
      await kafka.recreateTopic(named.control)
      await vi.waitUntil(() => one.lines(40).some((line) => line.includes('another topic')), SOON)
      await one.ready()
      const old = { iat: Math.floor(Date.now() / 1000) - 300 }
      expect((await one.get(fleetToken(60, old))).status).toBe(401)
      const read = 'kafka_sse_control_records_total{op="revoke"}'
      await vi.waitUntil(async () => (await one.metric(read)) === 2, SOON)
      const later = await replica(named)
      await later.ready()
      expect((await later.get(fleetToken(60, old))).status).toBe(401)
    })
  })
})
