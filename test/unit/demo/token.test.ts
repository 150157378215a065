// Tokens of the demo: by function, by command and by its route.

import { createPublicKey, verify } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { demoTokenRoutes } from '../../../routes/demo-token.ts'
import { token } from '../../../src/commands/token.ts'
import { ensureDemoCredentials } from '../../../src/demo/credentials.ts'
import { mintDemoToken } from '../../../src/demo/token.ts'

const NOW_SECONDS = 1_800_000_000
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'demo-token-'))
  await ensureDemoCredentials({ folder, names: [] })
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Header and claims of a token that private.pem signed. */
function opened(jwt: string): { header: object; claims: Record<string, unknown> } {
  const [header = '', claims = '', signature = ''] = jwt.split('.')
  const key = createPublicKey(readFileSync(join(folder, 'private.pem')))
  expect(verify('sha256', Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, 'base64url'))).toBe(
    true,
  )
  const parsed = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
  return { header: parsed(header), claims: parsed(claims) }
}

describe('mintDemoToken', () => {
  test('mints the tutorial’s token', async () => {
    const jwt = await mintDemoToken({ folder, expiresInSeconds: 30 }, NOW_SECONDS * 1000 + 999)
    expect(opened(jwt)).toEqual({
      header: { alg: 'RS256', kid: 'example', typ: 'JWT' },
      claims: {
        iss: 'https://auth.example.com',
        aud: 'https://api.example.com',
        sub: 'example',
        scope: 'proxy:stream',
        iat: NOW_SECONDS,
        exp: NOW_SECONDS + 30,
      },
    })
  })

  test('names a private.pem that is missing or broken, and quotes nothing of it', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'demo-token-'))
    await expect(mintDemoToken({ folder: empty, expiresInSeconds: 30 })).rejects.toThrow(
      `cannot read ${empty}/private.pem: there is no such file; kafka-sse demo makes one`,
    )
    writeFileSync(join(empty, 'private.pem'), '-----BEGIN PRIVATE KEY-----\nsecret')
    await expect(mintDemoToken({ folder: empty, expiresInSeconds: 30 })).rejects.toThrow(
      `${empty}/private.pem is not a private key in PEM without a passphrase`,
    )
    rmSync(empty, { recursive: true })
  })
})

describe('kafka-sse token', () => {
  let printed: string
  let told: string

  beforeEach(() => {
    vi.useFakeTimers({ now: NOW_SECONDS * 1000 })
    printed = ''
    told = ''
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      printed += text
      return true
    })
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      told += text
      return true
    })
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
  })

  /** The claims of what it prints, with the key of this test's folder. */
  async function claims(...args: string[]): Promise<Record<string, unknown>> {
    expect(await token(['--secret', `@${folder}/private.pem`, ...args], {})).toBe(0)
    expect(printed).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
    expect(told).toBe('')
    return opened(printed.trim()).claims
  }

  test('prints a token of 30 s and nothing else', async () => {
    expect(await claims()).toMatchObject({ sub: 'example', exp: NOW_SECONDS + 30, iat: NOW_SECONDS })
  })

  test('takes the tutorial’s command, word for word', async () => {
    const words =
      '--alg RS256 --kid example --iss https://auth.example.com --aud https://api.example.com ' +
      '--sub example --exp=+30s --no-iat --payload scope=proxy:stream'
    expect(await claims(...words.split(' '))).toEqual({
      iss: 'https://auth.example.com',
      aud: 'https://api.example.com',
      sub: 'example',
      exp: NOW_SECONDS + 30,
      scope: 'proxy:stream',
    })
  })

  test.each([
    ['+45s', NOW_SECONDS + 45],
    ['+45', NOW_SECONDS + 45],
    ['+2m', NOW_SECONDS + 120],
    ['+1h', NOW_SECONDS + 3600],
    ['+1d', NOW_SECONDS + 86_400],
    ['12345', 12_345],
  ])('--exp %s is %d', async (exp, seconds) => {
    expect(await claims('--exp', exp)).toMatchObject({ exp: seconds })
  })

  test('claims may be anything that JSON is, or text', async () => {
    const payload = ['--payload', 'roles=["a"]', '--payload', 'tenant=acme=1', '--payload', 'exp=7']
    expect(await claims(...payload)).toMatchObject({ roles: ['a'], tenant: 'acme=1', exp: 7 })
  })

  test.each([
    [['--exp', 'soon'], '--exp is +30s, +1h or seconds since 1970, not "soon"'],
    [['--payload', 'x'], '--payload is NAME=VALUE, not "x"'],
    [['--alg', 'none'], '--alg none is not for private keys in PEM'],
    [['--alg', 'HS256'], '--alg HS256 is not for private keys in PEM'],
    [['--alg', 'ES256'], /^kafka-sse: --alg ES256 does not fit the key in /],
    [['--secret', 'hunter2'], '--secret is @ and the path of a private key in PEM'],
    [['--nope'], "Unknown option '--nope'"],
  ])('%j is refused in one line, and nothing is printed', async (args, line) => {
    expect(await token(['--secret', `@${folder}/private.pem`, ...args], {})).toBe(1)
    expect(told).toMatch(line)
    expect(told.split('\n')).toHaveLength(2)
    expect(printed).toBe('')
  })
})

describe('POST /demo/token', () => {
  let app: FastifyInstance

  beforeAll(async () => {
    app = fastify()
    await app.register(demoTokenRoutes, { folder, envelopes: { '/events': '/events/envelope' } })
  })
  afterAll(() => app.close())

  const post = (headers: Record<string, string>) =>
    app.inject({ method: 'POST', url: '/demo/token', headers: { host: 'localhost:7143', ...headers } })

  test('gives this server’s pages a token of 30 s, never stored', async () => {
    const response = await post({ origin: 'http://localhost:7143', 'sec-fetch-site': 'same-origin' })
    expect(response.statusCode).toBe(200)
    expect(response.headers['cache-control']).toBe('no-store')
    expect(response.json()).toEqual({
      token: expect.any(String),
      envelopes: { '/events': '/events/envelope' },
    })
    const { claims } = opened(response.json().token)
    expect(Number(claims.exp) - Number(claims.iat)).toBe(30)
  })

  test.each([
    ['another site', { origin: 'https://evil.test', 'sec-fetch-site': 'cross-site' }],
    ['another site in an old browser', { origin: 'https://evil.test' }],
    ['a page whose browser says so', { origin: 'http://localhost:7143', 'sec-fetch-site': 'same-site' }],
    ['another port', { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' }],
    ['another scheme', { origin: 'https://localhost:7143' }],
    ['a sandboxed frame', { origin: 'null' }],
    ['what does not say where it comes from', {}],
    ['a name that was pointed here', { host: 'evil.test:7143', origin: 'http://evil.test:7143' }],
  ])('refuses %s', async (_, headers) => {
    const response = await post(headers)
    expect(response.statusCode).toBe(403)
    expect(response.json()).toMatchObject({ code: 'FKS_ORIGIN_REFUSED' })
    expect(response.body).not.toContain('token":')
  })
})
