// The plugin's parts, each registered alone in an app of its host: the same options, defaults and refusals as the
// whole, and of use without the others. Needs `npm run build`.

import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import fastify, { type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import kafkaSseAdmin from '../../plugins/admin.ts'
import kafkaSseAuth from '../../src/parts/auth.ts'
import kafkaSseKafka from '../../src/parts/kafka.ts'
import kafkaSseStreams, { clientAddress, sendStream, streamHooks } from '../../src/parts/sse.ts'
import kafkaSse, { type Session } from '../../src/plugin.ts'
import {
  authOptions,
  exampleClaims,
  ISSUER,
  makeKey,
  mintToken,
  nowSeconds,
} from '../support/keys-and-tokens.ts'
import { LogLines } from '../support/printed.ts'
import { sessionFor } from '../support/streams-scene.ts'
import { eventually } from '../support/time.ts'

const key = makeKey('ES256')
/** Nothing listens there: the plugin has to live without Kafka. */
const kafka = { bootstrapServers: '127.0.0.1:1' }
const { algorithm: _, ...tokens } = authOptions(key)
const byCookie = { ...tokens, cookie: '__Host-token' }
const streams = [{ path: '/events', topic: 'events' }]
const PARTS: Record<string, FastifyPluginAsync<never>> = {
  auth: kafkaSseAuth as FastifyPluginAsync<never>, // each has options of its own, and here they are wrong
  kafka: kafkaSseKafka as FastifyPluginAsync<never>,
  sse: kafkaSseStreams as FastifyPluginAsync<never>,
}
let app: FastifyInstance

beforeEach(() => {
  app = fastify({ forceCloseConnections: true })
  onTestFinished(() => app.close())
})

function bearer(claims: Record<string, unknown> = {}): { authorization: string } {
  return { authorization: `Bearer ${mintToken(key, { claims: { ...exampleClaims(), ...claims } })}` }
}

describe('the part /admin', () => {
  it('takes the decorators of the others', async () => {
    await app.register(kafkaSseAuth, tokens)
    await app.register(kafkaSseKafka, kafka)
    await app.register(kafkaSseStreams, { streams })
    const { kafkaSseStreams: open, kafkaSseTopics: topics, kafkaSseAuth: authenticator } = app
    await app.register(kafkaSseAdmin, { streams: open, topics, authenticator })
    expect(app.kafkaSseAdmin.notReady()).not.toEqual([])
    expect((await app.kafkaSseAdmin.metrics()).text).toContain('kafka_sse_streams_open 0')
  })

  it('names those that are missing', async () => {
    const none = {} as Parameters<typeof kafkaSseAdmin>[1] // hosts write JavaScript, too
    await expect(app.register(kafkaSseAdmin, none)).rejects.toMatchObject({
      code: 'FKS_CONFIG_INVALID',
      problems: [
        'options.streams is missing: app.kafkaSseStreams',
        'options.topics is missing: app.kafkaSseTopics',
        'options.authenticator is missing: app.kafkaSseAuth',
      ],
    })
  })
})

describe('a part', () => {
  it.each([
    [
      'auth',
      { ...tokens, queryTokn: false },
      ['options.queryTokn is not an option; did you mean queryToken?'],
    ],
    [
      'auth',
      { ...tokens, jwksTimeoutMs: 5 },
      ['options.jwksTimeoutMs takes an integer from 10 to 60000, not 5'],
    ],
    [
      'auth',
      { ...tokens, audience: undefined, issuer: undefined },
      ['options.issuer is missing', 'options.audience'],
    ],
    ['auth', { ...tokens, cookie: 'token' }, ['options.cookie takes']],
    ['auth', { ...byCookie, cookieOrigins: 'https://app.example.com' }, ['options.cookieOrigins takes']],
    ['auth', { ...byCookie, cookieOrigins: ['*'] }, ['options.cookieOrigins is * although a cookie']],
    ['auth', { ...byCookie, cookieOrigins: ['null'] }, ['options.cookieOrigins is null although a cookie']],
    ['auth', { ...byCookie, cookieOrigins: ['https://a.example/'] }, ['options.cookieOrigins has']],
    ['auth', { ...tokens, logoutPath: '/out' }, ['options.logoutPath needs the whole plugin']],
    ['kafka', { ...kafka, controlTopic: 'control' }, ['options.controlTopic needs the whole plugin']],
    ['sse', { adminPath: '/ops' }, ['options.adminPath needs the whole plugin']],
    ['kafka', {}, ['options.bootstrapServers is missing']],
    ['kafka', { ...kafka, retainedBytesMax: 1 }, ['options.retainedBytesMax takes']],
    ['kafka', { ...kafka, bootstrapServer: 'x' }, ['options.bootstrapServer is not an option']],
    ['kafka', 'kafka:9092', ['options takes an object with bootstrapServers']],
    ['sse', ['events'], ['options[0] is not an option']],
    [
      'sse',
      { heartbeatSecond: 9 },
      ['options.heartbeatSecond is not an option; did you mean heartbeatSeconds?'],
    ],
    ['sse', { turnMs: 0, renewBy: 'mood' }, ['options.turnMs takes', 'options.renewBy takes']],
    [
      'sse',
      { streams: [{ path: 'events', topic: 'a b' }] },
      ['options.streams[0].path', 'options.streams[0].topic'],
    ],
    [
      'sse',
      { streams },
      ['options.streams needs app.kafkaSseAuth: register fastify-kafka-sse/auth', 'app.kafkaSseTopics'],
    ],
  ])('%s refuses %j by name', async (name, options, words) => {
    const part = PARTS[name] as FastifyPluginAsync<never>
    const refused: unknown = await app.register(part, options as never).then(
      () => null,
      (error: unknown) => error,
    )
    expect(refused).toMatchObject({ name: 'ConfigError', code: 'FKS_CONFIG_INVALID' })
    for (const each of words) expect((refused as Error).message).toContain(each)
  })

  it.each([
    ['auth', 'kafkaSseAuth'],
    ['kafka', 'kafkaSseTopics'],
    ['sse', 'kafkaSseStreams'],
  ])('%s has its one decorator in its types', async (name, decorator) => {
    const file = fileURLToPath(new URL(`../../dist/src/parts/${name}.d.ts`, import.meta.url))
    const [, shown = ''] = /interface FastifyInstance \{([^}]*)\}/.exec(await readFile(file, 'utf8')) ?? []
    expect([...shown.matchAll(/(\w+):/g)].map(([, each]) => each)).toEqual([decorator])
  })
})

describe('/auth alone', () => {
  it.each([undefined, '', ' ', 0, [], ['proxy:stream']])(
    'lets no token in where the host asks for the scope %j, which may be a setting that is missing',
    async (scope) => {
      await app.register(kafkaSseAuth, tokens)
      const asked = scope as unknown as string // as from JavaScript
      app.get('/mine', async (request, reply) => app.kafkaSseAuth.authenticate(request, reply, asked))
      const { statusCode, body } = await app.inject({ url: '/mine', headers: bearer() })
      expect([statusCode, JSON.parse(body).message]).toEqual([
        500,
        'the scope that is asked for is a text that is not empty, or null for any token',
      ])
    },
  )

  it('protects a route of the host’s own', async () => {
    await app.register(kafkaSseAuth, tokens)
    app.get('/me', async (request, reply) => {
      const { subject } = await app.kafkaSseAuth.authenticate(request, reply, 'orders:read')
      return { subject }
    })
    const statusFor = async (headers: Record<string, string>) =>
      (await app.inject({ url: '/me', headers })).statusCode
    expect(await statusFor({})).toBe(401)
    expect(await statusFor(bearer())).toBe(403)
    const answer = await app.inject({ url: '/me', headers: bearer({ scope: 'orders:read' }) })
    expect([answer.statusCode, answer.json()]).toEqual([200, { subject: exampleClaims().sub }])
  })
})

describe('/auth with a cookie', () => {
  it('takes it from pages of listed origins, character by character', async () => {
    await app.register(kafkaSseAuth, { ...byCookie, cookieOrigins: ['https://app.example.com'] })
    app.get('/me', async (request, reply) => {
      await app.kafkaSseAuth.authenticate(request, reply, null)
      return reply.code(204).send()
    })
    const cookie = `__Host-token=${bearer().authorization.slice('Bearer '.length)}`
    const statusFor = async (origin: string) =>
      (await app.inject({ url: '/me', headers: { cookie, origin } })).statusCode
    const origins = ['https://app.example.com', 'https://app.example.co', 'https://app', 'null']
    expect(await Promise.all(origins.map(statusFor))).toEqual([204, 403, 403, 403])
  })
})

describe('/auth around the whole plugin, and the other way round', () => {
  const otherKey = makeKey('ES256')
  const registrations = {
    part: () => app.register(kafkaSseAuth, tokens),
    whole: () =>
      app.register(kafkaSse, {
        prefix: '/live',
        kafka,
        auth: { ...tokens, keys: otherKey.publicPem },
        streams,
      }),
  }

  it.each([
    ['part', 'whole'],
    ['whole', 'part'],
  ] as const)('each go by their own keys, with the %s before the %s', async (first, second) => {
    await registrations[first]()
    await registrations[second]()
    app.get('/me', async (request, reply) => {
      const { subject } = await app.kafkaSseAuth.authenticate(request, reply, null)
      return { subject }
    })
    const statuses = (of: typeof key) => {
      const headers = { authorization: `Bearer ${mintToken(of, { claims: exampleClaims() })}` }
      const asked = ['/me', '/live/events'].map((url) => app.inject({ url, headers, payloadAsStream: true }))
      return Promise.all(asked.map(async (answer) => (await answer).statusCode))
    }
    expect(await statuses(key)).toEqual([200, 401])
    expect(await statuses(otherKey)).toEqual([401, 200])
  })

  it('work in scopes within each other, twice', async () => {
    await registrations.part()
    await app.register(async (child) => {
      await child.register(kafkaSseAuth, { ...tokens, keys: otherKey.publicPem })
      child.get('/child', async (request, reply) => {
        await child.kafkaSseAuth.authenticate(request, reply, null)
        return reply.code(204).send()
      })
    })
    const statusFor = async (of: typeof key) => {
      const headers = { authorization: `Bearer ${mintToken(of, { claims: exampleClaims() })}` }
      return (await app.inject({ url: '/child', headers })).statusCode
    }
    expect([await statusFor(key), await statusFor(otherKey)]).toEqual([401, 204])
  })
})

describe('/kafka alone', () => {
  it('has topics, each with a bus that is read', async () => {
    await app.register(kafkaSseKafka, kafka)
    const topic = app.kafkaSseTopics.open('events', 'text', 'latest')
    expect([topic.name, topic.bus.caughtUp, topic.notReady()]).toEqual([
      'events',
      false,
      'topic events: waiting for Kafka',
    ])
  })
})

describe('/sse', () => {
  it('is the whole plugin with the two others: stream, renewal, revocation', async () => {
    await app.register(kafkaSseAuth, tokens)
    await app.register(kafkaSseKafka, kafka)
    await app.register(kafkaSseStreams, { streams, prefix: '/live' })
    const headers = bearer({ iat: nowSeconds() - 5 })
    const stream = await app.inject({ url: '/live/events', headers, payloadAsStream: true })
    expect([stream.statusCode, stream.headers['content-type']]).toEqual([200, 'text/event-stream'])
    const renewal = { ...headers, 'content-type': 'application/x-challenge-response' }
    expect((await app.inject({ method: 'POST', url: '/live/events', headers: renewal })).statusCode).toBe(204)
    expect((await app.inject('/live/events')).statusCode).toBe(401)
    const sub = String(exampleClaims().sub)
    await expect(app.kafkaSseStreams.revoke({ sub })).rejects.toThrow('issuer is required')
    await app.kafkaSseStreams.revoke({ issuer: ISSUER, sub })
    await eventually(() => expect(app.kafkaSseStreams.figures.streamsEnded.revoked).toBe(1))
    expect((await app.inject({ url: '/live/events', headers })).statusCode).toBe(401)
  })

  it('in a scope within that of /auth has its revocations and its limits obeyed, too', async () => {
    await app.register(kafkaSseAuth, tokens)
    await app.register(kafkaSseKafka, kafka)
    let scope: FastifyInstance | null = null
    await app.register(async (child) => {
      scope = child
      await child.register(kafkaSseStreams, { streams, failuresPerSecondPerAddressMax: 1 })
    })
    const headers = bearer({ iat: nowSeconds() - 5 })
    const statusOf = async (token: typeof headers) =>
      (await app.inject({ url: '/events', headers: token, payloadAsStream: true })).statusCode
    expect(await statusOf(headers)).toBe(200)
    await (scope as FastifyInstance | null)?.kafkaSseStreams.revoke({
      issuer: ISSUER,
      sub: String(exampleClaims().sub),
    })
    expect(await statusOf(headers)).toBe(401)
    const forged = () => ({
      authorization: `Bearer ${mintToken(makeKey('ES256'), { claims: { ...exampleClaims(), sub: 'mallory' } })}`,
    })
    const statuses = await Promise.all(Array.from({ length: 20 }, () => statusOf(forged())))
    expect(statuses).toContain(429)
  })

  it.each(['part', 'whole plugin'] as const)(
    'as a %s in one scope within that of /auth revokes for the routes of all others',
    async (kind) => {
      await app.register(kafkaSseAuth, tokens)
      const addRoute = (scope: FastifyInstance, url: string) =>
        scope.get(url, async (request, reply) => {
          await scope.kafkaSseAuth.authenticate(request, reply, null)
          return reply.code(204).send()
        })
      const sub = String(exampleClaims().sub)
      let revoke: (() => Promise<void>) | null = null
      addRoute(app, '/root')
      await app.register(async (child) => {
        addRoute(child, '/a')
        if (kind === 'whole plugin') await child.register(kafkaSse, { kafka, auth: tokens, streams })
        else {
          await child.register(kafkaSseKafka, kafka)
          await child.register(kafkaSseStreams, { streams })
        }
        const handle = kind === 'whole plugin' ? child.kafkaSse : child.kafkaSseStreams
        revoke = () => handle.revoke({ issuer: ISSUER, sub })
      })
      await app.register(async (sibling) => void addRoute(sibling, '/b'))
      const headers = bearer({ iat: nowSeconds() - 5 })
      const statuses = async (given: typeof headers) => {
        const asked = ['/root', '/a', '/b', '/events'].map((url) =>
          app.inject({ url, headers: given, payloadAsStream: true }),
        )
        return Promise.all(asked.map(async (answer) => (await answer).statusCode))
      }
      expect(await statuses(headers)).toEqual([204, 204, 204, 200])
      await (revoke as (() => Promise<void>) | null)?.() // assigned in a callback, which TypeScript does not follow
      expect(await statuses(headers)).toEqual([401, 401, 401, 401])
      expect(await statuses(bearer({ sub: 'bob', iat: nowSeconds() - 5 }))).toEqual([204, 204, 204, 200])
    },
  )

  it('around /auth revokes for its routes, and beside it does not', async () => {
    const addAuth = async (scope: FastifyInstance, url: string) => {
      await scope.register(kafkaSseAuth, tokens)
      scope.get(url, async (request, reply) => {
        await scope.kafkaSseAuth.authenticate(request, reply, null)
        return reply.code(204).send()
      })
    }
    await app.register((beside) => addAuth(beside, '/beside'))
    await app.register(async (around) => {
      await around.register(kafkaSseStreams, {})
      await around.register((within) => addAuth(within, '/within'))
      await around.kafkaSseStreams.revoke({ issuer: ISSUER, sub: String(exampleClaims().sub) })
    })
    const headers = bearer({ iat: nowSeconds() - 5 })
    const statusOf = async (url: string) => (await app.inject({ url, headers })).statusCode
    expect([await statusOf('/within'), await statusOf('/beside')]).toEqual([401, 204])
  })

  it('takes an authenticator of the host’s own', async () => {
    const authenticate = async () => sessionFor(60, { issuer: 'host' })
    app.decorate('kafkaSseAuth', { authenticate, logout: null, keysReady: () => null })
    await app.register(kafkaSseKafka, kafka)
    await app.register(kafkaSseStreams, { streams })
    expect((await app.inject({ url: '/events', payloadAsStream: true })).statusCode).toBe(200)
  })

  const whole = sessionFor(60)
  it.each<[string, object]>([
    ['claims', { claims: undefined }],
    ['claims', { claims: null }],
    ['expiresAtMs', { expiresAtMs: undefined, expiresAt: Date.now() + 1000 }],
    ['expiresAtMs', { expiresAtMs: new Date() }],
    ['expiresAtMs', { expiresAtMs: Number.NaN }],
    ['expiresAtMs', { expiresAtMs: Number.POSITIVE_INFINITY }],
    ['subject', { subject: undefined, sub: 'alice' }],
    ['subject', { subject: '' }],
    ['issuer', { issuer: undefined }],
    ['scopes', { scopes: ['proxy:stream'] }],
    ['issuedAtMs', { issuedAtMs: undefined, issuedAt: Date.now() }],
    ['sessionId', { sessionId: 7 }],
  ])('opens and renews no stream for a session of the host without a right %s: %j', async (name, changes) => {
    const session = { ...whole, ...changes } as Session // as from JavaScript
    expect(await refusedBySession(session)).toMatchObject([{ field: name }, { field: name }, { field: name }])
    await expect(app.kafkaSseStreams.admit('::1', session)).rejects.toThrow(`a session's ${name} `)
  })

  it.each([null, undefined, 'alice', true, () => whole])(
    'opens and renews no stream for what is no session at all: %s',
    async (answer) => {
      const lines = await refusedBySession(answer)
      expect(lines).toMatchObject(Array.from(lines, () => ({ field: null, reason: 'it is no object' })))
    },
  )

  /** What the log says of a GET, a renewal and a ticket, each of which is refused in the same way. */
  async function refusedBySession(answer: unknown): Promise<Record<string, unknown>[]> {
    const log = new LogLines()
    app = fastify({ logger: { stream: log.stream } })
    onTestFinished(() => app.close())
    const authenticate = async () => answer as Session // as from JavaScript
    app.decorate('kafkaSseAuth', { authenticate, logout: null, keysReady: () => null })
    await app.register(kafkaSseKafka, kafka)
    const selecting = [{ path: '/events', topic: 'events', key: '{token.sub}' }]
    await app.register(kafkaSseStreams, { streams: selecting, tickets: true })
    const headers = { 'content-type': 'application/x-challenge-response' }
    const answers = [
      await app.inject({ url: '/events' }),
      await app.inject({ method: 'POST', url: '/events', headers }),
      await app.inject({ method: 'POST', url: '/events/ticket' }),
    ]
    for (const each of answers)
      expect([each.statusCode, each.json().code]).toEqual([500, 'FKS_SESSION_INVALID'])
    expect(app.kafkaSseStreams.figures.streamsOpened).toBe(0)
    const lines = log.of('kafkaSseAuth.authenticate resolved with no session')
    expect(lines).toHaveLength(answers.length)
    return lines
  }

  it('opens a stream in a route of the host’s own, behind the host’s hooks', async () => {
    await app.register(kafkaSseAuth, tokens)
    await app.register(kafkaSseKafka, kafka)
    await app.register(kafkaSseStreams, { heartbeatSeconds: 1 })
    app.addHook('onSend', async (_request, reply) => {
      reply.header('x-host', 'was here')
    })
    const topic = app.kafkaSseTopics.open('events', 'text', 'latest')
    app.get('/mine', streamHooks, async (request, reply) => {
      const session = await app.kafkaSseAuth.authenticate(request, reply, null)
      const admitted = await app.kafkaSseStreams.admit(clientAddress(request), session)
      if (admitted === null) return reply.code(429).send()
      const place = {
        route: '/mine',
        params: '',
        requested: { id: null, sinceMs: null, from: 'earliest' as const },
      }
      let isOpen = false
      try {
        isOpen = await sendStream(reply, (sink) =>
          app.kafkaSseStreams.open({ ...place, topic, sink, session, admitted, signals: false }),
        )
      } finally {
        if (!isOpen) admitted.release()
      }
      return reply
    })
    expect((await app.inject('/mine')).statusCode).toBe(401)
    const stream = await app.inject({ url: '/mine', headers: bearer(), payloadAsStream: true })
    expect([stream.statusCode, stream.headers['x-host']]).toEqual([200, 'was here'])
    const read = stream.stream()
    const text = await new Promise((resolve) => read.once('data', (bytes: Buffer) => resolve(String(bytes))))
    expect(text).toMatch(/^retry:\d{4}\n\n/)
    expect(app.kafkaSseStreams.figures.streamsOpen).toBe(1)
    await app.kafkaSseStreams.close()
    expect(app.kafkaSseStreams.figures.streamsOpen).toBe(0)
  })
})
