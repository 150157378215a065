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

describe('a 503 without a key set', () => {
  it.each(METHODS)('to a %s is a line at info with its code', async (method) => {
    await register(keysUrl)
    const answer = await app.inject({ method, url: '/events', headers: { authorization } })
    expect([answer.statusCode, answer.json().code]).toEqual([503, 'FKS_KEYS_UNAVAILABLE'])
    expect(told()).toMatchObject([
      { level: 30, code: 'FKS_KEYS_UNAVAILABLE', msg: expect.stringMatching(/^refused: Tokens cannot/) },
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
