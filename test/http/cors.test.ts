// The streams in an app that has @fastify/cors somewhere, registered in any order.

import cors from '@fastify/cors'
import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import kafkaSse, { type KafkaSseOptions } from '../../src/plugin.ts'
import { AUDIENCE, ISSUER, makeKey } from '../support/keys-and-tokens.ts'

const HOSTS = 'https://hosts.example.com'
const OURS = 'https://ours.example.com'
const key = makeKey('ES256')
let app: FastifyInstance

beforeEach(() => {
  app = fastify()
})
afterEach(() => app.close())

type Part = (scope: FastifyInstance, prefix: string) => void

const hosts: Part = (scope) => void scope.register(cors, { origin: HOSTS })
const ours: Part = (scope, prefix) => void scope.register(kafkaSse, options('/events', prefix))
const more: Part = (scope, prefix) => void scope.register(kafkaSse, options('/more', prefix))
/** A plugin of the host's, in a scope of its own. */
const child = (part: Part): Part => {
  return (scope, prefix) => void scope.register(async (inner) => part(inner, prefix))
}
const hostsChild = child(hosts)

function options(path: string, prefix: string): KafkaSseOptions & { prefix: string } {
  return {
    prefix,
    kafka: { bootstrapServers: '127.0.0.1:1' }, // where nothing listens
    auth: { issuer: ISSUER, audience: AUDIENCE, keys: key.publicPem },
    streams: [{ path, topic: 'events' }],
    sse: { corsOrigins: [OURS] },
  }
}

/** What is registered, in which order, and whose CORS holds for which path then. */
const orders: [string, readonly Part[], Record<string, string>][] = [
  ['none', [ours], { '/events': OURS }],
  ['one before us', [hosts, ours], { '/events': HOSTS }],
  ['one after us', [ours, hosts], { '/events': HOSTS }],
  ['one in a child before us', [hostsChild, ours], { '/events': OURS }],
  ['one in a child after us', [ours, hostsChild], { '/events': OURS }],
  ['one before the child that we are in', [hosts, child(ours)], { '/events': HOSTS }],
  ['one after the child that we are in', [child(ours), hosts], { '/events': HOSTS }],
  ['none, and us twice', [ours, more], { '/events': OURS, '/more': OURS }],
  ['one after the two of us', [ours, more, hosts], { '/events': HOSTS, '/more': HOSTS }],
  ['one between the two of us', [ours, hosts, more], { '/events': HOSTS, '/more': HOSTS }],
  [
    'a folder of plugins, loaded by name',
    [hostsChild, child(ours), child(more)],
    { '/events': OURS, '/more': OURS },
  ],
]

describe.each(['', '/live'])('under the prefix "%s", where the host has', (prefix) => {
  it.each(orders)('%s, our paths answer their own OPTIONS, and nothing else', async (_, parts, holds) => {
    for (const part of parts) part(app, prefix)
    await app.ready()
    for (const [path, origin] of Object.entries(holds)) {
      const preflight = { origin, 'access-control-request-method': 'GET' }
      const answer = await app.inject({ method: 'OPTIONS', url: prefix + path, headers: preflight })
      expect(answer.statusCode).toBe(204)
      expect(answer.headers['access-control-allow-origin']).toBe(origin)
      const refused = await app.inject({ url: prefix + path, headers: { origin } })
      expect(refused.statusCode).toBe(401)
      expect(refused.headers['access-control-allow-origin']).toBe(origin)
    }
    const isHosts = parts.includes(hosts) || parts.includes(hostsChild)
    expect(app.hasRoute({ method: 'OPTIONS', url: '/*' })).toBe(isHosts)
    const elsewhere = await app.inject({
      method: 'OPTIONS',
      url: `${prefix}/else`,
      headers: { origin: OURS },
    })
    expect(elsewhere.headers['access-control-allow-origin']).not.toBe(OURS)
  })
})

describe('health, metrics and status in an app of its host', () => {
  it.each([['*'], [OURS]])('are not for pages of other sites, where streams are for %s', async (allowed) => {
    const given = options('/events', '/live')
    app.register(kafkaSse, { ...given, sse: { corsOrigins: [allowed], adminPath: '/ops' } })
    for (const path of ['/metrics', '/status', '/status/status.js', '/health/live', '/health/ready']) {
      for (const method of ['GET', 'OPTIONS'] as const) {
        const headers = { origin: OURS, 'access-control-request-method': 'GET' }
        const answer = await app.inject({ method, url: `/live/ops${path}`, headers })
        const named = Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'))
        expect([method, path, named]).toEqual([method, path, []])
      }
    }
    const stream = await app.inject({ url: '/live/events', headers: { origin: OURS } })
    expect(stream.headers['access-control-allow-origin']).toBe(allowed)
  })
})

describe('our own CORS', () => {
  it.each([
    [
      'of one of the origins',
      { origin: OURS },
      { 'access-control-allow-origin': OURS, vary: 'Accept, Origin' },
    ],
    ['of another', { origin: HOSTS }, { vary: 'Accept, Origin' }],
  ])('answers a preflight %s, and adds to the `vary` of the host', async (_, origin, headers) => {
    app.addHook('onRequest', async (_request, reply) => void reply.header('vary', 'Accept'))
    ours(app, '')
    const preflight = { ...origin, 'access-control-request-method': 'GET' }
    const answer = await app.inject({ method: 'OPTIONS', url: '/events', headers: preflight })
    expect(answer.statusCode).toBe(204)
    expect(answer.headers).toMatchObject({
      'access-control-expose-headers': 'retry-after, www-authenticate',
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers':
        'authorization, last-event-id, content-type, traceparent, tracestate, baggage, sentry-trace',
      'access-control-max-age': '86400',
      'content-length': '0',
    })
    expect(answer.headers).toMatchObject(headers)
    expect(answer.headers['access-control-allow-origin'] !== undefined).toBe(origin.origin === OURS)
  })

  it('allows the headers that are set, beside those of clients and of tracing', async () => {
    const given = options('/events', '')
    app.register(kafkaSse, {
      ...given,
      sse: { corsOrigins: ['*'], corsHeaders: ['X-Tenant', 'x-request-id'] },
    })
    const preflight = {
      origin: OURS,
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'authorization,traceparent,x-tenant',
    }
    const { headers } = await app.inject({ method: 'OPTIONS', url: '/events', headers: preflight })
    expect(headers['access-control-allow-headers']).toBe(
      'authorization, last-event-id, content-type, traceparent, tracestate, baggage, sentry-trace, X-Tenant, x-request-id',
    )
  })

  it.each([
    'capacitor://localhost',
    'ionic://localhost',
    'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
    'null',
    'file://',
  ])('names the origin %s to its pages, and to no other', async (listed) => {
    const given = options('/events', '')
    app.register(kafkaSse, { ...given, sse: { corsOrigins: [listed] } })
    for (const [origin, named] of [
      [listed, listed],
      [OURS, undefined],
    ]) {
      const { headers } = await app.inject({ url: '/events', headers: { origin } })
      expect(headers['access-control-allow-origin']).toBe(named)
      expect(headers['access-control-allow-credentials']).toBeUndefined()
    }
  })

  it('refuses an incomplete preflight', async () => {
    ours(app, '')
    const answer = await app.inject({ method: 'OPTIONS', url: '/events', headers: { origin: OURS } })
    expect([answer.statusCode, answer.body]).toEqual([400, 'Invalid Preflight Request'])
  })
})
