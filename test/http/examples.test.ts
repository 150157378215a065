// The examples, each started as a user does: in a folder of its own, with the packages that its package.json names, on
// the embedded broker. And the functions for `auth.authenticate`. Needs `npm run build`.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import fastifyJwt from '@fastify/jwt'
import fastify, { type FastifyRequest } from 'fastify'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { byApiKey } from '../../examples/authenticate/by-api-key.ts'
import { byOwnJwt } from '../../examples/authenticate/by-own-jwt.ts'
import { bySessionCookie, sessionName } from '../../examples/authenticate/by-session-cookie.ts'
import { type MockBroker, startMockBroker } from '../../plugins/kafka/client/mock-broker.ts'
import { RecordProducer } from '../../plugins/kafka/client/producer.ts'
import kafkaSse, { type KafkaSseOptions } from '../../src/plugin.ts'
import { exampleClaims, makeKey, mintToken } from '../support/keys-and-tokens.ts'
import { keepPrintedBy, keepSecret } from '../support/printed.ts'
import { StreamReader } from '../support/stream-reader.ts'
import { eventually } from '../support/time.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const EXAMPLES = join(ROOT, 'examples')
const key = makeKey('RS256')
const TOPICS = ['events', 'notifications', 'orders']
let broker: MockBroker
let producer: RecordProducer

beforeAll(async () => {
  broker = await startMockBroker(TOPICS)
  producer = new RecordProducer({ bootstrapServers: broker.address })
  await producer.connect()
})
afterAll(async () => {
  await producer.close()
  await broker.close()
})

async function produce(
  topic: string,
  value: string,
  of: { key?: string; user?: string } = {},
): Promise<void> {
  const headers = of.user === undefined ? [] : [{ name: 'user', value: of.user }]
  const { delivered } = await producer.produce({
    topic,
    partition: null,
    key: Buffer.from(of.key ?? value),
    value: Buffer.from(value),
    headers,
  })
  await delivered
}

/** Starts an example in a folder of its own; resolves with its address. */
async function start(name: string, env: Record<string, string> = {}): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'example-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  cpSync(join(EXAMPLES, name), folder, { recursive: true })
  writeFileSync(join(folder, 'public.pem'), key.publicPem)
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  for (const dependency of Object.keys(dependencies)) {
    const link = join(folder, 'node_modules', dependency)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(dependency === 'fastify-kafka-sse' ? ROOT : join(ROOT, 'node_modules', dependency), link)
  }
  const settings = { PATH: process.env.PATH, KAFKA_BOOTSTRAP_SERVERS: broker.address, PORT: '0', ...env }
  const child = spawn(process.execPath, ['app.js'], {
    cwd: folder,
    env: settings,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  keepPrintedBy(child)
  const ended = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGTERM')
    expect((await ended)[0]).toBe(0)
  })
  for await (const line of createInterface(child.stdout)) {
    const [, address] = /listening at (http:\/\/127\.0\.0\.1:\d+)/.exec(line) ?? []
    if (address !== undefined) {
      child.stdout.resume()
      return address
    }
  }
  throw new Error(`${name} has ended`)
}

async function open(url: string, headers: Record<string, string>): Promise<StreamReader> {
  const aborted = new AbortController()
  onTestFinished(() => aborted.abort())
  const response = await fetch(url, { headers, signal: aborted.signal })
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
  const reader = new StreamReader()
  const reading = async () => {
    for await (const bytes of response.body ?? []) reader.feed(bytes)
  }
  reading().catch(() => {}) // it is aborted at the end of the test
  return reader
}

function bearer(claims: Record<string, unknown> = {}): { authorization: string } {
  return { authorization: `Bearer ${mintToken(key, { claims: { ...exampleClaims(), ...claims } })}` }
}

describe('the example', () => {
  it.each(['minimal', 'autoload'])('%s streams its topic to who has a token', async (name) => {
    const address = await start(name)
    await produce('events', `hello ${name}`)
    expect((await fetch(`${address}/events`)).status).toBe(401)
    const reader = await open(`${address}/events`, bearer())
    await eventually(() => expect(reader.records).toContain(`hello ${name}`))
  })

  it('autoload has CORS and readiness for the streams that were loaded before', async () => {
    const address = await start('autoload')
    const origin = 'https://app.example.com'
    const refused = await fetch(`${address}/events`, { headers: { origin } })
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, origin])
    await eventually(async () =>
      expect(await (await fetch(`${address}/health`)).json()).toEqual({ ready: true }),
    )
  })

  it('one-topic-many-users gives each user their own records', async () => {
    const address = await start('one-topic-many-users')
    for (const user of ['alice', 'bob']) {
      await produce('notifications', `for ${user}`, { user })
      await produce('orders', `of ${user}`, { key: user })
    }
    const [alice, bob] = [
      await open(`${address}/me/notifications`, bearer({ sub: 'alice' })),
      await open(`${address}/me/notifications`, bearer({ sub: 'bob' })),
    ]
    await eventually(() => expect([alice.records, bob.records]).toEqual([['for alice'], ['for bob']]))
    const orders = await open(`${address}/orders/alice`, bearer({ customers: ['alice', 'carol'] }))
    await eventually(() => expect(orders.records).toEqual(['of alice']))
    expect((await fetch(`${address}/orders/bob`, { headers: bearer({ customers: ['alice'] }) })).status).toBe(
      403,
    )
  })

  it('existing-app takes its own tokens, and a logout ends the stream', async () => {
    const secretFor = (what: string) => `the ${what} of the existing app`
    const [secret, password, metricsToken] = [secretFor('key'), secretFor('login'), secretFor('metrics')]
    for (const each of [secret, password, metricsToken]) keepSecret(each)
    const env = { APP_SECRET: secret, APP_PASSWORD: password, METRICS_TOKEN: metricsToken }
    const address = await start('existing-app', env)
    const post = (path: string, headers: Record<string, string>, body?: object) =>
      fetch(address + path, { method: 'POST', headers, ...(body && { body: JSON.stringify(body) }) })
    const json = { 'content-type': 'application/json' }
    expect((await post('/login', json, { name: 'alice', password: 'wrong' })).status).toBe(401)
    const { token } = await (await post('/login', json, { name: 'alice', password })).json()
    await produce('events', 'hello alice')
    expect((await fetch(`${address}/live/events`)).status).toBe(401)
    const headers = { authorization: `Bearer ${token}` }
    const reader = await open(`${address}/live/events`, headers)
    await eventually(() => expect(reader.records).toContain('hello alice'))
    for (const others of [{}, headers])
      expect((await fetch(`${address}/metrics`, { headers: others })).status).toBe(401)
    const operators = { authorization: `Bearer ${metricsToken}` }
    const metrics = await fetch(`${address}/metrics`, { headers: operators })
    expect(await metrics.text()).toContain('\nkafka_sse_streams_open 1\n')
    expect((await post('/logout', headers)).status).toBe(204)
    await eventually(() => expect(reader.comments).toContain('end revoked'))
    expect((await fetch(`${address}/live/events`, { headers })).status).toBe(401)
  })

  it.each(['autoload', 'existing-app'])('%s does not tell the public which topics it reads', async (name) => {
    const env = { APP_SECRET: 'not used here', APP_PASSWORD: 'not used here', METRICS_TOKEN: 'not used here' }
    const address = await start(name, { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1', ...env })
    const health = await fetch(`${address}/health`)
    expect([health.status, await health.json()]).toEqual([503, { ready: false }])
    expect((await fetch(`${address}/metrics`)).status).toBeGreaterThanOrEqual(401)
  })

  it('react has a server with what its page asks for, as Vite hands it on', async () => {
    const address = await start('react')
    const { token } = await (await fetch(`${address}/token`, { method: 'POST' })).json()
    await produce('orders', '{"customer":"Ann","total":30}', { key: '4711' })
    const reader = await open(`${address}/orders`, { authorization: `Bearer ${token}` })
    const order = { key: '4711', value: '{"customer":"Ann","total":30}' }
    await eventually(() =>
      expect(reader.records.map((record) => JSON.parse(record))).toContainEqual(
        expect.objectContaining(order),
      ),
    )
    const { default: config } = await import(join(EXAMPLES, 'react/vite.config.js'))
    const [handedOn = ''] = Object.keys(config.server.proxy)
    const paths = ['/orders', '/token', '/orders.tsx', '/']
    expect(paths.filter((path) => new RegExp(handedOn).test(path))).toEqual(['/orders', '/token'])
  })

  it('folders are all of those that are listed', () => {
    const text = readFileSync(join(EXAMPLES, 'README.md'), 'utf8')
    const listed = [...text.matchAll(/^\| \[`([\w-]+)`\]/gm)].map(([, name]) => name)
    const folders = readdirSync(EXAMPLES, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    expect(folders.map(({ name }) => name).sort()).toEqual(listed.sort())
  })
})

describe('authenticate', () => {
  type Authenticate = NonNullable<KafkaSseOptions['auth']['authenticate']>

  async function statusOf(
    authenticate: Authenticate,
    headers: Record<string, string>,
    scope: string | undefined = 'proxy:stream',
  ): Promise<number> {
    const app = fastify()
    onTestFinished(() => app.close())
    await app.register(fastifyJwt, { secret: 'of the host, for this test' })
    const streams = [{ path: '/events', topic: 'events' }]
    await app.register(kafkaSse, {
      kafka: { bootstrapServers: broker.address },
      auth: { authenticate },
      streams,
    })
    await app.ready()
    const minted = {
      authorization: `Bearer ${app.jwt.sign({ sub: 'alice', scope }, { expiresIn: 60 })}`,
    }
    const asked = headers.authorization === 'minted' ? { ...headers, ...minted } : headers
    return (await app.inject({ url: '/events', headers: asked, payloadAsStream: true })).statusCode
  }

  const now = Date.now()
  const sessions = new Map([['s1', { userId: 'alice', createdAt: now, expiresAt: now + 60_000 }]])
  const cookie = 'other=1; __Host-session=s1'
  it.each([
    ['its cookie', { cookie }, 200],
    ['its cookie, from a page of the app', { cookie, 'sec-fetch-site': 'same-origin' }, 200],
    ['its cookie, from an old browser', { cookie, origin: 'http://localhost:80', host: 'localhost' }, 200],
    ['its cookie, from a page of another site', { cookie, 'sec-fetch-site': 'cross-site' }, 401],
    ['its cookie, from another site in an old browser', { cookie, origin: 'https://evil.example' }, 401],
    ['its cookie, from an opaque origin', { cookie, origin: 'null' }, 401],
    ['a cookie that is no session', { cookie: '__Host-session=s2' }, 401],
    ['two of the name', { cookie: `${cookie}; __Host-session=s1` }, 401],
    ['one that any host of the site may set', { cookie: '\xa0__Host-session=s1' }, 401],
    [
      'one that any host of the site may set, before its own',
      { cookie: `\xa0__Host-session=s2; ${cookie}` },
      200,
    ],
    ['no cookie', {}, 401],
  ])('by session cookie, with %s, is %j → %i', async (_, headers, status) => {
    expect(await statusOf(bySessionCookie(sessions), headers)).toBe(status)
  })

  it('by session cookie, does not tell the id, and asks for the session again within a quarter of an hour', async () => {
    const long = new Map([['s1', { userId: 'alice', createdAt: now, expiresAt: now + 86_400_000 }]])
    const session = await bySessionCookie(long)({ headers: { cookie } } as FastifyRequest) // all that it reads
    expect(session).toMatchObject({ subject: 'alice', sessionId: sessionName('s1') })
    expect(JSON.stringify(session)).not.toContain('s1')
    expect(session).toHaveProperty('expiresAt', expect.closeTo(now + 900_000, -5))
  })

  const apiKey = 'an-api-key-of-this-test'
  const hash = createHash('sha256').update(apiKey).digest('hex')
  it.each([
    ['proxy:stream', { 'x-api-key': apiKey }, 200],
    ['other', { 'x-api-key': apiKey }, 403],
    ['proxy:stream', { 'x-api-key': 'another' }, 401],
    ['proxy:stream', {}, 401],
  ])('by API key with the scope %s, %j is %i', async (scope, headers, status) => {
    keepSecret(apiKey)
    const clients = new Map([[hash, { id: 'reports', scopes: [scope] }]])
    expect(await statusOf(byApiKey(clients), headers)).toBe(status)
  })

  it.each([
    [{ authorization: 'minted' }, 200],
    [{ authorization: 'Bearer nothing' }, 401],
    [{}, 401],
  ])("by the host's own @fastify/jwt, %j is %i", async (headers, status) => {
    expect(await statusOf(byOwnJwt, headers as Record<string, string>)).toBe(status)
  })

  it.each(['', 'other'])("by the host's own @fastify/jwt, a token of the scope %j is 403", async (scope) => {
    expect(await statusOf(byOwnJwt, { authorization: 'minted' }, scope)).toBe(403)
  })
})
