// What goes wrong with a Kafka, made real: each trouble has its line in the log and its reason in `/health/ready`, both
// as docs/troubles.md has them. The test prints what came.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { makeCertificates } from '../../src/demo/certificates.ts'
import type { KafkaOptions } from '../../src/options.ts'
import { NO_KAFKA } from '../support/command-process.ts'
import { freePort } from '../support/free-port.ts'
import { jwksOf, type KeyServer, makeKey, startKeyServer } from '../support/keys-and-tokens.ts'
import { hasKafkaFeatures } from '../support/programs.ts'
import { forThisTest } from '../support/scene.ts'
import { documentedTroubles } from './documented-troubles.ts'
import { Forwarder } from './forwarder.ts'
import { canStartKafka, Kafka } from './kafka.ts'
import { limitConsumed } from './quotas.ts'
import { type RealKafka, startRealKafka } from './real-kafka.ts'
import { Replica } from './replica.ts'
import { kafkaToken, SecuredKafka, WITH_TOKEN } from './secured-kafka.ts'

const SOON = { timeout: 40_000, interval: 50 }
const FEATURES = ['ssl', 'sasl_plain', 'sasl_scram', 'sasl_oauthbearer', 'oidc', 'zstd']
const CAN_RUN = canStartKafka && hasKafkaFeatures('the troubles of Kafka', ...FEATURES)
const [TOPIC, CONTROL] = ['events', 'kafka-sse-control']
const documented = documentedTroubles()
const shown = new Set<string>()

/** Waits for the reason and the one line, as documented, and prints them. */
async function isTold(what: string, replica: Replica): Promise<void> {
  const words = documented.get(what)
  if (words === undefined) throw new Error(`docs/troubles.md has no row "${what}"`)
  const told = async () => [...(await replica.reasons())].filter((reason) => words.test(reason))
  await vi
    .waitFor(async () => expect([what, ...(await told())]).toHaveLength(2), SOON)
    .catch(async () => {
      expect([what, ...(await replica.reasons())]).toEqual([what, expect.stringMatching(words)])
    })
  const [reason] = await told()
  const lines = () => replica.lines(40).filter((line) => !line.includes('librdkafka was built'))
  await vi.waitFor(() => expect(lines()).toContainEqual(expect.stringMatching(words)), SOON)
  console.log(`${what}\n  line    ${lines().find((line) => words.test(line))}\n  reason  ${reason}`)
  expect([what, ...lines().filter((line) => words.test(line))]).toHaveLength(2)
  shown.add(what)
}

describe.skipIf(!CAN_RUN)('A trouble of Kafka is told by its line and its reason', () => {
  describe('where brokers want TLS, a login and rights', () => {
    const key = makeKey('ES256', 'kafka')
    let provider: KeyServer
    let secured: SecuredKafka
    let kafka: Kafka
    let folder: string
    let elsewhere: Forwarder
    let elsewherePort: number

    beforeAll(async () => {
      provider = await startKeyServer((request, response) => {
        response.setHeader('content-type', 'application/json')
        response.statusCode = request.method === 'POST' ? 401 : 200
        response.end(request.method === 'POST' ? '{"error":"invalid_client"}' : jwksOf(key))
      })
      secured = await SecuredKafka.start(['alice', 'bob', 'carol', 'dave'], { jwksUrl: provider.url })
      kafka = new Kafka(secured.adminServers)
      await kafka.createTopic({ name: TOPIC })
      await kafka.createTopic({ name: CONTROL })
      for (const user of ['alice', 'carol', 'dave']) await secured.allow(user, 'Read', TOPIC)
      await secured.allow('bob', 'Describe', TOPIC)
      await kafka.createTopic({ name: 'denied' })
      await secured.allow('dave', 'Describe', 'denied')
      await secured.allow('carol', 'Write', CONTROL)
      folder = await mkdtemp(join(tmpdir(), 'kafka-troubles-'))
      const { caPem } = await makeCertificates(['localhost'], Date.now())
      await writeFile(join(folder, 'other-ca.pem'), caPem)
      elsewherePort = await freePort()
      const target = { port: Number(secured.servers.split(':')[1]) }
      elsewhere = await Forwarder.open(target, { host: '127.0.0.2', port: elsewherePort })
    })
    afterAll(async () => {
      await elsewhere.close()
      await kafka.close()
      await secured.close()
      await provider.close()
      await rm(folder, { recursive: true })
    })

    function as(user: string, changes: Record<string, string> = {}): KafkaOptions {
      return { bootstrapServers: secured.servers, config: { ...secured.config(user), ...changes } }
    }

    function withToken(token: NonNullable<KafkaOptions['token']>): KafkaOptions {
      return { bootstrapServers: secured.signedServers, config: WITH_TOKEN, token }
    }

    const troubles: Record<string, () => { kafka: KafkaOptions; topic?: string }> = {
      'nothing listens at the address': () => ({ kafka: { bootstrapServers: NO_KAFKA } }),
      "the host's name is not known": () => ({ kafka: { bootstrapServers: 'kafka.invalid:9092' } }),
      'the password is wrong': () => ({ kafka: as('alice', { 'sasl.password': 'of-somebody-else' }) }),
      'the broker lacks the mechanism': () => ({
        kafka: as('alice', { 'sasl.mechanisms': 'SCRAM-SHA-512' }),
      }),
      'the broker wants TLS': () => ({ kafka: { bootstrapServers: secured.servers } }),
      'the broker wants a login': () => ({ kafka: { bootstrapServers: secured.unsignedServers } }),
      'the broker has no TLS': () => ({
        kafka: { bootstrapServers: secured.adminServers, config: { 'security.protocol': 'ssl' } },
      }),
      "the broker's CA is another one": () => ({
        kafka: as('alice', { 'ssl.ca.location': join(folder, 'other-ca.pem') }),
      }),
      "the certificate lacks the broker's name": () => ({
        kafka: { ...as('alice'), bootstrapServers: `127.0.0.2:${elsewherePort}` },
      }),
      'a topic is missing, or may not be described': () => ({ kafka: as('alice'), topic: 'misspelt' }),
      'a topic may not be read': () => ({ kafka: as('bob') }),
      'the control topic may not be read': () => ({ kafka: { ...as('carol'), controlTopic: CONTROL } }),
      '`kafka.token` fails at the start': () => ({
        kafka: withToken(() => {
          throw new Error('the role cannot be assumed')
        }),
      }),
      'the token endpoint refuses': () => ({
        kafka: {
          bootstrapServers: secured.signedServers,
          config: {
            ...WITH_TOKEN,
            'sasl.oauthbearer.method': 'oidc',
            'sasl.oauthbearer.token.endpoint.url': new URL('/token', provider.url).href,
            'sasl.oauthbearer.client.id': 'robot',
            'sasl.oauthbearer.client.secret': 'of-somebody-else',
          },
        },
      }),
      'the broker refuses the token': () => ({
        kafka: withToken(() => kafkaToken(makeKey('ES256', 'of-a-stranger'), 'alice')),
      }),
    }

    it.each(Object.keys(troubles))('%s', async (what) => {
      const made = troubles[what]?.()
      if (made === undefined) throw new Error(`no trouble ${what}`)
      await isTold(what, await forThisTest(Replica.open({ topic: TOPIC, ...made })))
    })

    it('of the topic alone that has it, and only as long as it has', async () => {
      const replica = await forThisTest(Replica.open({ kafka: as('dave'), topic: TOPIC, beside: ['denied'] }))
      const denied = expect.stringContaining('topic denied: partition 0 cannot be read: this principal may')
      await vi.waitFor(async () => expect(await replica.reasons()).toEqual([denied]), SOON)
      await secured.allow('dave', 'Read', 'denied')
      await replica.ready()
    })
  })

  describe('where a broker breaks', () => {
    const [FILE_MEBIBYTES, ZSTD_FRAME, BATCH_HEADER] = [24, Buffer.from('28b52ffd', 'hex'), 61]
    let broker: RealKafka
    let kafka: Kafka
    let proxy: Forwarder
    let servers: string

    beforeAll(async () => {
      const port = await freePort()
      servers = `127.0.0.1:${port}`
      broker = await startRealKafka([`advertised.listeners=PLAINTEXT://${servers}`], {
        fileMebibytesMax: FILE_MEBIBYTES,
      })
      const target = { port: Number(broker.bootstrapServers.split(':')[1]) }
      proxy = await Forwarder.open(target, { port, alter: spoilCodec })
      kafka = new Kafka(servers)
    })
    afterAll(async () => {
      await kafka.close()
      await proxy.close()
      await broker.close()
    })

    /** A record batch that is compressed with zstd is marked with a codec that no librdkafka has. */
    function spoilCodec(bytes: Buffer): void {
      const at = bytes.indexOf(ZSTD_FRAME) - BATCH_HEADER
      const attributes = at + 22
      if (at >= 0 && bytes[at + 16] === 2)
        bytes.writeUInt8((bytes.readUInt8(attributes) & ~7) | 7, attributes)
    }

    it('librdkafka lacks the codec of a topic', async () => {
      const topic = await kafka.createTopic({ config: { 'compression.type': 'zstd' } })
      const other = await kafka.createTopic()
      await kafka.produce(topic, { value: 'a value that is compressed '.repeat(20) })
      const replica = await forThisTest(Replica.open({ kafka: { bootstrapServers: servers }, topic }))
      await isTold('librdkafka lacks the codec of a topic', replica)
      await kafka.produce(other, { value: 'one' })
    })

    it('a quota holds back its answers', async () => {
      const topic = await kafka.createTopic()
      await kafka.produce(topic, { value: 'x'.repeat(50_000) })
      const [host = '', port] = broker.bootstrapServers.split(':')
      const limit = (bytes: number | null) =>
        limitConsumed({ host, port: Number(port) }, 'fastify-kafka-sse', bytes)
      await limit(1_000)
      try {
        const replica = await forThisTest(Replica.open({ kafka: { bootstrapServers: servers }, topic }))
        const words = /^Kafka answers only after \d+ s, because this principal is over a quota$/
        await vi.waitFor(() => expect(replica.lines(40)).toContainEqual(expect.stringMatching(words)), SOON)
      } finally {
        await limit(null)
      }
    })

    it('the broker hangs', async () => {
      const topic = await kafka.createTopic()
      const replica = await forThisTest(Replica.open({ kafka: { bootstrapServers: servers }, topic }))
      await replica.ready()
      broker.freeze()
      await isTold('the broker hangs', replica).finally(() => broker.thaw())
    })

    it("the broker's disk is full, so that it ends", async () => {
      const topic = await kafka.createTopic()
      const replica = await forThisTest(Replica.open({ kafka: { bootstrapServers: servers }, topic }))
      await replica.ready()
      const records = Array.from({ length: FILE_MEBIBYTES + 6 }, () => ({ value: 'x'.repeat(1_000_000) }))
      // The last ones are not taken any more.
      void kafka.produce(topic, ...records).catch(() => {})
      await isTold("the broker's disk is full, so that it ends", replica)
    })
  })

  it('by one line with both names where the streams and the control topic meet it', async () => {
    const kafka = { bootstrapServers: NO_KAFKA, controlTopic: CONTROL }
    const replica = await forThisTest(Replica.open({ topic: TOPIC, kafka }))
    const lines = () => replica.lines(40).filter((line) => line.includes('not reachable'))
    await vi.waitUntil(() => lines().length > 0, SOON)
    expect(lines()).toEqual([expect.stringMatching(/Connection refused \(streams and the control topic\)$/)])
  })

  it('as docs/troubles.md has them, and no other', () => {
    expect([...shown].sort()).toEqual([...documented.keys()].sort())
  })
})
