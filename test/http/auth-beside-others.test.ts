// The auth plugin beside another registration, and beside a host’s own authentication.

import fastifyJwt from '@fastify/jwt'
import { describe, expect, it } from 'vitest'
import { authPlugin } from '../../plugins/auth.ts'
import type { AuthOptions } from '../../src/options.ts'
import type { HostAnswer } from '../../src/token/session.ts'
import {
  authOptions,
  makeKey,
  mintToken,
  mintWithPublicKeyAsSecret,
  type TestKey,
} from '../support/keys-and-tokens.ts'
import { forThisTest } from '../support/scene.ts'
import { AuthScene } from './auth-scene.ts'

const rsa = makeKey('RS256')
const ec = makeKey('ES256')
const open = (options?: AuthOptions) => forThisTest(AuthScene.open(options))

describe('beside others', () => {
  const own = { secret: 'a-secret-of-the-host-that-is-long-enough' }

  async function expectBothScopes(scene: AuthScene, first: TestKey, second: TestKey): Promise<void> {
    expect((await scene.get('/a/events', mintToken(first))).status).toBe(200)
    expect((await scene.get('/b/events', mintToken(second))).status).toBe(200)
    expect((await scene.get('/b/events', mintToken(first))).status).toBe(401)
    expect((await scene.get('/a/events', mintToken(second))).status).toBe(401)
  }

  async function registerSiblings(scene: AuthScene): Promise<void> {
    for (const [prefix, key] of [
      ['/a', rsa],
      ['/b', ec],
    ] as const) {
      await scene.app.register(
        async (scope) => {
          await scope.register(authPlugin, authOptions(key))
          scene.addEvents(scope)
        },
        { prefix },
      )
    }
  }

  function addHostRoute(scene: AuthScene): void {
    scene.app.get('/host', async (request) => {
      await request.jwtVerify()
      return request.user
    })
  }

  async function expectHostWorks(scene: AuthScene): Promise<void> {
    const token = scene.app.jwt.sign({ name: 'host' })
    expect(JSON.parse((await scene.get('/host', token)).body)).toMatchObject({ name: 'host' })
    expect((await scene.get('/host', mintWithPublicKeyAsSecret(rsa))).status).toBe(401)
  }

  it('two registrations in sibling scopes each go by their own keys', async () => {
    const scene = await open()
    await registerSiblings(scene)
    await scene.listen()
    await expectBothScopes(scene, rsa, ec)
  })

  it("a host's own plain @fastify/jwt goes on as it was, two sibling scopes and all", async () => {
    const scene = await open()
    await scene.app.register(fastifyJwt, own)
    await registerSiblings(scene)
    addHostRoute(scene)
    await scene.listen()
    await expectBothScopes(scene, rsa, ec)
    await expectHostWorks(scene)
    expect(Object.keys(scene.app.jwt)).not.toContain('kafkaSse')
  })

  it("a host's @fastify/jwt in the very same scope does, too", async () => {
    const scene = await open()
    await scene.app.register(fastifyJwt, own)
    await scene.app.register(authPlugin, authOptions(rsa))
    scene.addEvents(scene.app)
    addHostRoute(scene)
    await scene.listen()
    expect(await scene.statusOf(mintToken(rsa))).toBe(200)
    await expectHostWorks(scene)
  })

  it("a host's @fastify/jwt that comes after it in the very same scope does, too", async () => {
    const scene = await open()
    await scene.app.register(authPlugin, authOptions(rsa))
    await scene.app.register(fastifyJwt, own)
    scene.addEvents(scene.app)
    addHostRoute(scene)
    await scene.listen()
    expect(await scene.statusOf(mintToken(rsa))).toBe(200)
    await expectHostWorks(scene)
    expect(Object.keys(scene.app.jwt)).not.toContain('kafkaSse')
  })

  it.each([
    ['a text', 'the host'],
    ['null', null],
    ['undefined', undefined],
    ['frozen', Object.freeze({ of: 'the host' })],
  ])(
    "a host's own app.jwt that is %s stays as it is, around it and in the very same scope",
    async (_, jwt) => {
      const scene = await open()
      scene.app.decorate('jwt', jwt as never)
      await registerSiblings(scene)
      await scene.app.register(authPlugin, authOptions(rsa))
      scene.addEvents(scene.app)
      await scene.listen()
      expect(await scene.statusOf(mintToken(rsa))).toBe(200)
      await expectBothScopes(scene, rsa, ec)
      expect(scene.app.jwt).toBe(jwt)
    },
  )

  it("a host's own authentication takes the place of all this, the scope aside", async () => {
    const scene = await open()
    const session: HostAnswer = {
      issuer: 'host',
      subject: 'someone',
      scopes: new Set(['a']),
      expiresAt: Date.now() + 60_000,
    }
    await scene.app.register(authPlugin, {
      issuer: '',
      audience: '',
      keys: '',
      authenticate: async () => session,
    })
    scene.app.get(
      '/mine',
      async (request, reply) => (await scene.app.kafkaSseAuth.authenticate(request, reply, 'a')).subject,
    )
    scene.addEvents(scene.app)
    await scene.listen()
    expect(await scene.get('/mine')).toMatchObject({ status: 200, body: 'someone' })
    expect((await scene.get('/events')).status).toBe(403)
  })
})
