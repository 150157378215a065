// What the server says of itself as an OAuth resource (RFC 9728), and that no request changes it.

import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import kafkaSse, { type KafkaSseOptions } from '../../src/plugin.ts'
import { AUDIENCE, ISSUER, makeKey } from '../support/keys-and-tokens.ts'

const WELL_KNOWN = '/.well-known/oauth-protected-resource'
const RESOURCE = 'https://api.example.com/live'
let app: FastifyInstance

beforeEach(() => {
  app = fastify()
})
afterEach(() => app.close())

type Changes = { auth?: object; sse?: KafkaSseOptions['sse']; prefix?: string }

async function open(resourceUrl: string | null, { auth = {}, sse = {}, prefix = '' }: Changes = {}) {
  await app.register(kafkaSse, {
    prefix,
    kafka: { bootstrapServers: '127.0.0.1:1' }, // where nothing listens
    auth: { issuer: ISSUER, audience: AUDIENCE, keys: makeKey('ES256').publicPem, resourceUrl, ...auth },
    streams: [
      { path: '/events', topic: 'events' },
      { path: '/orders', topic: 'orders', scope: 'orders:read' },
      { path: '/open', topic: 'events', scope: null },
    ],
    sse,
  })
  await app.ready()
}

async function challengeAt(url: string, headers: Record<string, string> = {}) {
  const answer = await app.inject({ url, headers })
  return [answer.statusCode, answer.headers['www-authenticate']]
}

describe('the document', () => {
  it('is at the path of the resource and without it, for anyone', async () => {
    await open(RESOURCE)
    for (const url of [`${WELL_KNOWN}/live`, WELL_KNOWN]) {
      const answer = await app.inject({
        url,
        headers: { host: 'evil.example.net', origin: 'https://a.test' },
      })
      expect(answer.statusCode).toBe(200)
      expect(answer.headers['content-type']).toMatch(/^application\/json/)
      expect(answer.headers['access-control-allow-origin']).toBe('*')
      expect(answer.json()).toEqual({
        resource: RESOURCE,
        authorization_servers: [ISSUER],
        bearer_methods_supported: ['header', 'query'],
        scopes_supported: ['proxy:stream', 'orders:read'],
      })
    }
  })

  it.each([
    ['https://api.example.com', [WELL_KNOWN]],
    ['https://api.example.com/', [WELL_KNOWN]],
    ['https://api.example.com:8443/a/b/', [`${WELL_KNOWN}/a/b/`, WELL_KNOWN]],
  ])('of %s is at %j, and names it character by character', async (resourceUrl, paths) => {
    await open(resourceUrl)
    for (const url of paths) expect((await app.inject({ url })).json().resource).toBe(resourceUrl)
    const [, challenge] = await challengeAt('/events')
    expect(challenge).toBe(
      `Bearer realm="kafka-sse", resource_metadata="${new URL(paths[0] ?? '', resourceUrl)}"`,
    )
  })

  it('says only what is so', async () => {
    await open(RESOURCE, { auth: { queryToken: false } })
    expect((await app.inject({ url: WELL_KNOWN })).json().bearer_methods_supported).toEqual(['header'])
  })

  it('names each of several issuers', async () => {
    const other = 'https://other.example.com/'
    const keys = makeKey('ES256').publicPem
    const issuers = [ISSUER, other].map((issuer) => ({ issuer, audiences: [AUDIENCE], keys }))
    await open(RESOURCE, { auth: { issuer: undefined, audience: undefined, keys: undefined, issuers } })
    expect((await app.inject({ url: WELL_KNOWN })).json().authorization_servers).toEqual([ISSUER, other])
  })

  it('names no issuer and no method if the host authenticates', async () => {
    const authenticate = () => null
    await open(RESOURCE, { auth: { issuer: undefined, audience: undefined, keys: undefined, authenticate } })
    expect((await app.inject({ url: WELL_KNOWN })).json()).toEqual({
      resource: RESOURCE,
      scopes_supported: ['proxy:stream', 'orders:read'],
    })
  })

  it('has no other method', async () => {
    await open(RESOURCE)
    const { statusCode, headers } = await app.inject({ method: 'PUT', url: WELL_KNOWN })
    expect([statusCode, headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS'])
  })

  it('has HEAD, which answers as GET does, without the document', async () => {
    await open(RESOURCE)
    const [head, got] = await Promise.all(
      (['HEAD', 'GET'] as const).map((method) => app.inject({ method, url: WELL_KNOWN })),
    )
    expect([head?.statusCode, head?.body]).toEqual([200, ''])
    expect(head?.headers['content-length']).toBe(got?.headers['content-length'])
  })

  it('does not exist without RESOURCE_URL, nor below a prefix', async () => {
    await open(null)
    expect((await app.inject({ url: WELL_KNOWN })).statusCode).toBe(404)
    await app.close()
    app = fastify()
    await open(RESOURCE, { prefix: '/api' })
    for (const url of [WELL_KNOWN, `/api${WELL_KNOWN}`])
      expect((await app.inject({ url })).statusCode).toBe(404)
  })
})

describe('a challenge', () => {
  const end = `, resource_metadata="https://api.example.com${WELL_KNOWN}/live"`

  it('names the document to each client whose token is refused', async () => {
    await open(RESOURCE, { sse: { tickets: true } })
    const start = 'Bearer realm="kafka-sse"'
    const host = { host: 'evil.example.net' }
    expect(await challengeAt('/events', host)).toEqual([401, start + end])
    const bad = `${start}, error="invalid_token"${end}`
    expect(await challengeAt('/events', { authorization: 'Bearer a.b.c' })).toEqual([401, bad])
    expect(await challengeAt('/events?ticket=kst_AAAA')).toEqual([401, bad])
  })

  it('names it below a prefix, too', async () => {
    await open(RESOURCE, { prefix: '/api' })
    expect(await challengeAt('/api/events')).toEqual([401, `Bearer realm="kafka-sse"${end}`])
  })

  it('names nothing without RESOURCE_URL', async () => {
    await open(null)
    expect(await challengeAt('/events')).toEqual([401, 'Bearer realm="kafka-sse"'])
  })

  it('of a host stays as the host wrote it', async () => {
    app.addHook('onRequest', async (_request, reply) => void reply.header('www-authenticate', 'Negotiate'))
    const authenticate = () => null
    await open(RESOURCE, { auth: { issuer: undefined, audience: undefined, keys: undefined, authenticate } })
    expect(await challengeAt('/events')).toEqual([401, 'Negotiate'])
  })
})
