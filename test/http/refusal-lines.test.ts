// What a host’s log says of a refusal that is no fault of the server: a line at info, without a stack. A host’s own
// error handler gets these errors, too.

import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import kafkaSse from '../../src/plugin.ts'
import { Streams } from '../../src/stream/streams.ts'
import {
  AUDIENCE,
  exampleClaims,
  ISSUER,
  makeKey,
  mintToken,
  startKeyServer,
} from '../support/keys-and-tokens.ts'
import { LogLines } from '../support/printed.ts'

const key = makeKey('ES256')
const authorization = `Bearer ${mintToken(key, { claims: exampleClaims() })}`
const METHODS = ['GET', 'POST'] as const
let log: LogLines
let app: FastifyInstance
let closeKeys: () => Promise<unknown>
let keysUrl: string

beforeEach(async () => {
  log = new LogLines()
  app = fastify({ logger: { level: 'info', stream: log.stream } })
  const keyServer = await startKeyServer((_request, response) => response.writeHead(500).end())
  closeKeys = keyServer.close
  keysUrl = keyServer.url
})
afterEach(async () => {
  await app.close()
  await closeKeys()
})

async function register(keys: string): Promise<void> {
  await app.register(async (scope) => {
    await scope.register(kafkaSse, {
      kafka: { bootstrapServers: '127.0.0.1:1' }, // where nothing listens
      auth: { issuer: ISSUER, audience: AUDIENCE, keys },
      streams: [{ path: '/events', topic: 'events' }],
    })
  })
  await app.ready()
}

/** Lines that say of an answer which error it was. */
const told = () => log.objects().filter(({ code }) => code !== undefined)

/** Lines that say which check has failed. */
const refused = () => log.objects().filter(({ check }) => check !== undefined)

describe('a refused token', () => {
  const expired = () => {
    const claims = { ...exampleClaims(), exp: Math.floor(Date.now() / 1000) - 100 }
    return { authorization: `Bearer ${mintToken(key, { claims })}` }
  }
  const asked = async (headers: Record<string, string>) => {
    await register(key.publicPem)
    const before = log.lines.length
    const answer = await app.inject({ url: '/events?a=1', headers })
    const lines = log.lines.slice(before).map((line): Record<string, unknown> => JSON.parse(line))
    return {
      answer,
      lines: lines.filter(({ msg }) => !/^(incoming request|request completed)$/.test(`${msg}`)),
    }
  }

  it('is one line, with the check and by how many seconds its time was off', async () => {
    const { answer, lines } = await asked(expired())
    expect(answer.statusCode).toBe(401)
    expect(lines).toMatchObject([
      {
        level: 30,
        check: 'expired',
        method: 'GET',
        url: '/events?a=1',
        address: '127.0.0.1',
        msg: 'token refused',
      },
    ])
    expect(lines[0]?.offSeconds).toBeGreaterThanOrEqual(100)
    expect(lines[0]?.offSeconds).toBeLessThan(130)
    expect(JSON.stringify(lines)).not.toContain('stack')
  })

  it('is one line also if there is none, and if its scope is missing', async () => {
    const { lines } = await asked({})
    expect(lines).toMatchObject([{ level: 30, check: 'missing', msg: 'token refused' }])
  })

  it('is no line where the operator wants none', async () => {
    await app.register(async (scope) => {
      await scope.register(kafkaSse, {
        kafka: { bootstrapServers: '127.0.0.1:1' },
        auth: { issuer: ISSUER, audience: AUDIENCE, keys: key.publicPem },
        streams: [{ path: '/events', topic: 'events' }],
        sse: { logRefusals: false },
      })
    })
    await app.ready()
    await app.inject({ url: '/events', headers: expired() })
    expect(refused()).toEqual([])
    expect(log.text()).not.toContain('"stack"')
  })
})

it('another refusal is one line, with its code and without a stack', async () => {
  await register(key.publicPem)
  await app.inject({ url: '/events?since=x', headers: { authorization } })
  expect(told()).toMatchObject([
    {
      level: 30,
      code: 'FKS_PARAMETER_INVALID',
      msg: expect.stringMatching(/^refused: since is/),
      url: '/events?since=x',
    },
  ])
  expect(log.text()).not.toContain('"stack"')
})

describe('a 503 without a key set', () => {
  it.each(METHODS)('to a %s is one line at info', async (method) => {
    await register(keysUrl)
    const answer = await app.inject({ method, url: '/events', headers: { authorization } })
    expect([answer.statusCode, answer.json().code]).toEqual([503, 'FKS_KEYS_UNAVAILABLE'])
    expect(told()).toEqual([])
    expect(refused()).toMatchObject([
      { level: 30, check: 'keys unavailable', method, url: '/events', msg: 'token refused' },
    ])
    expect(log.objects().filter(({ level, err }) => Number(level) >= 50 || err !== undefined)).toEqual([])
    expect(log.objects().filter(({ msg }) => msg === 'request completed')).toHaveLength(1)
  })

  it('is answered by the error handler of the host', async () => {
    app.setErrorHandler((error: Error & { code: string }, request, reply) => {
      request.log.error({ err: error }, 'the host')
      reply.code(599).send({ the: 'host', code: error.code })
    })
    await register(keysUrl)
    const answer = await app.inject({ url: '/events', headers: { authorization } })
    expect([answer.statusCode, answer.json()]).toEqual([599, { the: 'host', code: 'FKS_KEYS_UNAVAILABLE' }])
    expect(log.objects().filter(({ msg }) => msg === 'the host')).toMatchObject([{ level: 50 }])
  })
})

it('a 503 during a drain is a line at info with its code', async () => {
  const draining = vi.spyOn(Streams.prototype, 'refusal').mockResolvedValue('draining')
  onTestFinished(() => draining.mockRestore())
  await app.register(async (scope) => {
    await kafkaSse(scope, {
      kafka: { bootstrapServers: '127.0.0.1:1' },
      auth: { issuer: ISSUER, audience: AUDIENCE, keys: key.publicPem },
      streams: [{ path: '/events', topic: 'events' }],
    })
  })
  await app.ready()
  const answer = await app.inject({ url: '/events', headers: { authorization } })
  expect([answer.statusCode, answer.json().code]).toEqual([503, 'FKS_DRAINING'])
  expect(told()).toMatchObject([
    { level: 30, code: 'FKS_DRAINING', msg: expect.stringMatching(/^refused: /) },
  ])
  expect(log.objects().filter(({ level, err }) => Number(level) >= 50 || err !== undefined)).toEqual([])
})

it('an internal error is a line at error, with its stack', async () => {
  app.addHook('preHandler', async () => {
    throw new Error('ours')
  })
  await register(key.publicPem)
  expect((await app.inject({ url: '/events', headers: { authorization } })).statusCode).toBe(500)
  expect(log.objects().filter(({ level }) => level === 50)).toMatchObject([
    { err: { stack: expect.any(String) } },
  ])
})

describe('a host’s onError hook that', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['answers with a value', async () => 'id'],
    ['fails', () => Promise.reject(new Error('the hook'))],
  ])('%s hides no refusal', async (_name, hook) => {
    const draining = vi.spyOn(Streams.prototype, 'refusal')
    onTestFinished(() => draining.mockRestore())
    app.addHook('onError', hook as () => Promise<void>) // as from JavaScript
    await app.register(kafkaSse, {
      kafka: { bootstrapServers: '127.0.0.1:1' },
      auth: { issuer: ISSUER, audience: AUDIENCE, keys: keysUrl },
      sse: { tickets: true, connectsPerSecondPerAddressMax: 1, streamsPerAddressMax: 1 },
      streams: [{ path: '/events', topic: 'events' }],
    })
    const ask = (method: 'GET' | 'POST' | 'PUT', url: string) =>
      app.inject({ method, url, headers: { authorization } })
    const unverified = await ask('POST', '/events/ticket')
    const above = await Promise.all(Array.from({ length: 20 }, () => ask('POST', '/events/ticket')))
    const tooMany = above.find(({ statusCode }) => statusCode === 429)
    draining.mockResolvedValue('draining')
    const answers = [unverified, tooMany, await ask('GET', '/events')]
    expect(answers.map((answer) => answer?.json().code)).toEqual([
      'FKS_KEYS_UNAVAILABLE',
      'FKS_TOO_MANY_REQUESTS',
      'FKS_DRAINING',
    ])
    for (const answer of answers) expect(answer?.headers['retry-after']).toMatch(/^\d+$/)
    expect(log.objects().filter(({ level }) => Number(level) >= 50)).toEqual([])
    expect(told()).toContainEqual(expect.objectContaining({ level: 30, code: 'FKS_DRAINING' }))
    const { FKS_DRAINING, FKS_KEYS_UNAVAILABLE, FKS_TOO_MANY_REQUESTS } = app.kafkaSse.streams.refusals
    expect([FKS_DRAINING, (FKS_KEYS_UNAVAILABLE ?? 0) + (FKS_TOO_MANY_REQUESTS ?? 0)]).toEqual([1, 21])
    for (const url of ['/events', '/events/ticket']) expect((await ask('PUT', url)).statusCode).toBe(405)
    expect(app.kafkaSse.streams.refusals.FKS_METHOD_NOT_ALLOWED).toBe(2)
  })
})

it('a host’s own error about a stream’s request stays a line at error, also behind a refusal', async () => {
  const draining = vi.spyOn(Streams.prototype, 'refusal').mockResolvedValue('draining')
  onTestFinished(() => draining.mockRestore())
  app.addHook('onError', async (_request, reply, error) => {
    reply.log.error('words')
    reply.log.error({ err: error }, 'the same')
    reply.log.error(new Error('other'))
  })
  await register(key.publicPem)
  await app.inject({ url: '/events', headers: { authorization } })
  expect(log.objects().filter(({ level }) => level === 50)).toMatchObject([
    { msg: 'words' },
    { msg: 'other' },
  ])
})
