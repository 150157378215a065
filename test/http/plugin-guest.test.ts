// The plugin as a guest: what its host has already, where it is registered, and which protocol the host speaks. Nothing
// of the host breaks, and what collides is told by name.

import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Reader } from '../../plugins/kafka/following/reader.ts'
import kafkaSse, { type KafkaSseOptions } from '../../src/plugin.ts'
import { localCertificates } from '../support/certificates.ts'

/** Nothing listens there: the plugin has to live without Kafka. */
const kafka = { bootstrapServers: '127.0.0.1:1' }
const authenticate = () => ({ subject: 'alice', expiresAt: Date.now() + 60_000 })

function optionsOf<Changes extends object>(changes: Changes) {
  const streams = [{ path: '/events', topic: 'events' }]
  return { kafka, auth: { authenticate }, streams, ...changes } satisfies KafkaSseOptions
}

function host(options: FastifyServerOptions = {}): FastifyInstance {
  const app = fastify(options)
  onTestFinished(() => app.close())
  return app
}

/** What `await app.register(kafkaSse, …)` is rejected with. */
async function refusalOf(app: FastifyInstance, changes: object): Promise<string> {
  const refused = await app.register(kafkaSse, optionsOf(changes)).then(
    () => null,
    (error: unknown) => error,
  )
  expect(refused).toMatchObject({ name: 'ConfigError', code: 'FKS_CONFIG_INVALID' })
  return (refused as Error).message // matched above
}

describe('options that only what they name can refuse', () => {
  const auth = { issuer: 'https://auth.example', audience: 'https://api.example' }

  it.each<[string, object, string]>([
    ['a file of keys that is not there', { auth: { ...auth, keys: './none.pem' } }, 'auth.keys: '],
    ['text that is no key', { auth: { ...auth, keys: '{"keys":[]}' } }, 'auth.keys: it has no keys'],
    ['a property that librdkafka does not have', { kafka: of({ 'no.such': 1 }) }, '"no.such"'],
    ['a value that librdkafka does not take', { kafka: of({ 'broker.address.family': 'x' }) }, '"x"'],
    ['a property that is ours', { kafka: of({ 'auto.offset.reset': 'latest' }) }, 'auto.offset.reset'],
    ['a property that is a function', { kafka: of({ dr_cb: true }) }, 'dr_cb'],
  ])('are refused as all others are, with a ConfigError: %s', async (_what, changes, words) => {
    expect(await refusalOf(host(), changes)).toContain(words)
  })

  function of(config: Record<string, string | number | boolean>) {
    return { ...kafka, config }
  }
})

describe('what the host has already', () => {
  it.each(['GET', 'POST', 'OPTIONS', 'PUT', 'HEAD'])(
    'is told by name if it is the route %s',
    async (method) => {
      const app = host()
      app.route({ method, url: '/live/events', handler: async () => 'the host' })
      expect(await refusalOf(app, { prefix: '/live' })).toContain(
        `'${method}' already declared for route '/live/events'`,
      )
    },
  )

  it('is told by name if it is a path that differs by its parameter’s name alone', async () => {
    const app = host()
    app.get('/orders/:id', async () => 'the host')
    const streams = [{ path: '/orders/:customer', topic: 'orders' }]
    expect(await refusalOf(app, { streams })).toContain('/orders/:customer')
  })

  it('is told by name if it is the decorator', async () => {
    const app = host()
    app.decorate('kafkaSse', 'the host' as never)
    expect(await refusalOf(app, {})).toBe(
      'app.kafkaSse is taken: the app, or another of its plugins, has decorated it',
    )
  })

  it('is told by name if it is reply.sse, which the status page needs', async () => {
    const app = host()
    app.decorateReply('sse', () => 'the host')
    expect(await refusalOf(app, { sse: { adminPath: '/ops' } })).toContain(
      'options.sse.adminPath needs reply.sse',
    )
  })

  it('is told by name if it is the same prefix a second time', async () => {
    const app = host()
    await app.register(kafkaSse, optionsOf({ prefix: '/live' }))
    expect(await refusalOf(app, { prefix: '/live' })).toContain(
      "'GET' already declared for route '/live/events'",
    )
  })

  it('stays the host’s where it is something else: wildcards, parameters, decorators of our parts’ names', async () => {
    const app = host()
    for (const name of ['kafkaSseTopics', 'kafkaSseAuth', 'kafkaSseRates']) app.decorate(name, 'the host')
    for (const name of ['kafkaSseToken', 'kafkaSseClaims']) app.decorateRequest(name, null)
    app.options('*', async () => 'any')
    app.get('/live/:name', async () => 'one')
    await app.register(kafkaSse, optionsOf({ prefix: '/live' }))
    await app.ready()
    const answers = await Promise.all(
      [{ url: '/live/other' }, { url: '/else', method: 'OPTIONS' as const }].map((asked) =>
        app.inject(asked),
      ),
    )
    expect(answers.map(({ body }) => body)).toEqual(['one', 'any'])
    expect(app).toMatchObject({
      kafkaSseTopics: 'the host',
      kafkaSseAuth: 'the host',
      kafkaSseRates: 'the host',
    })
    expect((await app.inject({ url: '/live/events', method: 'PUT' })).statusCode).toBe(405)
  })
})

describe('a registration that fails in a host that goes on, because it handles the error in `after`', () => {
  /** Its admin routes fail, behind those of its streams. */
  async function fail(app: FastifyInstance, goOn: () => void = () => {}): Promise<void> {
    app.get('/ops/metrics', async () => 'the host')
    app.setNotFoundHandler(async (_request, reply) => reply.code(404).send('no such page of the host'))
    const failures: unknown[] = []
    app.register(kafkaSse, optionsOf({ sse: { adminPath: '/ops', tickets: true } })).after((error) => {
      failures.push(error)
      goOn()
    })
    await app.ready()
    expect(failures).toMatchObject([{ code: 'FKS_CONFIG_INVALID' }])
  }

  it('serves no streams that are none of the handle’s: its routes are as if they were not there', async () => {
    const app = host()
    await fail(app)
    const asked = [
      { url: '/events' },
      { url: '/events', method: 'POST' as const },
      { url: '/events', method: 'PUT' as const },
      { url: '/events/ticket', method: 'POST' as const },
      { url: '/ops/health/live' },
    ]
    for (const each of asked) {
      const answer = await app.inject({ ...each, payloadAsStream: true })
      const body = answer.statusCode === 404 ? await text(answer.stream()) : null
      expect([each, answer.statusCode, body]).toEqual([each, 404, 'no such page of the host'])
    }
    expect((await app.inject('/ops/metrics')).body).toBe('the host')
    expect(app.hasDecorator('kafkaSse')).toBe(false)
  })

  it('closes nothing that the host has added to its scopes, before the host itself closes', async () => {
    const app = host()
    const closed: string[] = []
    app.addHook('onRegister', (scope) => {
      scope.addHook('onClose', async () => void closed.push('function'))
      // Its types lack what Fastify takes besides functions.
      const disposable = { [Symbol.asyncDispose]: async () => void closed.push('disposable') }
      scope.addHook('onClose', disposable as unknown as () => Promise<void>)
    })
    await fail(app)
    expect(closed).toEqual([])
    await app.close()
    expect(new Set(closed)).toEqual(new Set(['function', 'disposable']))
    expect(closed.filter((each) => each === 'function')).toHaveLength(closed.length / 2)
  })

  it('reads no more of Kafka, although its host goes on, and lets go of it once', async () => {
    const closed = vi.spyOn(Reader.prototype, 'close')
    const app = host()
    await fail(app)
    expect(closed).toHaveBeenCalledTimes(1)
    const [other, sharing] = [host(), host()]
    await other.register(kafkaSse, optionsOf({}))
    await fail(sharing)
    await Promise.all([app.close(), sharing.close()])
    expect(closed).toHaveBeenCalledTimes(1)
    await other.close()
    expect(closed).toHaveBeenCalledTimes(2)
  })

  it('may be tried again at another prefix, and the handle then speaks for all streams', async () => {
    const app = host()
    await fail(app, () => app.register(kafkaSse, optionsOf({ prefix: '/live' })))
    const statuses = async () => {
      const asked = ['/live/events', '/events'].map((url) => app.inject({ url, payloadAsStream: true }))
      return (await Promise.all(asked)).map(({ statusCode }) => statusCode)
    }
    expect(await statuses()).toEqual([200, 404])
    expect(app.kafkaSse.streams).toMatchObject({ open: 1, opened: 1 })
    await app.kafkaSse.revoke({ sub: 'alice' })
    expect(await statuses()).toEqual([401, 404])
  })
})

it.each([true, false])(
  'tickets have paths of their own in a host with exposeHeadRoutes %s',
  async (exposeHeadRoutes) => {
    const app = host({ exposeHeadRoutes })
    await app.register(kafkaSse, optionsOf({ sse: { tickets: true, adminPath: '/ops' } }))
    for (const method of ['GET', 'HEAD'] as const)
      expect((await app.inject({ method, url: '/events/ticket' })).headers.allow).toBe('POST, OPTIONS')
  },
)

describe('the prefix', () => {
  it.each([
    [undefined, '/events'],
    ['', '/events'],
    ['/', '/events'],
    ['/live', '/live/events'],
    ['/live/', '/live/events'],
    ['/:tenant', '/acme/events'],
  ])('%j has the stream at %s', async (prefix, url) => {
    const app = host()
    await app.register(kafkaSse, optionsOf({ ...(prefix !== undefined && { prefix }) }))
    const stream = await app.inject({ url, payloadAsStream: true })
    expect([stream.statusCode, stream.headers['content-type']]).toEqual([200, 'text/event-stream'])
    const renewal = { 'content-type': 'application/x-challenge-response' }
    expect((await app.inject({ method: 'POST', url, headers: renewal })).statusCode).toBe(204)
    expect((await app.inject('/')).statusCode).toBe(404)
  })

  it('may be the same twice, with other paths', async () => {
    const app = host()
    await app.register(kafkaSse, optionsOf({ prefix: '/live' }))
    const streams = [{ path: '/more', topic: 'more' }]
    await app.register(kafkaSse, optionsOf({ prefix: '/live', streams }))
    for (const url of ['/live/events', '/live/more'])
      expect((await app.inject({ url, payloadAsStream: true })).statusCode).toBe(200)
  })

  it.each([
    [{ prefix: 5 }, 'options.prefix takes a path, such as "/live", not 5'],
    [{ prefix: null }, 'options.prefix takes a path, such as "/live", not null'],
    [{ logLevel: true }, 'options.logLevel takes a level, such as "warn", not true'],
    [{ logSerializers: 'req' }, 'options.logSerializers takes an object of functions, not "req"'],
  ])('and what Fastify takes besides it is refused by name: %j', async (changes, words) => {
    expect(await refusalOf(host(), changes)).toBe(words)
  })
})

const HOSTS = ['HTTP/1.1', 'HTTP/1.1 over TLS', 'HTTP/2', 'HTTP/2 without TLS'] as const

/** What an app listens with, and how to open its stream. */
async function protocolOf(kind: (typeof HOSTS)[number]) {
  const { certificatePem: cert, keyPem: key, caPem: ca } = await localCertificates()
  const isHttp2 = kind.startsWith('HTTP/2')
  const isTls = kind === 'HTTP/2' || kind.endsWith('over TLS')
  const options = { ...(isHttp2 && { http2: true }), ...(isTls && { https: { cert, key } }) }
  // Fastify has a type for each protocol, and this table has them all.
  const ofFastify = options as FastifyServerOptions
  return { options: ofFastify, ca, isHttp2, scheme: isTls ? 'https' : 'http' }
}

describe.each(HOSTS)('a host on %s', (kind) => {
  it('has a stream, and closes at once although it is open, without forceCloseConnections', async () => {
    const { options, ca, isHttp2, scheme } = await protocolOf(kind)
    const app = host(options)
    await app.register(kafkaSse, optionsOf({ prefix: '/live' }))
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as AddressInfo // a TCP server's address is never a path
    const session = isHttp2 ? connectHttp2(`${scheme}://localhost:${port}`, { ca }) : null
    const { get } = await import(scheme === 'https' ? 'node:https' : 'node:http')
    const request =
      session?.request({ ':path': '/live/events' }) ??
      get({ port, path: '/live/events', host: 'localhost', ca })
    const [head] = await once(request, 'response')
    expect(isHttp2 ? head[':status'] : head.statusCode).toBe(200)
    const body = isHttp2 ? request : head
    let text = ''
    body.on('data', (bytes: Buffer) => {
      text += bytes
    })
    const startedAtMs = Date.now()
    await Promise.all([once(body, 'end'), app.close()])
    expect(Date.now() - startedAtMs).toBeLessThan(2_500)
    expect(text).toContain(':end shutdown\n\n')
    session?.destroy()
  })
})

describe('a host with a connectionTimeout that is shorter than the time between heartbeats', () => {
  it.each(['HTTP/1.1', 'HTTP/1.1 over TLS'] as const)(
    'on %s cuts no stream, and closes a connection that asks for nothing once its stream has ended',
    async (kind) => {
      const { ca, options, scheme } = await protocolOf(kind)
      const app = host({ ...options, connectionTimeout: 200 })
      app.server.keepAliveTimeout = 0
      const openMs = 1_500
      const auth = { authenticate: () => ({ subject: 'alice', expiresAt: Date.now() + openMs }) }
      await app.register(kafkaSse, optionsOf({ auth }))
      await app.listen({ host: '127.0.0.1', port: 0 })
      const { port } = app.server.address() as AddressInfo // a TCP server's address is never a path
      const { Agent, get } = await import(scheme === 'https' ? 'node:https' : 'node:http')
      const agent = new Agent({ keepAlive: true, ca })
      onTestFinished(() => agent.destroy())
      const [response] = await once(get({ port, path: '/events', host: 'localhost', agent }), 'response')
      const { socket } = response
      expect(await text(response)).toContain(':end expired\n')
      await once(socket, 'close', { signal: AbortSignal.timeout(5_000) })
    },
  )
})

describe('a host with an http2SessionTimeout that is shorter than the time between heartbeats', () => {
  it.each(['HTTP/2', 'HTTP/2 without TLS'] as const)(
    'on %s keeps its connections while they have streams, and closes them after the last one',
    async (kind) => {
      const { ca, options, scheme } = await protocolOf(kind)
      const timeouts = { connectionTimeout: 200, http2SessionTimeout: 500 }
      const app = host({ ...options, ...timeouts } as FastifyServerOptions) // as in `protocolOf`
      const lives = [1_000, 2_000]
      const authenticate = () => ({ subject: 'alice', expiresAt: Date.now() + (lives.shift() ?? 0) })
      await app.register(kafkaSse, optionsOf({ auth: { authenticate } }))
      await app.listen({ host: '127.0.0.1', port: 0 })
      const { port } = app.server.address() as AddressInfo // a TCP server's address is never a path
      const session = connectHttp2(`${scheme}://localhost:${port}`, { ca })
      onTestFinished(() => session.destroy())
      const goneAway = once(session, 'goaway').then(() => 'goaway')
      const texts = [1, 2].map(() => text(session.request({ ':path': '/events' })))
      const ended = Promise.all(texts)
      expect(await Promise.race([ended, goneAway])).not.toBe('goaway')
      for (const each of await ended) expect(each).toContain(':end expired\n')
      await once(session, 'close', { signal: AbortSignal.timeout(5_000) })
    },
  )
})

describe('a host’s router and its proxies', () => {
  const renewal = { 'content-type': 'application/x-challenge-response' }

  it.each([
    ['caseSensitive', { routerOptions: { caseSensitive: false } }, '/LIVE/Events'],
    ['ignoreTrailingSlash', { routerOptions: { ignoreTrailingSlash: true } }, '/live/events/'],
    ['ignoreDuplicateSlashes', { routerOptions: { ignoreDuplicateSlashes: true } }, '/live//events'],
    ['rewriteUrl', { rewriteUrl: ({ url = '' }) => url.replace('/public/', '/live/') }, '/public/events'],
  ] satisfies [string, FastifyServerOptions, string][])(
    '%s counts for a renewal, too',
    async (_, options, url) => {
      const app = host(options)
      await app.register(kafkaSse, optionsOf({ prefix: '/live' }))
      expect((await app.inject({ url: '/live/events', payloadAsStream: true })).statusCode).toBe(200)
      expect((await app.inject({ method: 'POST', url, headers: renewal })).statusCode).toBe(204)
      expect((await app.inject({ url, payloadAsStream: true })).statusCode).toBe(200)
      const { statusCode } = await app.inject({ method: 'POST', url: '/live/events', headers: renewal })
      expect([statusCode, app.kafkaSse.streams.renewals]).toEqual([204, 3])
    },
  )

  it.each([
    [true, 204],
    [false, 429],
  ])('trustProxy %s says whose address a renewal counts for', async (trustProxy, status) => {
    const app = host({ trustProxy })
    await app.register(
      kafkaSse,
      optionsOf({ sse: { renewalsPerSecondPerAddressMax: 1, streamsPerAddressMax: 1 } }),
    )
    await app.inject({ url: '/events', payloadAsStream: true })
    const renew = (address: string) =>
      app.inject({ method: 'POST', url: '/events', headers: { ...renewal, 'x-forwarded-for': address } })
    const flood = await Promise.all(Array.from({ length: 20 }, () => renew('192.0.2.1')))
    expect(flood.map(({ statusCode }) => statusCode)).toContain(429)
    expect((await renew('192.0.2.2')).statusCode).toBe(status)
  })
})
