// Good tokens over a real port: which become a session, by which keys, and what the log says of requests.

import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import Fastify from 'fastify'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { authPlugin } from '../../plugins/auth.ts'
import { logRedaction } from '../../src/http/log-redaction.ts'
import type { AuthOptions } from '../../src/options.ts'
import { EXPIRY_SECONDS_MAX } from '../../src/token/claims.ts'
import {
  AUDIENCE,
  authOptions,
  ISSUER,
  jwksOf,
  KEY_ALGORITHMS,
  keyAs,
  makeKey,
  mintToken,
  nowSeconds,
  SCOPE,
  startKeyServer,
} from '../support/keys-and-tokens.ts'
import { LogLines } from '../support/printed.ts'
import { forThisTest } from '../support/scene.ts'
import { eventually } from '../support/time.ts'
import { AuthScene } from './auth-scene.ts'
import { END_STREAM_AND_HEADERS, frame, HEADERS, PREFACE, SETTINGS } from './raw-http2.ts'

const rsa = makeKey('RS256')
const ec = makeKey('ES256')
const other = makeKey('RS256')
const open = (options?: AuthOptions) => forThisTest(AuthScene.open(options))

describe('a good token', () => {
  it('becomes a session', async () => {
    const scene = await open(authOptions(rsa))
    const exp = nowSeconds() + 30
    const token = mintToken(rsa, { claims: { exp, scope: 'other proxy:stream' } })
    expect(await scene.get('/events', token)).toMatchObject({ status: 200, body: 'in' })
    expect(scene.sessions[0]).toMatchObject({ issuer: ISSUER, subject: 'example', expiresAtMs: exp * 1000 })
    expect(scene.sessions[0]?.scopes).toEqual(new Set(['other', 'proxy:stream']))
    expect(JSON.stringify(scene.sessions)).not.toContain(token.split('.')[2])
  })

  it('needs no iat, typ, sub or kid, and may be 8 KB long', async () => {
    const scene = await open(authOptions(rsa))
    const token = mintToken(rsa, {
      header: { kid: undefined },
      claims: { sub: undefined, groups: 'g'.repeat(6_000) },
    })
    expect(token.length).toBeGreaterThan(8_000)
    expect(await scene.statusOf(token)).toBe(200)
    expect(scene.sessions[0]?.subject).toBeNull()
  })

  it('may name its audience and scopes in arrays, and any kid if a PEM is the only key', async () => {
    const scene = await open(authOptions(rsa, { scopeClaim: 'permissions' }))
    const claims = { aud: ['x', AUDIENCE], scope: undefined, permissions: ['a', SCOPE] }
    expect(await scene.statusOf(mintToken(rsa, { claims, header: { kid: 'any' } }))).toBe(200)
  })

  it('may come in the query or, where one is named, in a cookie', async () => {
    const scene = await open(authOptions(rsa, { cookie: '__Host-session' }))
    const own = { 'sec-fetch-site': 'same-origin' }
    const token = scene.willSend(mintToken(rsa))
    expect((await scene.get(`/events?access_token=${token}`)).status).toBe(200)
    const cookie = `__Host-session=${token}`
    expect((await scene.get('/events', undefined, { cookie, ...own })).status).toBe(200)
    expect(
      (await scene.get(`/events?access_token=${token}`, undefined, { authorization: 'Basic dTpw' })).status,
    ).toBe(401)
  })

  it('is taken over HTTP/1.1 after the body was read, too', async () => {
    const app = Fastify({ logger: { stream: new LogLines().stream, ...logRedaction } })
    onTestFinished(() => app.close())
    await app.register(authPlugin, authOptions(rsa))
    app.post('/events', async (request, reply) => {
      return (await app.kafkaSseAuth.authenticate(request, reply, SCOPE)).subject
    })
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    const headers = { authorization: `bearer ${mintToken(rsa)}`, 'content-type': 'application/json' }
    const answer = await fetch(`${url}/events`, { method: 'POST', headers, body: '{}' })
    expect(await answer.text()).toBe('example')
  })

  it('is not read from the query if that is switched off', async () => {
    const scene = await open(authOptions(rsa, { queryToken: false }))
    const token = scene.willSend(mintToken(rsa))
    expect((await scene.get(`/events?access_token=${token}`)).status).toBe(401)
  })

  it.each(KEY_ALGORITHMS)('is verified with a key of its kind: %s', async (algorithm) => {
    const key = makeKey(algorithm)
    const scene = await open(authOptions(key, { keys: jwksOf(key) }))
    expect(await scene.statusOf(mintToken(key))).toBe(200)
    expect(await scene.statusOf(mintToken({ ...makeKey(algorithm), kid: key.kid }))).toBe(401)
    expect(scene.refusals()).toEqual(['signature'])
  })

  it('is verified with the public half of a private key', async () => {
    const scene = await open(authOptions(rsa, { keys: rsa.privatePem }))
    expect(await scene.statusOf(mintToken(rsa))).toBe(200)
  })

  it('expires at the very end of the year 9999 at the latest', async () => {
    const scene = await open(authOptions(rsa))
    expect(await scene.statusOf(mintToken(rsa, { claims: { exp: EXPIRY_SECONDS_MAX } }))).toBe(200)
    expect(await scene.statusOf(mintToken(rsa, { claims: { exp: EXPIRY_SECONDS_MAX + 1 } }))).toBe(401)
  })

  it('may disagree with our clock by the tolerance, in both directions', async () => {
    const scene = await open(authOptions(rsa, { clockToleranceSeconds: 60 }))
    const now = nowSeconds()
    expect(await scene.statusOf(mintToken(rsa, { claims: { exp: now - 30, nbf: now + 30 } }))).toBe(200)
    expect(await scene.statusOf(mintToken(rsa, { claims: { exp: now - 90 } }))).toBe(401)
    expect(await scene.statusOf(mintToken(rsa, { claims: { nbf: now + 90 } }))).toBe(401)
    expect(scene.refusals()).toEqual(['expired', 'nbf'])
  })
})

describe('keys that change', () => {
  it('are followed at the key set URL, tokens of the old and the new key side by side', async () => {
    const [first, second] = [keyAs(ec, { kid: '1' }), keyAs(rsa, { kid: '2' })]
    const server = await startKeyServer(jwksOf(first))
    const scene = await open(authOptions(first, { keys: server.url, algorithm: 'RS256' }))
    expect(await scene.statusOf(mintToken(first))).toBe(200)
    server.answer(jwksOf(first, second))
    expect(await scene.statusOf(mintToken(second))).toBe(200)
    expect(await scene.statusOf(mintToken(first))).toBe(200)
    expect(await scene.statusOf(mintToken({ ...second, privateKey: other.privateKey }))).toBe(401)
    await server.close()
  })

  it('that were never read make 503, since a good token cannot be told from a bad one', async () => {
    const server = await startKeyServer((_request, response) => void response.writeHead(500).end())
    const scene = await open(authOptions(rsa, { keys: server.url }))
    const answer = await scene.get('/events', mintToken(rsa))
    expect(answer.status).toBe(503)
    expect(answer.headers['www-authenticate']).toBeUndefined()
    expect(scene.app.kafkaSseAuth.keysReady()).toContain('it answers 500')
    await server.close()
  })
})

describe('a wall clock that is set', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it.each([
    ['a day forward', 86_400_000],
    ['a day back', -86_400_000],
  ])('%s fetches no keys: their age goes by a clock that cannot be set', async (_what, stepMs) => {
    const keyServer = await startKeyServer(jwksOf(rsa))
    const scene = await open(authOptions(rsa, { keys: keyServer.url }))
    expect(await scene.statusOf(mintToken(rsa))).toBe(200)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + stepMs })
    expect(await scene.statusOf(mintToken(rsa))).toBe(200)
    expect(await scene.statusOf(mintToken(rsa, { claims: { exp: nowSeconds() - 1 } }))).toBe(401)
    expect(keyServer.hits()).toBe(1)
    await keyServer.close()
  })
})

describe('a client that has left', () => {
  it('costs no look at its token: requests and their resets in one packet', async () => {
    const scene = await open(authOptions(rsa))
    const socket = connectTcp(scene.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(rapidReset(100))
    await eventually(() => expect(aborted(scene)).toHaveLength(100))
    expect(scene.refusals()).toEqual([])
    socket.destroy()
  })
})

/** Requests whose handler found that their client is gone. */
function aborted({ log }: AuthScene): unknown[] {
  return log.lines.filter((line) => line.includes('FKS_REQUEST_ABORTED'))
}

/** The preface, then for each stream a request with a bad token and its reset (RFC 9113 sections 3.4, 6.2, 6.4). */
function rapidReset(streamCount: number): Buffer {
  // HPACK: static entries for GET and http, then literals for :path (4), :authority (1) and authorization (23).
  const headers = Buffer.concat([
    Buffer.from([0x82, 0x86, 0x04, 7]),
    Buffer.from('/events'),
    Buffer.from([0x01, 9]),
    Buffer.from('localhost'),
    Buffer.from([0x0f, 0x08, 12]),
    Buffer.from('Bearer a.b.c'),
  ])
  const frames = [PREFACE, SETTINGS]
  for (let index = 0; index < streamCount; index++) {
    const streamId = 2 * index + 1
    frames.push(
      frame(HEADERS, END_STREAM_AND_HEADERS, streamId, headers),
      frame(3, 0, streamId, Buffer.from([0, 0, 0, 8])),
    )
  }
  return Buffer.concat(frames)
}

describe('the log', () => {
  it('holds no token of a path that does not exist, and the path itself', async () => {
    const scene = await open(authOptions(rsa))
    const token = scene.willSend(mintToken(rsa))
    for (const path of ['/none?access_token=', '/none?ACCESS%5FTOKEN=', '/none/']) {
      expect((await scene.get(`${path}${token}`)).status).toBe(404)
    }
    expect((await scene.get('/none?access_token=opaque-value&from=latest')).status).toBe(404)
    expect(scene.log.text()).not.toContain('opaque-value')
    expect(scene.log.of('Route GET:/none?access_token=[redacted]&from=latest not found')).toHaveLength(1)
    const urls = scene.log.of('incoming request').map((line) => (line.req as { url: string }).url)
    expect(urls).toContain('/none?access_token=[redacted]&from=latest')
  })
})

describe('settings that cannot be right', () => {
  it.each<[Partial<AuthOptions>, string]>([
    [{ issuer: '' }, 'auth.issuer must not be empty'],
    [{ audience: '' }, 'auth.audience must not be empty'],
    [{ clients: [''] }, 'auth.clients must not be empty'],
    [{ keys: '' }, 'neither a URL, a file nor PEM text'],
    [{ keys: '/nowhere/keys.pem' }, '/nowhere/keys.pem: it cannot be read (ENOENT)'],
    [{ keys: 'https://user:secret-words@auth.example.com/' }, 'without a user or password'],
    [{ keys: 'MIIB\nsecret-words\n' }, 'neither a URL, a file nor PEM text'],
    [{ algorithm: 'HS256' }, 'auth.algorithm must be one of RS256'],
    [{ algorithm: 'none' }, 'auth.algorithm must be one of RS256'],
    [{ algorithm: 'ES256' }, 'does not fit its kind'],
    [{ clockToleranceSeconds: -1 }, 'auth.clockToleranceSeconds must be a number from 0 to 300'],
    [{ clockToleranceSeconds: 301 }, 'auth.clockToleranceSeconds'],
    [{ jwksTimeoutMs: 0 }, 'auth.jwksTimeoutMs'],
    [{ jwksCooldownMs: Number.NaN }, 'auth.jwksCooldownMs'],
  ])('stop the start: %o', async (changes, words) => {
    const error = await AuthScene.open(authOptions(rsa, changes)).then(
      () => null,
      (reason: Error) => reason,
    )
    expect(error?.message).toContain(words)
    expect(error?.message).not.toContain('secret-words')
  })
})
