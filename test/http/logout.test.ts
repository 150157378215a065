// Back-channel logout on a real server: what a provider's logout token ends, and every other request is refused alike.

import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { registerKafkaStreams } from '../../src/app/kafka-registration.ts'
import { buildWebApp } from '../../src/app/web-app.ts'
import { parseEnvironment } from '../../src/config/parse.ts'
import { LINES_AT_ONCE } from '../../src/http/line-budget.ts'
import kafkaSse, { type KafkaSseOptions } from '../../src/plugin.ts'
import { Streams } from '../../src/stream/streams.ts'
import {
  AUDIENCE,
  exampleClaims,
  ISSUER,
  makeKey,
  mintToken,
  mintUnsigned,
  nowSeconds,
} from '../support/keys-and-tokens.ts'
import { keepSecret, LogLines } from '../support/printed.ts'
import { eventually } from '../support/time.ts'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const FORM = 'application/x-www-form-urlencoded'
const key = makeKey('ES256')

let app: FastifyInstance
let log: LogLines
let url: string
let lastId = 0

beforeEach(() => listen())
afterEach(() => app.close())

async function listen(changes: Partial<KafkaSseOptions> = {}): Promise<void> {
  log = new LogLines()
  app = fastify({ forceCloseConnections: true, logger: { level: 'trace', stream: log.stream } })
  await app.register(kafkaSse, {
    kafka: { bootstrapServers: '127.0.0.1:1' },
    auth: { issuer: ISSUER, audience: AUDIENCE, keys: key.publicPem, logoutPath: '/logout' },
    streams: [{ path: '/events', topic: 'events' }],
    ...changes,
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
}

/** A logout token of the issuer; undefined leaves a claim out. */
function logoutToken(changes: Record<string, unknown> = {}, header: Record<string, unknown> = {}): string {
  const own = { iat: nowSeconds(), exp: nowSeconds() + 60, jti: `l${++lastId}`, events: { [EVENT]: {} } }
  const claims = { ...exampleClaims(), scope: undefined, ...own, ...changes }
  return mintToken(key, { claims, header: { typ: 'logout+jwt', ...header } })
}

function post(body: string, type = FORM, path = '/logout'): Promise<Response> {
  return fetch(url + path, { method: 'POST', headers: { 'content-type': type }, body })
}
const logout = (token: string) => post(new URLSearchParams({ logout_token: token }).toString())

async function open(claims: Record<string, unknown> = {}): Promise<Response> {
  const token = mintToken(key, { claims: { ...exampleClaims(), iat: nowSeconds() - 10, ...claims } })
  return fetch(`${url}/events`, { headers: { authorization: `Bearer ${token}` } })
}

async function expectRefused(answer: Response): Promise<void> {
  expect(answer.status).toBe(400)
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(await answer.json()).toEqual({
    statusCode: 400,
    code: 'FKS_LOGOUT_REFUSED',
    error: 'Bad Request',
    message: 'The logout token is not accepted',
  })
}

describe('a logout token', () => {
  it('ends the streams of its session, and refuses their tokens', async () => {
    const [mine, other] = [await open({ sid: 's1' }), await open({ sid: 's2' })]
    const answer = await logout(logoutToken({ sid: 's1' }))
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await answer.text()).toBe('')
    expect(await mine.text()).toContain(':end revoked\n\n')
    expect((await open({ sid: 's1' })).status).toBe(401)
    const again = await open({ sid: 's2' })
    expect(again.status).toBe(200)
    for (const { body } of [other, again]) await body?.cancel()
    expect(log.of('logged out by the provider')).toMatchObject([{ by: ['sid'] }])
  })

  it('without a session ends all of its subject, as of its issue', async () => {
    const streams = [await open({ sid: 's1' }), await open(), await open({ iat: nowSeconds() + 4 })]
    expect((await logout(logoutToken())).status).toBe(200)
    expect(await streams[0]?.text()).toContain(':end revoked\n\n')
    expect(await streams[1]?.text()).toContain(':end revoked\n\n')
    await eventually(() => expect(app.kafkaSse.streams.open).toBe(1))
    await streams[2]?.body?.cancel()
  })

  it('counts once', async () => {
    const token = logoutToken()
    expect((await logout(token)).status).toBe(200)
    await expectRefused(await logout(token))
    expect(log.of('logout token refused')).toMatchObject([{ check: 'jti' }])
    const both = await Promise.all([logoutToken({ jti: 'same' }), logoutToken({ jti: 'same' })].map(logout))
    expect(both.map(({ status }) => status).sort()).toEqual([200, 400])
  })

  it.each<[string, string, () => string]>([
    ['signature', 'signed by another key', () => mintToken(makeKey('ES256'), { claims: exampleClaims() })],
    ['kid', 'unsigned', () => mintUnsigned()],
    ['typ', 'of an access token', () => logoutToken({}, { typ: 'at+jwt' })],
    ['aud', 'for another client', () => logoutToken({ aud: 'other' })],
    ['iss', 'of another issuer', () => logoutToken({ iss: 'https://evil.example' })],
    ['nonce', 'with a nonce', () => logoutToken({ nonce: 'n' })],
    ['events', 'without the event', () => logoutToken({ events: {} })],
    ['iat', 'of three minutes ago', () => logoutToken({ iat: nowSeconds() - 180 })],
    ['expired', 'that has expired', () => logoutToken({ exp: nowSeconds() - 1 })],
    ['spelling', 'with padding', () => `${logoutToken()}=`],
    ['spelling', 'that is empty', () => ''],
  ])('is refused by %s if it is one %s, and ends nothing', async (check, _, token) => {
    const stream = await open()
    await expectRefused(await logout(keepSecret(token())))
    const told = log.of('logout token refused').map((line) => line.check)
    if (check === 'kid' || check === 'signature') expect(told).toHaveLength(1)
    else expect(told).toEqual([check])
    expect(app.kafkaSse.streams.open).toBe(1)
    expect(app.kafkaSse.streams.refusals).toEqual({ FKS_LOGOUT_REFUSED: 1 })
    await stream.body?.cancel()
  })

  it('that is refused is counted by its check, also if no line is to tell it', async () => {
    await app.close()
    await listen({ sse: { adminPath: '/admin', logRefusals: false } })
    const token = logoutToken()
    expect((await logout(token)).status).toBe(200)
    for (const refused of [token, logoutToken({ aud: 'other' }), ''])
      await expectRefused(await logout(refused))
    const metrics = await (await fetch(`${url}/admin/metrics`)).text()
    for (const check of ['jti', 'aud', 'spelling'])
      expect(metrics).toContain(`kafka_sse_token_refusals_total{check="${check}"} 1\n`)
    expect(log.of('logout token refused')).toEqual([])
  })

  it('with a bad signature is refused alike at any rate, and is no warning', async () => {
    await app.close()
    await listen({ sse: { failuresPerSecondPerAddressMax: 1 } })
    const forger = makeKey('ES256')
    for (let count = 1; count <= 4; count++) {
      const claims = { iat: nowSeconds(), jti: `f${count}`, events: { [EVENT]: {} } }
      await expectRefused(await logout(mintToken(forger, { claims })))
    }
    const checks = log.of('logout token refused').map(({ check }) => check)
    expect(checks).toEqual(['signature', 'signature', 'too many failures', 'too many failures'])
    expect(log.text()).not.toContain('logout failed')
  })

  it('is no access token, also once it was accepted as what it is', async () => {
    const token = logoutToken({ scope: 'proxy:stream' })
    expect((await logout(token)).status).toBe(200)
    const answer = await fetch(`${url}/events`, { headers: { authorization: `Bearer ${token}` } })
    expect(answer.status).toBe(401)
  })
})

describe('a request that is no logout', () => {
  it.each<[string, () => Promise<Response>]>([
    ['a query', () => post('', FORM, `/logout?logout_token=${logoutToken()}`)],
    ['JSON', () => post(JSON.stringify({ logout_token: logoutToken() }), 'application/json')],
    ['another parameter', () => post(new URLSearchParams({ token: logoutToken() }).toString())],
    ['two tokens', () => post(`logout_token=${logoutToken()}&logout_token=${logoutToken()}`)],
    ['no body', () => post('')],
    ['a body of 1 MiB', () => post(`logout_token=${'a'.repeat(2 ** 20)}`)],
    ['a body that is no text', () => post('%ff%fe=%', FORM)],
  ])('by %s is refused in the same way', async (_, ask) => {
    const stream = await open()
    await expectRefused(await ask())
    expect(app.kafkaSse.streams.open).toBe(1)
    await stream.body?.cancel()
  })

  it('has a bounded number of lines, and a logout that fails has one in any case', async () => {
    const [headers, remoteAddress] = [{ 'content-type': FORM }, '192.0.2.77']
    const ask = (payload: string) =>
      app.inject({ method: 'POST', url: '/logout', payload, headers, remoteAddress })
    const failures = () =>
      log.objects().flatMap(({ msg }) => /^logout failed: (.*)/.exec(String(msg))?.[1] ?? [])
    for (let count = 0; count < LINES_AT_ONCE * 1.4; count++) await ask('a'.repeat(20_001))
    expect(failures().length).toBeLessThan(LINES_AT_ONCE * 1.3)
    vi.spyOn(Streams.prototype, 'revokeEverywhere').mockRejectedValueOnce(new Error('not everywhere'))
    onTestFinished(() => void vi.restoreAllMocks())
    await ask(new URLSearchParams({ logout_token: logoutToken() }).toString())
    expect(failures().at(-1)).toBe('not everywhere')
  })

  it('has no such path where it is off, nor by GET', async () => {
    expect((await fetch(`${url}/logout`)).status).toBe(404)
    await app.close()
    await listen({ auth: { issuer: ISSUER, audience: AUDIENCE, keys: key.publicPem } })
    expect((await logout(logoutToken())).status).toBe(404)
  })

  it('writes no token into the log', async () => {
    const token = logoutToken()
    await post('', FORM, `/logout?access_token=${token}&logout_token=x`)
    await logout(token)
    expect(log.lines.join('')).not.toContain(token.slice(0, 30))
  })
})

describe('another method of the path', () => {
  const METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'] as const

  it('is answered 405 by a server, with the methods that there are', async () => {
    const options = await parseEnvironment({
      KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1',
      JWT_ISSUER: ISSUER,
      JWT_AUDIENCE: AUDIENCE,
      JWT_KEYS: key.publicPem,
      LOGOUT_PATH: '/logout',
      TLS: 'off',
      LOG_LEVEL: 'silent',
    })
    const server = await buildWebApp(options, (scope) => registerKafkaStreams(scope, options))
    onTestFinished(() => server.close())
    for (const method of METHODS) {
      const headers = { 'content-type': FORM }
      const answer = await server.inject({ method, url: '/logout', payload: 'logout_token=x', headers })
      expect([method, answer.statusCode, answer.headers.allow]).toEqual([method, 405, 'POST, OPTIONS'])
    }
    expect(server.kafkaSseStreams.figures.refusals).toEqual({ FKS_METHOD_NOT_ALLOWED: METHODS.length })
  })

  it('is the host’s in an app, which may have a page there, before the plugin or after it', async () => {
    const host = fastify()
    onTestFinished(() => host.close())
    host.get('/logout', async () => 'signed out')
    await host.register(kafkaSse, {
      kafka: { bootstrapServers: '127.0.0.1:1' },
      auth: { issuer: ISSUER, audience: AUDIENCE, keys: key.publicPem, logoutPath: '/logout' },
      streams: [{ path: '/events', topic: 'events' }],
    })
    host.delete('/logout', async () => 'signed out')
    for (const method of ['GET', 'DELETE'] as const)
      expect((await host.inject({ method, url: '/logout' })).body).toBe('signed out')
    expect((await host.inject({ method: 'PUT', url: '/logout' })).statusCode).toBe(404)
  })
})

describe('a token without iat', () => {
  it('is refused where a longest life is set beside logouts, because nothing tells how long it lives', async () => {
    const unset = await open({ iat: undefined })
    expect(unset.status).toBe(200)
    await unset.body?.cancel()
    await app.close()
    const auth = { issuer: ISSUER, audience: AUDIENCE, keys: key.publicPem, lifetimeSecondsMax: 3_600 }
    await listen({ auth: { ...auth, logoutPath: '/logout' } })
    expect((await open({ iat: undefined })).status).toBe(401)
    expect(log.of('token refused')).toMatchObject([{ check: 'iat' }])
    const issued = await open()
    expect(issued.status).toBe(200)
    await issued.body?.cancel()
    await app.close()
    await listen({ auth })
    const alone = await open({ iat: undefined })
    expect(alone.status).toBe(200)
    await alone.body?.cancel()
  })
})

describe('the path', () => {
  it.each([
    ['is that of a stream', '/events', 'auth.logoutPath is the path of a stream: "/events"'],
    ['has a parameter', '/logout/:id', 'auth.logoutPath'],
    ['has a query', '/logout?x', 'auth.logoutPath'],
  ])('is an error if it %s', async (_, logoutPath, words) => {
    await app.close()
    const auth = { issuer: ISSUER, audience: AUDIENCE, keys: key.publicPem, logoutPath }
    await expect(listen({ auth })).rejects.toThrow(words)
  })

  it('is an error where the host authenticates', async () => {
    await app.close()
    const auth = { authenticate: () => null, logoutPath: '/logout' }
    await expect(listen({ auth })).rejects.toThrow('auth.logoutPath is for servers that verify tokens')
  })
})
