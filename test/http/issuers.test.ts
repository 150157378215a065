// Tokens of several issuers, and what the options ask of each issuer's tokens, over a real port.

import { setImmediate as nextTurn } from 'node:timers/promises'
import fastify, { type FastifyPluginAsync, type FastifyServerOptions } from 'fastify'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { KeySource } from '../../plugins/auth/keys/key-source.ts'
import { authPlugin } from '../../plugins/auth.ts'
import type { AuthOptions, IssuerOptions } from '../../src/options.ts'
import { kafkaSseAuth } from '../../src/parts/auth.ts'
import kafkaSse from '../../src/plugin.ts'
import { HttpScene } from '../support/http-scene.ts'
import {
  AUDIENCE,
  exampleClaims,
  ISSUER,
  jwksOf,
  keyAs,
  makeKey,
  mintToken,
  nowSeconds,
  SCOPE,
  startKeyServer,
  type TestKey,
} from '../support/keys-and-tokens.ts'
import { forThisTest } from '../support/scene.ts'
import { until } from '../support/time.ts'
import { AuthScene } from './auth-scene.ts'

const ours = makeKey('ES256', '1')
const theirs = makeKey('ES256', '2')
const PARTNER = 'https://partner.example.org/'
const open = (auth: AuthOptions) => forThisTest(AuthScene.open(auth))
const one = (changes: Omit<IssuerOptions, 'issuer'>): AuthOptions => ({
  issuers: [{ issuer: ISSUER, keys: jwksOf(ours), ...changes }],
})

/** A token of the one issuer of `one`. */
const token = (claims: Record<string, unknown>, header: Record<string, unknown> = {}) =>
  mintToken(ours, { claims, header })

describe('several issuers', () => {
  const auth: AuthOptions = {
    issuers: [
      { issuer: ISSUER, audiences: [AUDIENCE], keys: jwksOf(ours) },
      { issuer: PARTNER, clients: ['reader'], keys: jwksOf(theirs), scopeClaims: ['permissions'] },
    ],
  }
  const partnerClaims = {
    iss: PARTNER,
    aud: undefined,
    azp: 'reader',
    scope: undefined,
    permissions: [SCOPE],
  }

  it('have rules of their own, and the same subject of two is two users', async () => {
    const scene = await open(auth)
    expect(await scene.statusOf(mintToken(ours))).toBe(200)
    expect(await scene.statusOf(mintToken(theirs, { claims: partnerClaims }))).toBe(200)
    expect(scene.sessions.map(({ issuer, subject }) => [issuer, subject])).toEqual([
      [ISSUER, 'example'],
      [PARTNER, 'example'],
    ])
    expect(await scene.statusOf(mintToken(ours, { claims: { ...partnerClaims, iss: ISSUER } }))).toBe(401)
    expect(await scene.statusOf(mintToken(theirs, { claims: { iss: PARTNER } }))).toBe(401)
    expect(scene.refusals()).toEqual(['aud', 'aud'])
  })

  it('have keys that verify no token of another, by whatever name the token calls them', async () => {
    const scene = await open(auth)
    const forgers: [TestKey, Record<string, unknown>][] = [
      [theirs, {}],
      [ours, partnerClaims],
      [keyAs(theirs, { kid: '1' }), {}],
      [keyAs(ours, { kid: '2' }), partnerClaims],
    ]
    for (const [key, claims] of forgers) expect(await scene.statusOf(mintToken(key, { claims }))).toBe(401)
    expect(scene.refusals()).toEqual(['key', 'key', 'signature', 'signature'])
  })

  it('are chosen by the whole text of iss, and an unknown one costs no fetch', async () => {
    const server = await startKeyServer(jwksOf(ours))
    const scene = await open({ issuers: [{ issuer: ISSUER, audiences: [AUDIENCE], keys: server.url }] })
    expect(await scene.statusOf(mintToken(ours))).toBe(200)
    const names = [
      `${ISSUER}/`,
      ISSUER.toUpperCase(),
      `${ISSUER} `,
      'https://evil.example',
      server.url,
      'toString',
    ]
    for (const iss of names) {
      expect(await scene.statusOf(mintToken(keyAs(ours, { kid: 'new' }), { claims: { iss } }))).toBe(401)
    }
    expect(scene.refusals()).toEqual(names.map(() => 'iss'))
    expect(server.hits()).toBe(1)
    await server.close()
  })

  it('may have two keys of one name, as while they roll: either may have signed', async () => {
    const twin = keyAs(theirs, { kid: '1' })
    const scene = await open(one({ audiences: [AUDIENCE], keys: jwksOf(ours, twin) }))
    const [first, second] = [mintToken(ours), mintToken(twin)]
    for (const signed of [first, second, first, second]) expect(await scene.statusOf(signed)).toBe(200)
    expect(await scene.statusOf(mintToken({ ...makeKey('ES256'), kid: '1' }))).toBe(401)
    expect(scene.refusals()).toEqual(['signature'])
  })

  it('may call EdDSA by the name of its curve (RFC 9864)', async () => {
    const key = makeKey('EdDSA', '1')
    const scene = await open(one({ audiences: [AUDIENCE], keys: jwksOf(key) }))
    expect(await scene.statusOf(mintToken(key, { header: { alg: 'Ed25519' } }))).toBe(200)
    expect(await scene.statusOf(mintToken(key, { header: { alg: 'Ed448' } }))).toBe(401)
    const stranger = { ...makeKey('EdDSA', '1'), kid: '1' }
    expect(await scene.statusOf(mintToken(stranger, { header: { alg: 'Ed25519' } }))).toBe(401)
    expect(scene.refusals()).toEqual(['algorithm', 'signature'])
  })

  it('are ready when the keys of all are there', async () => {
    const server = await startKeyServer((_request, response) => void response.writeHead(500).end())
    const scene = await open({
      issuers: [
        { issuer: ISSUER, audiences: [AUDIENCE], keys: jwksOf(ours) },
        { issuer: PARTNER, audiences: [AUDIENCE], keys: server.url },
      ],
    })
    await until(() => scene.app.kafkaSseAuth.keysReady()?.includes('it answers 500'))
    expect(await scene.statusOf(mintToken(ours))).toBe(200)
    expect(await scene.statusOf(mintToken(theirs, { claims: { iss: PARTNER } }))).toBe(503)
    await server.close()
  })

  it.each<[AuthOptions, string]>([
    [{ ...auth, audience: AUDIENCE }, 'auth.audience sets the only issuer of a server'],
    [{ issuers: [{ issuer: ISSUER, keys: jwksOf(ours) }] }, 'auth.issuers.0.audiences is missing'],
    [{ issuer: ISSUER, keys: jwksOf(ours) }, 'auth.audience is missing'],
    [{ audience: AUDIENCE }, 'auth.issuer is missing'],
    [
      one({ audiences: [AUDIENCE], scopeClaims: ['a[b]'] }),
      'auth.issuers.0.scopeClaims.0 is no path of a claim',
    ],
  ])('that cannot be told stop the start of the plugin, even by itself', async (options, words) => {
    await expect(AuthScene.open(options)).rejects.toThrow(words)
  })
})

describe('keys that do not fit the issuer', () => {
  /** An issuer whose discovery document says that its name is `named` of its address. */
  async function provider(named: (origin: string) => string) {
    const server = await startKeyServer((request, response) => {
      const document = { issuer: named(origin), jwks_uri: `${origin}/keys` }
      response.end(request.url === '/keys' ? jwksOf(ours) : JSON.stringify(document))
    })
    const { origin } = new URL(server.url)
    return { server, origin }
  }

  it('stop the start, with what to write, where the discovery document is of another issuer', async () => {
    const { server, origin } = await provider((name) => `${name}/`)
    const wrong = { issuer: origin, audience: AUDIENCE }
    const words =
      ` is "${origin}", but the discovery document is of the issuer "${origin}/": ` +
      'set it to what the document says'
    await expect(AuthScene.open(wrong)).rejects.toThrow(`auth.issuer${words}`)
    const rest = {
      kafka: { bootstrapServers: '127.0.0.1:1' },
      streams: [{ path: '/events', topic: 'events' }],
    }
    const good = { issuer: ISSUER, audiences: [AUDIENCE], keys: jwksOf(ours) }
    const listed = { issuers: [good, { issuer: origin, audiences: [AUDIENCE] }] }
    for (const [plugin, options, name] of [
      [kafkaSse, { ...rest, auth: wrong }, 'options.auth.issuer'],
      [kafkaSse, { ...rest, auth: listed }, 'options.auth.issuers[1].issuer'],
      [kafkaSseAuth, wrong, 'options.issuer'],
    ] as [FastifyPluginAsync<object>, object, string][]) {
      const app = fastify()
      await expect(app.register(plugin, options)).rejects.toMatchObject({
        code: 'FKS_CONFIG_INVALID',
        problems: [`${name}${words}`],
      })
      await app.close()
    }
    const scene = await open({ issuer: `${origin}/`, audience: AUDIENCE })
    expect(await scene.statusOf(token({ iss: `${origin}/` }))).toBe(200)
    await server.close()
  })

  it('do not hold up the start where the provider does not answer', async () => {
    const server = await startKeyServer(() => {})
    const { origin } = new URL(server.url)
    const scene = await open({ issuer: origin, audience: AUDIENCE, jwksTimeoutMs: 60_000 })
    expect(scene.app.kafkaSseAuth.keysReady()).toContain('being fetched')
    await server.close()
  })

  describe('and are slow to open', () => {
    const issuers = ['a', 'b', 'c', 'd'].map((name) => ({
      issuer: `https://${name}.example.com`,
      audiences: [AUDIENCE],
    }))

    /** An app with `issuers`, whose keys are open once the test says so. */
    function register(options: FastifyServerOptions = {}) {
      const opened = new Map<string, (source: KeySource | Promise<never>) => void>()
      const closed: string[] = []
      const openKeys = ({ issuer }: { issuer: string }) =>
        new Promise<KeySource>((resolve) => opened.set(issuer, resolve))
      const source = (issuer: string): KeySource => ({
        find: async () => ({ refused: 'key' }),
        notReady: () => null,
        close: () => void closed.push(issuer),
      })
      const openAll = () => opened.forEach((resolve, issuer) => void resolve(source(issuer)))
      const app = fastify(options)
      const registered = app.register(authPlugin, { issuers, openKeys })
      return { app, registered, opened, closed, openAll }
    }
    const names = issuers.map(({ issuer }) => issuer)

    it('are waited for all at once, and closed with the app', async () => {
      const { app, registered, opened, closed, openAll } = register()
      const ready = Promise.resolve(registered)
      await until(() => opened.size > 0)
      expect([...opened.keys()]).toEqual(names)
      openAll()
      await ready
      expect(closed).toEqual([])
      await app.close()
      expect(closed).toEqual(names)
    })

    it('are closed if those of another cannot be opened', async () => {
      const { app, registered, opened, closed, openAll } = register()
      const failed = expect(Promise.resolve(registered)).rejects.toThrow('no keys')
      await until(() => opened.size > 0)
      opened.get(names[1] as string)?.(Promise.reject(new Error('no keys')))
      openAll()
      await failed
      expect(closed).toEqual(names.filter((_, index) => index !== 1))
      await app.close()
      expect(closed).toHaveLength(3)
    })

    it('are closed if Fastify has not waited for them', async () => {
      const { app, registered, closed, openAll } = register({ pluginTimeout: 50 })
      await expect(Promise.resolve(registered)).rejects.toMatchObject({ code: 'AVV_ERR_PLUGIN_EXEC_TIMEOUT' })
      const closing = app.close()
      for (let turn = 0; turn < 20; turn++) await nextTurn()
      openAll()
      await closing
      expect(closed).toEqual(names)
    })
  })

  it.each([
    ['https://auth.example.com', 'http://keys.example.com/jwks.json?key=secret', true],
    ['https://auth.example.com', 'https://keys.example.com/jwks.json', false],
    ['https://auth.example.com', 'http://127.0.0.1:8080/jwks.json', false],
    ['https://auth.example.com', 'http://[::1]:8080/jwks.json', false],
    ['http://auth.example.com', 'http://keys.example.com/jwks.json', false],
  ])('are told in the log where %s has them at %s: %s', async (issuer, keys, isTold) => {
    const scene = await forThisTest(AuthScene.open())
    const source: KeySource = {
      find: async () => ({ refused: 'key' }),
      notReady: () => null,
      close: () => {},
    }
    await scene.app.register(authPlugin, { issuer, audience: AUDIENCE, keys, openKeys: () => source })
    const lines = scene.log.of(
      'keys are fetched without TLS, so that anyone on the way can replace them: use https://',
    )
    expect(lines.map(({ url }) => url)).toEqual(isTold ? ['http://keys.example.com/jwks.json'] : [])
  })
})

describe('what is asked of the tokens of an issuer', () => {
  it('one of several audiences', async () => {
    const scene = await open(one({ audiences: ['a', 'b'] }))
    expect(await scene.statusOf(token({ aud: 'b' }))).toBe(200)
    expect(await scene.statusOf(token({ aud: ['x', 'a'] }))).toBe(200)
    expect(await scene.statusOf(token({ aud: ['x'] }))).toBe(401)
  })

  it('a client, where tokens have no audience', async () => {
    const scene = await open(one({ clients: ['web'] }))
    expect(await scene.statusOf(token({ aud: undefined, client_id: 'web' }))).toBe(200)
    expect(scene.sessions[0]?.client).toBe('web')
    expect(await scene.statusOf(token({ aud: undefined, client_id: 'app' }))).toBe(401)
    expect(await scene.statusOf(token({ aud: AUDIENCE, client_id: 'web' }))).toBe(401)
    expect(scene.refusals()).toEqual(['client', 'aud'])
  })

  it('scopes, wherever the provider writes them', async () => {
    const scopeClaims = ['scp', 'realm_access.roles', 'resource_access["my.app"].roles']
    const scene = await open(one({ audiences: [AUDIENCE], scopeClaims }))
    const none = { scope: undefined }
    expect(await scene.statusOf(token({ ...none, scp: `a ${SCOPE}` }))).toBe(200)
    expect(await scene.statusOf(token({ ...none, realm_access: { roles: [SCOPE] } }))).toBe(200)
    expect(await scene.statusOf(token({ ...none, resource_access: { 'my.app': { roles: [SCOPE] } } }))).toBe(
      200,
    )
    expect(await scene.statusOf(token({ ...none, resource_access: { other: { roles: [SCOPE] } } }))).toBe(403)
    expect(await scene.statusOf(token({}))).toBe(403)
  })

  it('other claims, a type and a time to live', async () => {
    const require = { token_use: 'access', ver: 2, verified: true }
    const scene = await open(
      one({ audiences: [AUDIENCE], require, typ: 'at+jwt', lifetimeSecondsMax: 3_600 }),
    )
    const good = { token_use: 'access', ver: 2, verified: true }
    expect(await scene.statusOf(token(good, { typ: 'application/at+jwt' }))).toBe(200)
    expect(await scene.statusOf(token(good, { typ: 'JWT' }))).toBe(401)
    expect(await scene.statusOf(token({ ...good, ver: 1 }, { typ: 'at+jwt' }))).toBe(401)
    expect(await scene.statusOf(token({ ...good, exp: nowSeconds() + 3_700 }, { typ: 'at+jwt' }))).toBe(401)
    expect(scene.refusals()).toEqual(['typ', 'required claim', 'lifetime'])
  })

  it('nothing of clocks that are 4 s apart', async () => {
    const scene = await open(one({ audiences: [AUDIENCE] }))
    const ahead = nowSeconds() + 4
    expect(await scene.statusOf(token({ nbf: ahead, iat: ahead }))).toBe(200)
    expect(await scene.statusOf(token({ nbf: ahead + 60 }))).toBe(401)
    expect(await scene.statusOf(token({ iat: ahead + 60 }))).toBe(401)
  })

  it('is asked again of a token that was verified before', async () => {
    const scene = await open(one({ audiences: [AUDIENCE] }))
    const fleeting = token({ exp: nowSeconds() + 2 }) // it has one second to live at the least
    expect(await scene.statusOf(fleeting)).toBe(200)
    await until(async () => (await scene.statusOf(fleeting)) === 401)
    expect(scene.refusals()).toEqual(['expired'])
  })
})

describe('a clock tolerance', () => {
  let scene: HttpScene
  afterEach(() => scene.close())

  it('moves the end of a stream: a token that has expired within it opens one that lasts until then', async () => {
    scene = await HttpScene.open({ auth: { clockToleranceSeconds: 4 }, sse: { challengeSeconds: 2 } })
    const { exp, ...claims } = { ...exampleClaims(), exp: nowSeconds() - 1 }
    const endsAtMs = (exp + 4) * 1000
    const { status, reader, ended } = await scene.get('/events', {
      authorization: `Bearer ${mintToken(scene.key, { claims: { ...claims, exp } })}`,
    })
    expect(status).toBe(200)
    await vi.waitUntil(() => reader.events.some(({ event }) => event === 'challenge'), 4_000)
    expect(Date.now()).toBeLessThan(endsAtMs)
    await ended
    expect(Date.now()).toBeGreaterThanOrEqual(endsAtMs)
    expect(reader.comments).toContain('end expired')
  })
})
