// What a host's own document has of our routes: @fastify/swagger makes it of their schemas, and the host may change it.

import fastifySwagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import kafkaSse from '../../src/plugin.ts'
import { openApiFaults } from '../support/document-faults.ts'

const options = {
  prefix: '/live',
  kafka: { bootstrapServers: '127.0.0.1:1' }, // where nothing listens
  auth: { authenticate: () => null },
  streams: [
    { path: '/events', topic: 'events' },
    {
      path: '/orders/:customer',
      topic: 'orders',
      key: '{params.customer}',
      select: ['headers.region' as const],
    },
  ],
  sse: { descriptionPath: '/api', tickets: true },
}
const ofStreams = [
  ['/live/events', ['get', 'options', 'post']],
  ['/live/events/ticket', ['options', 'post']],
  ['/live/orders/{customer}', ['get', 'options', 'post']],
  ['/live/orders/{customer}/ticket', ['options', 'post']],
]
const openapi = { openapi: '3.1.0', info: { title: 'host', version: '1' } }

interface Operation {
  readonly summary?: string
  readonly tags?: string[]
  readonly parameters?: { name: string }[]
  readonly requestBody?: object
  readonly responses: Record<string, unknown>
}

type Paths = Record<string, Record<string, Operation>>

/** `prepare` comes before the plugin. */
async function documentOf(
  swagger: FastifyDynamicSwaggerOptions,
  changes: object = {},
  prepare: (app: FastifyInstance) => void = () => {},
): Promise<{ app: FastifyInstance; document: { paths: Paths } }> {
  const app = fastify()
  onTestFinished(() => app.close())
  await app.register(fastifySwagger, swagger)
  prepare(app)
  await app.register(kafkaSse, { ...options, ...changes })
  await app.ready()
  return { app, document: JSON.parse(JSON.stringify(app.swagger())) }
}

function methodsIn({ paths }: { paths: Paths }): [path: string, methods: string[]][] {
  return Object.entries(paths)
    .map(([path, item]): [string, string[]] => [path, Object.keys(item).sort()])
    .sort()
}

describe('@fastify/swagger in a host', () => {
  it('shows GET, POST and OPTIONS of the streams, and no method that is answered 405', async () => {
    const { app, document } = await documentOf({ openapi })
    expect(await openApiFaults(document)).toEqual([])
    expect(methodsIn(document)).toEqual(ofStreams)
    const { parameters = [] } = document.paths['/live/orders/{customer}']?.get ?? {}
    expect(parameters.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['customer', 'since', 'headers.region', 'last-event-id']),
    )
    const served: { paths: Paths } = (await app.inject('/live/api/openapi.json')).json()
    for (const [path, item] of Object.entries(served.paths))
      for (const [method, { responses }] of Object.entries(item))
        expect(Object.keys(document.paths[path]?.[method]?.responses ?? {})).toEqual(Object.keys(responses))
  })

  it('shows what operators and identity providers ask for, and no file of the status page', async () => {
    const auth = { issuer: 'https://id.acme.test', audience: 'api', keys: 'https://id.acme.test/keys' }
    const { document } = await documentOf(
      { openapi },
      {
        prefix: '',
        auth: { ...auth, logoutPath: '/logout', resourceUrl: 'https://api.acme.test/live' },
        sse: { adminPath: '/ops' },
      },
    )
    expect(await openApiFaults(document)).toEqual([])
    expect(methodsIn(document)).toEqual([
      ['/.well-known/oauth-protected-resource', ['get']],
      ['/.well-known/oauth-protected-resource/live', ['get']],
      ['/events', ['get', 'options', 'post']],
      ['/logout', ['post']],
      ['/ops/health/live', ['get']],
      ['/ops/health/ready', ['get']],
      ['/ops/metrics', ['get']],
      ['/ops/status', ['get']],
      ['/ops/status/events', ['get']],
      ['/orders/{customer}', ['get', 'options', 'post']],
    ])
    for (const [path, item] of Object.entries(document.paths))
      for (const operation of Object.values(item)) {
        expect(operation.summary, path).toBeTruthy()
        expect(operation.tags, path).toHaveLength(1)
        expect(JSON.stringify(operation.responses), path).not.toContain('Default Response')
      }
    const { post } = document.paths['/logout'] ?? {}
    expect(post?.requestBody).toMatchObject({
      content: { 'application/x-www-form-urlencoded': { schema: { required: ['logout_token'] } } },
    })
    expect(JSON.stringify(post?.responses[400])).toContain('FKS_LOGOUT_REFUSED')
    const { get } = document.paths['/ops/status/events'] ?? {}
    expect(JSON.stringify(get?.responses[429])).toContain('FKS_BUSY')
  })

  it('shows the same in OpenAPI 3.0, and the same paths in Swagger 2.0', async () => {
    const older = await documentOf({ openapi: { ...openapi, openapi: '3.0.3' } })
    expect(methodsIn(older.document)).toEqual(ofStreams)
    expect(await openApiFaults(older.document)).toEqual([])
    const oldest = await documentOf({ swagger: { info: openapi.info } })
    expect(methodsIn(oldest.document)).toEqual(ofStreams)
  })

  it('gives the host’s transform each route of ours, to hide, rename and label it', async () => {
    const { document } = await documentOf({
      openapi,
      transform: ({ schema, url }) => ({
        schema: { ...schema, tags: ['host'], ...(url.startsWith('/live/orders') && { hide: true }) },
        url: url.replace('/live', '/v1'),
      }),
    })
    expect(methodsIn(document)).toEqual([
      ['/v1/events', ['get', 'options', 'post']],
      ['/v1/events/ticket', ['options', 'post']],
    ])
    expect(document.paths['/v1/events']?.get).toMatchObject({
      summary: 'Opens a stream of records',
      tags: ['host'],
    })
  })

  it('does not give ours to the transform of a host whose schemas are of another kind', async () => {
    class Shape {} // as Zod has it
    const { document } = await documentOf(
      {
        openapi,
        transform: ({ schema, url }) => {
          const { querystring, response } = schema as { querystring?: unknown; response?: object } // as converters do
          for (const each of [querystring ?? [], Object.values(response ?? {})].flat())
            if (!(each instanceof Shape)) throw new TypeError('this is no Shape')
          return { schema: { hide: schema?.hide === true, summary: 'converted' }, url }
        },
      },
      {},
      (app) => {
        app.setValidatorCompiler(({ schema }) => {
          if (!(schema instanceof Shape)) throw new TypeError('this is no Shape')
          return () => true
        })
        app.get('/shapes', { schema: { querystring: new Shape() } }, async () => 'a shape')
      },
    )
    expect(methodsIn(document)).toEqual([...ofStreams, ['/shapes', ['get']]])
    expect(document.paths['/shapes']?.get?.summary).toBe('converted')
    expect(document.paths['/live/events']?.get?.summary).toBe('Opens a stream of records')
  })
})
