// `kafka-sse check` on a Kafka: what it says of brokers, topics and rights, and that it writes nothing.

import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startMockBroker } from '../../plugins/kafka/client/mock-broker.ts'
import { RecordProducer } from '../../plugins/kafka/client/producer.ts'
import { brokerList } from '../../plugins/kafka/wire/broker-list.ts'
import { check } from '../../src/commands/check.ts'
import { CommandScene } from '../support/command-process.ts'
import { AUDIENCE, ISSUER, makeKey } from '../support/keys-and-tokens.ts'
import { hasKafkaFeatures } from '../support/programs.ts'
import { forThisTest } from '../support/scene.ts'
import { bootstrapServers, canStartKafka, Kafka } from './kafka.ts'
import { SECRET } from './replica.ts'
import { SecuredKafka } from './secured-kafka.ts'

const TEST_MS = 60_000
const CONTROL = 'kafka-sse-control'
const SETTINGS = {
  TLS: 'off',
  JWT_ISSUER: ISSUER,
  JWT_AUDIENCE: AUDIENCE,
  JWT_KEYS: makeKey('ES256').publicPem,
}

/** What it prints of brokers and topics, without the white space of the columns, and its code. */
async function checked(env: Record<string, string>): Promise<{ code: number; lines: string[] }> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const terminal = { stdin, stdout, stderr, folder: '/nowhere' }
  const code = await check(['--only', 'brokers,topics'], { ...SETTINGS, ...env }, terminal)
  expect(String(stderr.read() ?? '')).toBe('')
  const text = String(stdout.read() ?? '').trim()
  return { code, lines: text.split('\n').map((line) => line.replace(/ {2,}/g, ' ')) }
}

describe('kafka-sse check on the embedded broker', () => {
  it(
    'says that Kafka answers, and what a topic with records without a key means for replay latest',
    async () => {
      const broker = await forThisTest(startMockBroker(['events']))
      const env = { KAFKA_BOOTSTRAP_SERVERS: broker.address, KAFKA_TOPIC: 'events' }
      const answers = `ok brokers Kafka answers: 1 broker, at ${broker.address}`
      const empty =
        'ok topic events: 4 partitions, 0 offsets; it may be read; Kafka does not tell its cleanup.policy'
      const before = await checked(env)
      expect(before.lines).toEqual([answers, expect.stringContaining(empty)])
      expect(before.code).toBe(0)
      const producer = await forThisTest(connected(broker.address))
      for (const key of [null, 'a', null]) {
        const bytes = key === null ? null : Buffer.from(key)
        const record = { topic: 'events', partition: 1, key: bytes, value: Buffer.from('1'), headers: [] }
        await (await producer.produce(record)).delivered
      }
      const after = await checked(env)
      expect(after.lines.slice(1)).toEqual([
        expect.stringMatching(/^warn topic events: 2 of 3 records have no key\. /),
      ])
      expect(after.code).toBe(1)
      const half = { ...env, KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:1,${broker.address}`, KAFKA_REPLAY: 'all' }
      expect(await checked(half)).toMatchObject({
        code: 1,
        lines: [
          'warn brokers 127.0.0.1:1 refuses connections: nothing listens there. see KAFKA_BOOTSTRAP_SERVERS',
          answers,
          expect.stringMatching(/^ok topic/),
        ],
      })
      const all = await checked({ ...env, KAFKA_REPLAY: 'all' })
      expect(all.lines.slice(1)).toEqual([
        'ok topic events: 4 partitions, 3 offsets; it may be read; Kafka does not tell its cleanup.policy',
      ])
    },
    TEST_MS,
  )

  it(
    'fails on a missing topic, and warns of one that clients name in a path',
    async () => {
      const broker = await forThisTest(startMockBroker(['events']))
      const streams = [
        { path: '/orders', topic: 'orders' },
        { path: '/topics/:topic', topic: '{params.topic}', topics: ['events', 'later', 'orders'] },
      ]
      const scene = await forThisTest(Promise.resolve(CommandScene.open()))
      const file = scene.file('streams.json', JSON.stringify({ streams }))
      expect((await checked({ KAFKA_BOOTSTRAP_SERVERS: broker.address, CONFIG_FILE: file })).lines).toEqual([
        expect.stringMatching(/^ok brokers/),
        expect.stringMatching(/^fail topic there is no topic orders, .* create it, or grant Read on it/),
        expect.stringMatching(/^ok topic events: 4 partitions/),
        expect.stringMatching(
          /^warn topic there is no topic later, .* until there is, its streams are answered/,
        ),
      ])
    },
    TEST_MS,
  )

  it(
    'writes nothing to the control topic',
    async () => {
      const broker = await forThisTest(startMockBroker(['events', 'control']))
      const env = {
        KAFKA_BOOTSTRAP_SERVERS: broker.address,
        KAFKA_TOPIC: 'events',
        KAFKA_CONTROL_TOPIC: 'control',
        SECRET_KEY: SECRET,
      }
      for (let time = 0; time < 2; time++)
        expect((await checked(env)).lines.at(-1)).toBe(
          'ok control topic control: 4 partitions, 0 offsets; it may be read and written',
        )
    },
    TEST_MS,
  )

  async function connected(address: string): Promise<RecordProducer> {
    const producer = new RecordProducer({ bootstrapServers: address })
    await producer.connect()
    return producer
  }
})

describe.skipIf(bootstrapServers === null)('kafka-sse check on a real Kafka', () => {
  let kafka: Kafka
  beforeAll(() => {
    kafka = new Kafka(bootstrapServers)
  })
  afterAll(() => kafka.close())

  const ofTopic = (topic: string, more: Record<string, string> = {}) =>
    checked({ KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers, KAFKA_TOPIC: topic, ...more })

  it(
    'names a topic that there is not, and does not make it',
    async () => {
      const first = await ofTopic('no-such-topic')
      expect(first.lines.at(-1)).toMatch(
        /^fail topic there is no topic no-such-topic, or this principal may not/,
      )
      expect(first.code).toBe(2)
      expect(await ofTopic('no-such-topic')).toEqual(first)
    },
    TEST_MS,
  )

  it(
    'warns of a topic whose cleanup.policy is not what its replay needs',
    async () => {
      // The tests' Kafka takes larger records by default.
      const size = { 'max.message.bytes': '1048588' }
      const [log, table, both] = [
        await kafka.createTopic({ config: size }),
        await kafka.createTopic({ config: { 'cleanup.policy': 'compact', ...size } }),
        await kafka.createTopic({
          config: { 'cleanup.policy': 'compact,delete', 'retention.ms': '864000000', ...size },
        }),
      ]
      const last = async (topic: string, replay: string) =>
        (await ofTopic(topic, { KAFKA_REPLAY: replay })).lines.slice(1).join('\n')
      const extent = (topic: string, policy: string) =>
        `ok topic ${topic}: 1 partition, 0 offsets; it may be read; its cleanup.policy is ${policy}`
      expect(await last(table, 'latest')).toBe(extent(table, 'compact'))
      expect(await last(log, 'all')).toBe(extent(log, 'delete'))
      expect(await last(log, 'latest')).toMatch(
        new RegExp(
          `^warn topic ${log}: its cleanup.policy is delete\\. replay latest needs cleanup.policy=compact`,
        ),
      )
      expect(await last(table, 'all')).toMatch(
        new RegExp(
          `^warn topic ${table}: its cleanup.policy is compact\\. a compacted topic is for replay latest$`,
        ),
      )
      expect(await last(both, 'latest')).toMatch(
        new RegExp(
          `^warn topic ${both}: its .* so keys that do not change for 10 days are lost\\. replay latest`,
        ),
      )
    },
    TEST_MS,
  )

  it(
    'compares the retention of tombstones, and names a compression that this build lacks and records that are too large',
    async () => {
      const config = {
        'cleanup.policy': 'compact',
        'delete.retention.ms': '7200000',
        'max.message.bytes': '20000000',
      }
      const topic = await kafka.createTopic({ config })
      expect(await ofTopic(topic)).toMatchObject({
        code: 1,
        lines: [
          expect.stringMatching(/^ok brokers/),
          `warn topic ${topic}: its delete.retention.ms is 7200000, and KAFKA_DELETE_RETENTION_SECONDS is 86400. ` +
            'set KAFKA_DELETE_RETENTION_SECONDS=7200',
          expect.stringMatching(/max.message.bytes is 20000000. records over 16777216 bytes are passed over/),
        ],
      })
      const set = await ofTopic(topic, { KAFKA_DELETE_RETENTION_SECONDS: '7200' })
      expect(set.lines.join()).not.toContain('delete.retention.ms')
    },
    TEST_MS,
  )

  it(
    'fails on a control topic that is compacted, and warns of one that forgets too soon',
    async () => {
      const topic = await kafka.createTopic({ config: { 'cleanup.policy': 'compact' } })
      const short = { 'retention.ms': '86400000', 'retention.bytes': '1000000' }
      const control = await kafka.createTopic({ config: short })
      const told = async (name: string) =>
        (await ofTopic(topic, { KAFKA_CONTROL_TOPIC: name, SECRET_KEY: SECRET })).lines.slice(2)
      expect(await told(control)).toEqual([
        expect.stringMatching(
          /^warn control topic .*: its retention.ms is 86400000, .* 2 days are the least$/,
        ),
        expect.stringMatching(/^warn control topic .*: its retention.bytes is 1000000\. set it to -1/),
        expect.stringMatching(/^ok control topic .* it may be read and written$/),
      ])
      expect((await told(topic))[0]).toMatch(
        /^fail control topic .*: its cleanup.policy is compact\. set it to delete/,
      )
    },
    TEST_MS,
  )

  it(
    'finds a control topic that may be written, and writes nothing to it',
    async () => {
      const [topic, control] = [await kafka.createTopic(), await kafka.createTopic({ partitions: 3 })]
      const env = { KAFKA_CONTROL_TOPIC: control, SECRET_KEY: SECRET }
      const expected = `ok control topic ${control}: 3 partitions, 0 offsets; it may be read and written`
      for (const _ of [1, 2]) expect((await ofTopic(topic, env)).lines.at(-1)).toBe(expected)
    },
    TEST_MS,
  )
})

const CAN_SECURE = canStartKafka && hasKafkaFeatures('a Kafka with TLS and passwords', 'ssl', 'sasl_plain')

describe.skipIf(!CAN_SECURE)('kafka-sse check on a Kafka with TLS, passwords and ACLs', () => {
  let secured: SecuredKafka

  beforeAll(async () => {
    secured = await SecuredKafka.start(['replica', 'reader', 'stranger', 'blind'], null, { hasScram: true })
    const kafka = new Kafka(secured.adminServers)
    await kafka.createTopic({ name: 'events', config: { 'max.message.bytes': '1048588' } })
    await kafka.createTopic({ name: CONTROL })
    await kafka.close()
    for (const user of ['replica', 'reader']) {
      await secured.allow(user, 'Read', 'events')
      await secured.allow(user, 'Read', CONTROL)
    }
    await secured.allow('replica', 'Write', CONTROL)
    await secured.allow('replica', 'DescribeConfigs', 'events')
    await secured.allow('blind', 'Describe', 'events')
    await secured.allow('blind', 'Describe', CONTROL)
  }, TEST_MS)
  afterAll(() => secured.close())

  const asUser = (user: string, more: Record<string, string> = {}) =>
    checked({
      ...secured.environment(user),
      KAFKA_TOPIC: 'events',
      KAFKA_REPLAY: 'all',
      KAFKA_CONTROL_TOPIC: CONTROL,
      SECRET_KEY: SECRET,
      ...more,
    })

  it.each<[string, RegExp, RegExp]>([
    [
      'replica',
      /^ok topic events: .*; its cleanup.policy is delete$/,
      /^ok control topic .* it may be read and written$/,
    ],
    [
      'reader',
      /^ok topic events: .*; Kafka does not tell its cleanup.policy$/,
      /^fail control topic this principal may not Write to topic kafka-sse-control/,
    ],
    [
      'stranger',
      /^fail topic there is no topic events, or this principal may not Describe it/,
      /^fail control topic there is no topic kafka-sse-control, or this principal may not Describe it/,
    ],
    [
      'blind',
      /^fail topic events cannot be read: this principal may not Read topic events/,
      /^fail control topic kafka-sse-control cannot be read: this principal may not Read topic/,
    ],
  ])(
    'says which rights %s has',
    async (user, topic, control) => {
      expect((await asUser(user)).lines.slice(1)).toEqual([
        expect.stringMatching(topic),
        expect.stringMatching(control),
      ])
    },
    TEST_MS,
  )

  it(
    'asks for the settings by SCRAM, too',
    async () => {
      const { lines } = await asUser('replica', { KAFKA_CONFIG_SASL_MECHANISMS: 'SCRAM-SHA-256' })
      expect(lines[1]).toMatch(/^ok topic events: .*; its cleanup.policy is delete$/)
    },
    TEST_MS,
  )

  it.concurrent(
    'tells the reason of a wrong password, without the password',
    async () => {
      const { lines, code } = await asUser('replica', { KAFKA_CONFIG_SASL_PASSWORD: 'wrong-password' })
      expect(lines[0]).toMatch(/^fail brokers Kafka does not answer: .*[Aa]uthentication failed/)
      expect(lines.join()).not.toContain('wrong-password')
      expect(code).toBe(2)
    },
    TEST_MS,
  )

  it.concurrent.each<[string, Record<string, string>, RegExp]>([
    [
      'plain text',
      { KAFKA_CONFIG_SECURITY_PROTOCOL: 'plaintext' },
      /Kafka does not answer: .*(TLS|SSL|security.protocol)/i,
    ],
    [
      'an unknown authority',
      { KAFKA_CONFIG_SSL_CA_LOCATION: '' },
      /Kafka does not answer: .*certificate verify failed/,
    ],
    [
      'another mechanism',
      { KAFKA_CONFIG_SASL_MECHANISMS: 'SCRAM-SHA-512' },
      /Kafka does not answer: .*(mechanism|SCRAM)/i,
    ],
  ])(
    'tells the reason of librdkafka for %s',
    async (_, change, words) => {
      const environment: Record<string, string> = { ...secured.environment('replica'), ...change }
      const kept = Object.entries(environment).filter(([name, value]) => {
        const isOfLogin = change.KAFKA_CONFIG_SECURITY_PROTOCOL !== undefined && /_(SASL|SSL)_/.test(name)
        return value !== '' && !isOfLogin
      })
      const { lines, code } = await checked({ ...Object.fromEntries(kept), KAFKA_TOPIC: 'events' })
      expect(lines[0]).toMatch(words)
      expect(lines).toHaveLength(2)
      expect(lines.at(-1)).toBe('fail topic not looked at, because Kafka does not answer')
      expect(code).toBe(2)
    },
    TEST_MS,
  )

  it.concurrent(
    'names a broker that calls itself by an address that cannot be reached from here',
    async () => {
      const [host = '', port] = secured.awayServers.split(':')
      const asked = brokerList({ bootstrapServers: secured.awayServers }, { host, port: Number(port) })
      expect(await asked).toEqual([{ id: 1, host: '127.0.0.1', port: 1 }])
      const env = { KAFKA_BOOTSTRAP_SERVERS: secured.awayServers, KAFKA_TOPIC: 'events' }
      expect(await checked(env)).toEqual({
        code: 2,
        lines: [
          'fail brokers broker 1 calls itself 127.0.0.1:1, which refuses connections: nothing listens there. ' +
            'set its advertised.listeners to an address that this machine can reach',
          expect.stringMatching(
            /^fail topic (events: no answer of partition 0|Kafka does not list|not looked at)/,
          ),
        ],
      })
    },
    TEST_MS,
  )
})
