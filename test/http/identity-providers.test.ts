// Each block of settings of docs/identity-providers.md, as it stands there, against documents and tokens of the
// provider's shape: what is meant to be used is accepted, and what the same keys signed for others is not.

import { readFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { authPlugin } from '../../plugins/auth.ts'
import { parseEnvironment } from '../../src/config/parse.ts'
import { makeKey, mintToken, type TestKey } from '../support/keys-and-tokens.ts'
import { forThisTest } from '../support/scene.ts'
import { AuthScene } from './auth-scene.ts'
import { type ProviderShape, providerShapes } from './provider-shapes.ts'

const PAGE = readFileSync(new URL('../../docs/identity-providers.md', import.meta.url), 'utf8')
const SERVER = { KAFKA_BOOTSTRAP_SERVERS: 'kafka:9092', TLS: 'off' }
const SHAPES = providerShapes()
const key = makeKey('RS256', 'provider-key')
const stranger = makeKey('RS256', 'provider-key')

/** The variables in the block below a provider's heading. */
function settingsOf(provider: string): Record<string, string> {
  const [, section = ''] = PAGE.split(`\n## ${provider}\n`)
  const block = /```sh\n(.*?)```/s.exec(section.split('\n## ', 1)[0] ?? '')?.[1] ?? ''
  return Object.fromEntries(
    block
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
}

/** The claims by which a provider's row names a session and a client; null for none. */
function namingClaims(provider: string): (string | null)[] {
  const row = PAGE.split('\n').find((line) => line.startsWith(`| [${provider}]`)) ?? ''
  return row
    .split(' | ')
    .slice(-2)
    .map((cell) => /`(\w+)`/.exec(cell)?.[1] ?? null)
}

/** What is served at which address, and which were asked for. */
const web = vi.hoisted(() => ({ documents: {} as Readonly<Record<string, unknown>>, asked: [] as string[] }))

vi.mock('undici', async (original) => ({
  ...(await original<object>()),
  fetch: async (url: URL) => {
    web.asked.push(url.href)
    const document = web.documents[url.href]
    return document === undefined
      ? new Response('', { status: 404 })
      : new Response(JSON.stringify(document), { headers: { 'content-type': 'application/json' } })
  },
}))

async function open(shape: ProviderShape): Promise<AuthScene> {
  const { auth, streams } = await parseEnvironment({ ...SERVER, ...settingsOf(shape.name) })
  web.documents = shape.documents(key)
  web.asked = []
  const scene = await forThisTest(AuthScene.open())
  await scene.app.register(authPlugin, auth)
  scene.app.get('/events', async (request, reply) => {
    scene.sessions.push(await scene.app.kafkaSseAuth.authenticate(request, reply, streams[0]?.scope ?? null))
    return 'in'
  })
  await scene.listen()
  return scene
}

const tokenOf = (shape: ProviderShape, changes: Record<string, unknown>, signer: TestKey = key) =>
  mintToken(signer, {
    header: shape.header,
    payload: JSON.stringify({ ...shape.claims, ...changes }),
  })

describe('docs/identity-providers.md', () => {
  it('has a section for each provider, and no other', () => {
    const headings = [...PAGE.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
    expect(headings).toEqual(SHAPES.map(({ name }) => name))
  })
})

describe.each(SHAPES)('$name', (shape) => {
  it('opens streams for a token that is meant to be used', async () => {
    const scene = await open(shape)
    for (const [what, changes] of Object.entries({ 'a token': {}, ...shape.alsoGood }))
      expect(await scene.statusOf(tokenOf(shape, changes)), what).toBe(200)
    expect(scene.sessions[0]).toMatchObject({ issuer: shape.claims.iss, subject: shape.claims.sub })
    const [sessionId, client] = namingClaims(shape.name).map((claim) => (claim ? shape.claims[claim] : null))
    expect(scene.sessions[0]).toMatchObject({ sessionId, client })
    expect(scene.app.kafkaSseAuth.keysReady()).toBeNull()
    expect(new Set(web.asked)).toEqual(new Set(Object.keys(shape.documents(key))))
  })

  it('refuses what its keys signed for something or somebody else, and what others signed', async () => {
    const scene = await open(shape)
    for (const [what, changes] of Object.entries(shape.refused))
      expect(await scene.statusOf(tokenOf(shape, changes)), what).toBe(401)
    expect(await scene.statusOf(tokenOf(shape, {}, stranger))).toBe(401)
  })

  it('asks for its scope, if it has one', async () => {
    const scene = await open(shape)
    if (shape.lacking === null) expect(settingsOf(shape.name).JWT_SCOPE).toBe('none')
    else expect(await scene.statusOf(tokenOf(shape, shape.lacking))).toBe(403)
  })
})
