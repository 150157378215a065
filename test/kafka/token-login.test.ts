// Logging in at a real Kafka with tokens (SASL OAUTHBEARER): those of a function of the host's, and those that
// librdkafka fetches by itself (OIDC). The rights are those of the token's subject.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { KafkaOptions, KafkaToken } from '../../src/options.ts'
import { jwksOf, type KeyServer, makeKey, mintUnsigned, startKeyServer } from '../support/keys-and-tokens.ts'
import { keepSecret } from '../support/printed.ts'
import { hasKafkaFeatures } from '../support/programs.ts'
import { forThisTest } from '../support/scene.ts'
import { canStartKafka, Kafka } from './kafka.ts'
import { fleetToken, Replica } from './replica.ts'
import { kafkaToken, SecuredKafka, WITH_TOKEN } from './secured-kafka.ts'

const SOON = { timeout: 30_000, interval: 50 }
const CAN_RUN =
  canStartKafka && hasKafkaFeatures('a Kafka that takes tokens', 'sasl_oauthbearer', 'oidc', 'ssl')
const [TOPIC, CONTROL] = ['events', 'kafka-sse-control']
const CLIENT_SECRET = keepSecret('the-secret-of-the-client')
/** The life of a provider's token: librdkafka fetches the next one after 80 % of it. */
const TOKEN_SECONDS = 5

describe.skipIf(!CAN_RUN)('Logging in with tokens', () => {
  const key = makeKey('ES256', 'kafka')
  let provider: KeyServer
  let secured: SecuredKafka
  let kafka: Kafka
  let fetched = 0

  beforeAll(async () => {
    provider = await startKeyServer(answer)
    secured = await SecuredKafka.start(['alice'], { jwksUrl: provider.url })
    kafka = new Kafka(secured.adminServers)
    for (const topic of [TOPIC, CONTROL]) {
      await kafka.createTopic({ name: topic })
      for (const user of ['example', 'robot']) {
        await secured.allow(user, 'Read', topic)
        await secured.allow(user, 'Write', topic)
      }
    }
  })
  afterAll(async () => {
    await kafka.close()
    await secured.close()
    await provider.close()
  })

  function answer(request: IncomingMessage, response: ServerResponse): void {
    if (request.url === '/jwks.json') return void response.end(jwksOf(key))
    const wanted = `Basic ${Buffer.from(`robot:${CLIENT_SECRET}`).toString('base64')}`
    const isKnown = request.headers.authorization === wanted
    response.setHeader('content-type', 'application/json')
    if (!isKnown) {
      response.statusCode = 401
      return void response.end(JSON.stringify({ error: 'invalid_client' }))
    }
    fetched++
    const { token } = kafkaToken(key, 'robot', TOKEN_SECONDS)
    response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: TOKEN_SECONDS }))
  }

  function oidc(): Record<string, string> {
    return {
      ...WITH_TOKEN,
      'sasl.oauthbearer.method': 'oidc',
      'sasl.oauthbearer.token.endpoint.url': new URL('/token', provider.url).href,
      'sasl.oauthbearer.client.id': 'robot',
      'sasl.oauthbearer.client.secret': CLIENT_SECRET,
    }
  }

  function open(options: KafkaOptions): Promise<Replica> {
    const kafka = { controlTopic: CONTROL, ...options }
    return forThisTest(Replica.open({ kafka, topic: TOPIC, sse: { controlBlindSeconds: 10 } }))
  }

  async function isRead(replica: Replica, value: string): Promise<void> {
    const stream = await replica.get(fleetToken(60))
    expect(stream.status).toBe(200)
    await kafka.produce(TOPIC, { value })
    await vi.waitUntil(() => stream.reader.events.some(({ data }) => data === value), SOON)
    stream.leave()
  }

  it.each(['unsigned', 'signed'] as const)('works by kafka.token, where tokens are %s', async (kind) => {
    const token = async (): Promise<KafkaToken> =>
      kind === 'signed'
        ? kafkaToken(key, 'example')
        : { token: mintUnsigned(), expiresAt: Date.now() + 60_000 }
    const bootstrapServers = secured[`${kind}Servers`]
    const replica = await open({ bootstrapServers, config: WITH_TOKEN, token })
    await replica.ready()
    await isRead(replica, `by ${kind} tokens`)
  })

  it('works by OIDC, and goes on with the next token', async () => {
    const replica = await open({ bootstrapServers: secured.signedServers, config: oidc() })
    await replica.ready()
    await isRead(replica, 'by the first token')
    const before = fetched
    await vi.waitUntil(() => fetched >= before + 3, SOON)
    await isRead(replica, 'by the next one')
    expect(await replica.reasons()).toEqual([])
    expect(replica.lines(40).filter((line) => !line.includes('librdkafka was built'))).toEqual([])
  })

  describe('by a kafka.token that fails', () => {
    const failed = 'kafka.token failed: the role cannot be assumed'

    /** A replica whose function fails while `isBroken`, and is asked for the next token after 5 s. */
    async function breakable(isBroken: boolean) {
      const state = { isBroken }
      const token = () => {
        if (state.isBroken) throw new Error('the role cannot be assumed')
        return { ...kafkaToken(key, 'example'), expiresAt: Date.now() + 6_000 }
      }
      return {
        state,
        replica: await open({ bootstrapServers: secured.signedServers, config: WITH_TOKEN, token }),
      }
    }

    it('is told, at the start and later, and goes on when it does not fail', async () => {
      const [early, late] = await Promise.all([breakable(true), breakable(false)])
      const { replica } = late
      await vi.waitFor(
        async () => expect(await early.replica.reasons()).toContainEqual(expect.stringContaining(failed)),
        SOON,
      )
      early.state.isBroken = false
      await replica.ready()
      late.state.isBroken = true
      const lines = () => replica.lines(30).filter((line) => /tokens? for Kafka/.test(line))
      await vi.waitFor(() => expect(lines()).toEqual([`no new token for Kafka: ${failed}`]), SOON)
      expect(await replica.reasons()).toEqual([])
      late.state.isBroken = false
      await vi.waitFor(() => expect(lines().slice(1)).toEqual(['tokens for Kafka are made again']), SOON)
      await early.replica.ready()
    })
  })
})
