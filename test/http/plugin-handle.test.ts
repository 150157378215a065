// `app.kafkaSse`, the one handle that a host has: readiness, figures, revocation and metrics, of one registration and
// of several. Needs `npm run build`.

import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fastify, { type FastifyInstance } from 'fastify'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import kafkaSse, { type KafkaSse, type KafkaSseOptions } from '../../src/plugin.ts'
import {
  authOptions,
  exampleClaims,
  ISSUER,
  makeKey,
  mintToken,
  nowSeconds,
} from '../support/keys-and-tokens.ts'
import { LogLines } from '../support/printed.ts'
import { hasPrograms } from '../support/programs.ts'
import { eventually } from '../support/time.ts'

const DIST = fileURLToPath(new URL('../../dist', import.meta.url))
const authenticate = () => ({ subject: 'alice', expiresAt: Date.now() + 60_000 })
const options: KafkaSseOptions = {
  // Nothing listens there: the plugin has to live without Kafka.
  kafka: { bootstrapServers: '127.0.0.1:1' },
  auth: { authenticate },
  streams: [{ path: '/events', topic: 'events' }],
}
let app: FastifyInstance

beforeEach(() => {
  app = fastify()
  onTestFinished(() => app.close())
})

const canCheck = hasPrograms('metrics of several registrations as promtool wants them', 'promtool')

describe('the handle of a host', () => {
  it('tells readiness as /health/ready does', async () => {
    await app.register(kafkaSse, { ...options, sse: { adminPath: '/ops' } })
    const { ready, reasons } = app.kafkaSse.ready()
    expect(ready).toBe(false)
    expect(reasons).toEqual((await app.inject('/ops/health/ready')).json().reasons)
  })

  it('hands out copies of its figures, so that a host cannot change them', async () => {
    await app.register(kafkaSse, options)
    const before = app.kafkaSse.streams
    await app.inject({ url: '/events', payloadAsStream: true })
    await app.inject({ url: '/events', method: 'PUT' })
    const { open, opened, refusals } = app.kafkaSse.streams
    expect([open, opened, refusals]).toEqual([1, 1, { FKS_METHOD_NOT_ALLOWED: 1 }])
    expect(before.opened).toBe(0)
    Object.assign(app.kafkaSse.streams.refusals, { FKS_BUSY: 5 })
    expect(app.kafkaSse.streams.refusals).toEqual({ FKS_METHOD_NOT_ALLOWED: 1 })
  })

  it('tells the metrics of /metrics', async () => {
    await app.register(kafkaSse, { ...options, sse: { adminPath: '/ops' } })
    const { contentType, text } = await app.kafkaSse.metrics()
    const served = await app.inject('/ops/metrics')
    expect(contentType).toBe(served.headers['content-type'])
    expect(namesIn(text)).toEqual(namesIn(served.body))
    expect(text).toContain('\nkafka_sse_streams_open 0\n')
  })

  it('speaks for all registrations, and for each by its prefix', async () => {
    await app.register(kafkaSse, { ...options, prefix: '/one' })
    await app.register(kafkaSse, { ...options, prefix: '/two' })
    await app.register(kafkaSse, { ...options, prefix: '/two', streams: [{ path: '/more', topic: 'more' }] })
    await app.register(kafkaSse, options)
    const { byPrefix } = app.kafkaSse
    expect([...byPrefix.keys()]).toEqual(['/one', '/two', '/two#2', '/'])
    for (const url of ['/one/events', '/two/events', '/two/more'])
      await app.inject({ url, payloadAsStream: true })
    expect(app.kafkaSse.streams).toMatchObject({ open: 3, opened: 3 })
    expect([...byPrefix.values()].map(({ streams }) => streams.open)).toEqual([1, 1, 1, 0])
    const { text } = await app.kafkaSse.metrics()
    expect(text).toContain('\nkafka_sse_streams_open{prefix="/two#2"} 1\n')
    expect(text).toContain('\nkafka_sse_streams_open{prefix="/"} 0\n')
    expect(text).toContain(
      'kafka_sse_bus_records_total{topic="more",encoding="text",keeps="latest",prefix="/two#2"} 0\n',
    )
    expect(text).toContain('\nkafka_sse_first_record_seconds_bucket{le="+Inf",prefix="/two#2"} ')
    if (!canCheck) return
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
    expect([checked.status, checked.stderr]).toEqual([0, ''])
    expect(text.match(/^process_cpu_seconds_total/gm)).toHaveLength(1)
    expect((await byPrefix.get('/one')?.metrics())?.text).toContain('\nkafka_sse_streams_open 1\n')
    const [events, more] = ['events', 'more'].map((topic) => `topic ${topic}: waiting for Kafka`)
    expect(app.kafkaSse.ready().reasons).toEqual([events, more])
    expect(byPrefix.get('/one')?.ready().reasons).toEqual([events])
  })

  it('has lines in the log that name their registration as the metrics do, and one line where all have one Kafka', async () => {
    const log = new LogLines()
    app = fastify({ logger: { level: 'info', stream: log.stream } })
    onTestFinished(() => app.close())
    const sse = { tickets: true } // without a secret key, which is a warning of each registration
    for (const [path, prefix] of [
      ['/a', '/one'],
      ['/b', '/two'],
      ['/c', '/two'],
      ['/d', '/'],
    ] as const)
      await app.register(kafkaSse, { ...options, sse, prefix, streams: [{ path, topic: 'events' }] })
    const begins = (words: string) => log.objects().filter(({ msg }) => String(msg).startsWith(words))
    const keys = begins('SECRET_KEY')
    expect(keys.map(({ prefix }) => prefix)).toEqual(['/one', '/two', '/two#2', undefined])
    await eventually(() => expect(begins('Kafka is not reachable')).toHaveLength(1))
    expect(begins('Kafka is not reachable')[0]).not.toHaveProperty('prefix')
  })

  it('revokes in all registrations, or in one', async () => {
    await app.register(kafkaSse, { ...options, prefix: '/one' })
    await app.register(kafkaSse, { ...options, prefix: '/two' })
    for (const url of ['/one/events', '/two/events']) await app.inject({ url, payloadAsStream: true })
    await app.kafkaSse.byPrefix.get('/two')?.revoke({ sub: 'alice' })
    await eventually(() => expect(app.kafkaSse.streams).toMatchObject({ open: 1, ended: { revoked: 1 } }))
    await app.kafkaSse.revoke({ sub: 'alice' })
    await eventually(() => expect(app.kafkaSse.streams).toMatchObject({ open: 0, ended: { revoked: 2 } }))
  })

  it('asks for an issuer where sessions of the host and tokens of an issuer are accepted', async () => {
    const key = makeKey('ES256')
    const { algorithm: _, ...tokens } = authOptions(key)
    await app.register(kafkaSse, { ...options, prefix: '/sessions' })
    await app.register(kafkaSse, { ...options, auth: tokens, prefix: '/tokens' })
    const claims = { ...exampleClaims(), sub: 'alice', iat: nowSeconds() - 5 }
    const headers = { authorization: `Bearer ${mintToken(key, { claims })}` }
    for (const url of ['/sessions/events', '/tokens/events'])
      await app.inject({ url, headers, payloadAsStream: true })
    expect(app.kafkaSse.streams.open).toBe(2)
    await expect(app.kafkaSse.revoke({ sub: 'alice' })).rejects.toMatchObject({
      code: 'FKS_REVOCATION_INVALID',
      message: expect.stringContaining('issuer is required'),
    })
    for (const issuer of [ISSUER, '']) await app.kafkaSse.revoke({ issuer, sub: 'alice' })
    await eventually(() => expect(app.kafkaSse.streams).toMatchObject({ open: 0, ended: { revoked: 2 } }))
    expect((await app.inject({ url: '/tokens/events', headers })).statusCode).toBe(401)
  })

  it('speaks for registrations in scopes below, too, and that of a scope for its own alone', async () => {
    const child = await inScope('/child', { prefix: '/two' })
    await app.register(kafkaSse, { ...options, prefix: '/one' })
    const sibling = await inScope('/sibling', {
      prefix: '/three',
      streams: [{ path: '/more', topic: 'more' }],
    })
    const keys = [app.kafkaSse, child, sibling].map(({ byPrefix }) => [...byPrefix.keys()])
    expect(keys).toEqual([['/child/two', '/one', '/sibling/three'], ['/child/two'], ['/sibling/three']])
    const [events, more] = ['events', 'more'].map((topic) => `topic ${topic}: waiting for Kafka`)
    expect([app.kafkaSse, child].map((handle) => handle.ready().reasons)).toEqual([[events, more], [events]])
    expect((await app.kafkaSse.metrics()).text).toContain('kafka_sse_streams_open{prefix="/sibling/three"} 0')
    const urls = ['/one/events', '/child/two/events', '/sibling/three/more']
    for (const url of urls) await app.inject({ url, payloadAsStream: true })
    await child.revoke({ sub: 'alice' })
    await eventually(() => expect(app.kafkaSse.streams).toMatchObject({ open: 2, ended: { revoked: 1 } }))
    await app.kafkaSse.revoke({ sub: 'alice' })
    await eventually(() => expect(app.kafkaSse.streams).toMatchObject({ open: 0, ended: { revoked: 3 } }))
    for (const url of urls) expect((await app.inject(url)).statusCode).toBe(401)
  })

  it('tells the metrics of a registration that comes after they were asked for', async () => {
    await app.register(kafkaSse, { ...options, prefix: '/one' })
    expect((await app.kafkaSse.metrics()).text).toContain('\nkafka_sse_streams_open 0\n')
    await inScope('/child', { prefix: '/two' })
    expect((await app.kafkaSse.metrics()).text).toContain('kafka_sse_streams_open{prefix="/child/two"} 0')
  })

  it('is the only decorator that the types of the package’s main entry show', async () => {
    const files = await declarationsFrom(join(DIST, 'src/plugin.d.ts'))
    const shown = [...files.values()].flatMap((text) => {
      const [, decorators = ''] = /interface FastifyInstance \{([^}]*)\}/.exec(text) ?? []
      return [...decorators.matchAll(/^\s+(\w+)[?]?:/gm)].map(([, name]) => name)
    })
    expect(shown).toEqual(['kafkaSse'])
  })
})

/** The handle of a scope below the app that registers the plugin. */
async function inScope(prefix: string, more: Partial<KafkaSseOptions & { prefix: string }>) {
  let handle: KafkaSse | null = null
  await app.register(
    async (scope) => {
      await scope.register(kafkaSse, { ...options, ...more })
      handle = scope.kafkaSse
    },
    { prefix },
  )
  return handle as unknown as KafkaSse // assigned in the callback, which TypeScript does not see
}

function namesIn(text: string): string[] {
  return [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? '')
}

/** The text of a file of declarations, and of all files that it imports by path. */
async function declarationsFrom(
  file: string,
  read = new Map<string, string>(),
): Promise<Map<string, string>> {
  if (read.has(file)) return read
  const text = await readFile(file, 'utf8')
  read.set(file, text)
  for (const [, path = ''] of text.matchAll(/from '(\.[^']+)'/g))
    await declarationsFrom(join(dirname(file), path.replace(/\.[tj]s$/, '.d.ts')), read)
  return read
}
