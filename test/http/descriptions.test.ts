// The streams described for machines: the documents that are served, and that a description changes no answer.

import fastify, {
  type FastifyInstance,
  type FastifyServerOptions,
  type InjectOptions,
  type RouteOptions,
} from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import kafkaSse, { type KafkaSseOptions } from '../../src/plugin.ts'
import { asyncApiFaults, openApiFaults } from '../support/document-faults.ts'
import { HttpScene } from '../support/http-scene.ts'
import { forThisTest } from '../support/scene.ts'
import { until } from '../support/time.ts'

/** Nothing listens there: the plugin has to live without Kafka. */
const kafka = { bootstrapServers: '127.0.0.1:1' }
const auth = { authenticate: () => null }
const streams = [
  { path: '/events', topic: 'events' },
  {
    path: '/orders/:customer',
    topic: 'orders',
    key: '{params.customer}',
    select: ['headers.region' as const],
  },
]
const options = { prefix: '/live', kafka, auth, streams, sse: { descriptionPath: '/api', tickets: true } }

function host(server: FastifyServerOptions = {}): FastifyInstance {
  const app = fastify(server)
  onTestFinished(() => app.close())
  return app
}

async function guest(changes: Partial<KafkaSseOptions> = {}): Promise<FastifyInstance> {
  const app = host()
  await app.register(kafkaSse, { ...options, ...changes })
  return app
}

type Paths = Record<
  string,
  Record<string, { responses: Record<string, unknown>; parameters?: { name: string }[] }>
>

describe('descriptionPath', () => {
  it('serves OpenAPI and AsyncAPI below the prefix, valid and without a token', async () => {
    const app = await guest()
    const openApi = await app.inject('/live/api/openapi.json')
    expect([openApi.statusCode, openApi.headers['content-type']]).toEqual([
      200,
      'application/json; charset=utf-8',
    ])
    expect(await openApiFaults(openApi.json())).toEqual([])
    const { paths }: { paths: Paths } = openApi.json()
    expect(Object.entries(paths).map(([path, item]) => [path, Object.keys(item)])).toEqual([
      ['/live/events', ['get', 'post', 'options']],
      ['/live/events/ticket', ['post', 'options']],
      ['/live/orders/{customer}', ['get', 'post', 'options']],
      ['/live/orders/{customer}/ticket', ['post', 'options']],
    ])
    const asyncApi = await app.inject('/live/api/asyncapi.json')
    expect(asyncApiFaults(asyncApi.json())).toEqual([])
    expect(Object.keys(asyncApi.json().channels)).toEqual(['live-events', 'live-orders-customer'])
  })

  it('is off by default', async () => {
    const app = await guest({ sse: {} })
    for (const name of ['openapi', 'asyncapi'])
      expect((await app.inject(`/live/api/${name}.json`)).statusCode).toBe(404)
  })

  it('may be /, and each document has HEAD, CORS, and 405 for other methods', async () => {
    const app = await guest({ sse: { descriptionPath: '/' } })
    for (const url of ['/live/openapi.json', '/live/asyncapi.json']) {
      const headers = { origin: 'https://app.acme.test' }
      const got = await app.inject({ url, headers })
      expect([got.statusCode, got.headers['access-control-allow-origin']]).toEqual([200, '*'])
      expect((await app.inject({ url, method: 'HEAD' })).headers['content-length']).toBe(
        got.headers['content-length'],
      )
      const refused = await app.inject({ url, method: 'POST' })
      expect([refused.statusCode, refused.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS'])
    }
  })

  it('describes what is answered', async () => {
    const app = await guest()
    const { paths }: { paths: Paths } = (await app.inject('/live/api/openapi.json')).json()
    const renewal = { 'content-type': 'application/x-challenge-response' }
    for (const [method, url, path] of [
      ['GET', '/live/events', '/live/events'],
      ['POST', '/live/orders/c1', '/live/orders/{customer}'],
      ['POST', '/live/events/ticket', '/live/events/ticket'],
    ] as const) {
      const { statusCode, body } = await app.inject({ method, url, headers: renewal })
      const told = JSON.stringify(paths[path]?.[method.toLowerCase()]?.responses[statusCode])
      expect(statusCode).toBe(401)
      expect(told).toContain(JSON.parse(body).code)
    }
  })

  it.each([
    ['api', 'options.sse.descriptionPath takes a path such as /api, or /, not "api"'],
    ['/a?b', 'options.sse.descriptionPath takes a path such as /api, or /, not "/a?b"'],
    ['/api/', 'options.sse.descriptionPath takes a path such as /api, or /, not "/api/"'],
    [5, 'options.sse.descriptionPath takes a path such as /api, or /, not 5'],
  ])('%j is refused by name', async (descriptionPath, words) => {
    const refused = guest({ sse: { descriptionPath: descriptionPath as string } }) // what a caller without types gives
    await expect(refused).rejects.toThrow(words)
  })

  it('is refused if a stream or the logout has the path of a document', async () => {
    const taken = [{ path: '/api/openapi.json', topic: 'events' }]
    await expect(guest({ streams: taken })).rejects.toThrow(
      'options.sse.descriptionPath has its documents at a path that is taken: "/api/openapi.json"',
    )
    const issuer = { issuer: 'https://id.acme.test', audience: 'api', keys: 'https://id.acme.test/keys' }
    await expect(guest({ auth: { ...issuer, logoutPath: '/api/asyncapi.json' } })).rejects.toThrow(
      'is taken: "/api/asyncapi.json"',
    )
  })
})

describe('a description', () => {
  it('checks no request: what is answered first is as before', async () => {
    const app = await guest()
    for (const query of ['from=never', 'signals=2', 'since=now', 'headers.region=a'])
      expect((await app.inject(`/live/events?${query}`)).json().code).toBe('FKS_NOT_AUTHENTICATED')
    const authenticate = () => ({ subject: 'alice', expiresAt: Date.now() + 60_000 })
    const open = await guest({ auth: { authenticate } })
    expect((await open.inject('/live/events?from=never')).json()).toEqual({
      statusCode: 400,
      code: 'FKS_PARAMETER_INVALID',
      error: 'Bad Request',
      message: 'from is earliest or latest',
    })
    const stream = await open.inject({
      url: '/live/events?signals=2&lastEventId=a&other=1',
      payloadAsStream: true,
    })
    expect(stream.statusCode).toBe(200)
  })

  it('changes no byte and no header of any answer', async () => {
    const [described, plain] = await Promise.all([everyRoute(), everyRoute(withoutDescription)])
    for (const request of REQUESTS) {
      const [answer, expected] = await Promise.all([answerOf(described, request), answerOf(plain, request)])
      expect(answer, `${request.method} ${request.url}`).toEqual(expected)
    }
  })

  it('costs a record nothing: of a stream no validator and no serializer is called again', async () => {
    const calls = { validators: 0, serializers: 0 }
    const countCalls = async (app: FastifyInstance) => {
      app.addHook('onRoute', (route) => {
        const { validatorCompiler, serializerCompiler } = route
        if (!validatorCompiler || !serializerCompiler) return
        route.validatorCompiler = (of) => {
          const validate = validatorCompiler(of)
          return (data) => {
            calls.validators++
            return validate(data)
          }
        }
        route.serializerCompiler = (of) => {
          const serialize = serializerCompiler(of)
          return (data) => {
            calls.serializers++
            return serialize(data)
          }
        }
      })
    }
    const scene = await forThisTest(HttpScene.open({ host: countCalls }))
    const { reader } = await scene.get()
    await until(() => reader.comments.length > 0)
    const opened = { ...calls }
    expect(opened).toEqual({ validators: 2, serializers: 0 }) // of the query and of the headers
    for (let count = 0; count < 1000; count++) scene.topic.produce(`value ${count}`, `key ${count}`)
    await until(() => reader.records.length === 1000)
    expect(calls).toEqual(opened)
    await scene.get('/events', { authorization: 'Bearer none' })
    expect(calls.serializers).toBe(1)
  })

  it('leaves the bytes of an error as Fastify writes them', async () => {
    const app = await guest()
    const { body, headers } = await app.inject('/live/events')
    expect(body).toBe(
      '{"statusCode":401,"code":"FKS_NOT_AUTHENTICATED","error":"Unauthorized","message":"The request has no signed-in user"}',
    )
    expect(headers['content-type']).toBe('application/json; charset=utf-8')
  })

  it('leaves the answer of a host’s own error handler as it is', async () => {
    const app = host()
    app.setErrorHandler((error: Error & { code?: string }, _request, reply) =>
      reply.code(403).send({ type: 'about:blank', title: error.message, of: [error.code] }),
    )
    await app.register(kafkaSse, options)
    const { statusCode, body } = await app.inject('/live/events')
    expect([statusCode, JSON.parse(body)]).toEqual([
      403,
      { type: 'about:blank', title: 'The request has no signed-in user', of: ['FKS_NOT_AUTHENTICATED'] },
    ])
  })

  it('lives with a host whose validator and serializer throw', async () => {
    const app = host()
    const refuse = () => {
      throw new Error('the host compiles its own schemas alone')
    }
    app.setValidatorCompiler(refuse)
    app.setSerializerCompiler(refuse)
    await app.register(kafkaSse, options)
    expect((await app.inject('/live/events')).statusCode).toBe(401)
    expect((await app.inject('/live/api/openapi.json')).statusCode).toBe(200)
  })
})

const issuer = { issuer: 'https://id.acme.test', audience: 'api', keys: 'https://id.acme.test/keys' }
const form = 'application/x-www-form-urlencoded'
/** Each route, and each kind of refusal that needs no valid token. */
const REQUESTS: readonly InjectOptions[] = [
  ...['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT'].flatMap((method) =>
    ['/events', '/orders/c1', '/events/ticket', '/.well-known/oauth-protected-resource'].map((url) => ({
      method: method as 'GET', // one of them
      url,
    })),
  ),
  { method: 'GET', url: '/events?from=never&headers.region=a' },
  { method: 'GET', url: '/events?access_token=none', headers: { accept: 'text/html' } },
  { method: 'GET', url: '/events?ticket=none' },
  { method: 'OPTIONS', url: '/events', headers: { origin: 'a', 'access-control-request-method': 'GET' } },
  { method: 'POST', url: '/events', headers: { authorization: 'Bearer none' }, payload: 'a body' },
  { method: 'POST', url: '/logout', headers: { 'content-type': form }, payload: 'logout_token=none' },
  { method: 'POST', url: '/logout', headers: { 'content-type': 'application/json' }, payload: '[' },
  { method: 'POST', url: '/logout' },
  ...['/health/live', '/health/ready', '/metrics', '/status', '/status/status.js'].flatMap((path) => [
    { method: 'GET' as const, url: `/ops${path}` },
    { method: 'HEAD' as const, url: `/ops${path}` },
  ]),
]

async function everyRoute(onRoute?: (route: RouteOptions) => void): Promise<FastifyInstance> {
  const app = host()
  if (onRoute !== undefined) app.addHook('onRoute', onRoute)
  await app.register(kafkaSse, {
    ...{ kafka, streams },
    auth: { ...issuer, logoutPath: '/logout', resourceUrl: 'https://api.acme.test' },
    sse: { tickets: true, adminPath: '/ops', secretKey: Buffer.alloc(32, 1).toString('base64url') },
  })
  return app
}

function withoutDescription(route: RouteOptions): void {
  delete route.schema
  delete route.validatorCompiler
  delete route.serializerCompiler
}

/** Without what differs from one request to the next: the time, when to try again, and the values of metrics. */
async function answerOf(app: FastifyInstance, request: InjectOptions): Promise<object> {
  const { statusCode, headers, body } = await app.inject(request)
  const { date: _, 'retry-after': __, ...others } = headers
  if (!`${request.url}`.endsWith('/metrics')) return { statusCode, others, body }
  const { 'content-length': ___, ...fixed } = others
  return { statusCode, fixed, lines: body.split('\n').length }
}
