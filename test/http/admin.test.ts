// The admin routes on a real server: on one of its own, and under a prefix in a host's application.

import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import Fastify, { type FastifyInstance } from 'fastify'
import { FastifySSEPlugin } from 'fastify-sse-v2'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { kafkaSseAdmin } from '../../plugins/admin.ts'
import { adminRoutes } from '../../routes/admin.ts'
import type { Status } from '../../src/admin/admin.ts'
import { SAMPLE_EVERY_MS } from '../../src/admin/history.ts'
import { isLasting } from '../../src/stream/lasting-answers.ts'
import { AdminParts } from '../support/admin-parts.ts'
import { LogLines } from '../support/printed.ts'
import { StreamReader } from '../support/stream-reader.ts'
import { eventually } from '../support/time.ts'
import { TopicInMemory } from '../support/topic-in-memory.ts'

const FOLDER = fileURLToPath(new URL('../../public', import.meta.url))
const EVERY_MS = 20

let parts: AdminParts
let app: FastifyInstance
const responses = new Set<IncomingMessage>()

beforeEach(() => {
  parts = new AdminParts()
  app = Fastify()
})

afterEach(async () => {
  for (const response of responses) response.destroy()
  responses.clear()
  await app.close()
})

async function register(scope: FastifyInstance, viewersMax = 100): Promise<void> {
  await scope.register(kafkaSseAdmin, parts)
  await scope.register(adminRoutes, {
    admin: scope.kafkaSseAdmin,
    folder: FOLDER,
    everyMs: EVERY_MS,
    viewersMax,
  })
}

async function listen(): Promise<void> {
  await app.listen({ port: 0, host: '127.0.0.1' })
}

async function open(path: string): Promise<IncomingMessage> {
  // An object for every server that listens on a port.
  const { port } = app.server.address() as AddressInfo
  const [response] = await once(get({ port, host: '127.0.0.1', path, agent: false }), 'response')
  responses.add(response)
  response.on('error', () => {}) // some are cut off on purpose
  return response
}

async function watch(path = '/status/events'): Promise<{ response: IncomingMessage; reader: StreamReader }> {
  const response = await open(path)
  const reader = new StreamReader()
  response.on('data', (bytes) => reader.feed(bytes))
  return { response, reader }
}

function statuses(reader: StreamReader): Status[] {
  return reader.records.map((data) => JSON.parse(data))
}

async function ready(): Promise<{ status: number; body: unknown }> {
  const { statusCode, body } = await app.inject('/health/ready')
  return { status: statusCode, body: JSON.parse(body) }
}

it('what feeds the status page is known to stay open, unlike the page itself', async () => {
  const answers: object[] = []
  app.addHook('onRequest', async (_request, { raw }) => {
    answers.push(raw)
  })
  await register(app)
  await listen()
  await open('/status/events')
  await open('/status')
  expect(answers.map(isLasting)).toEqual([true, false])
})

describe('/health', () => {
  it('is live, no matter what else is wrong', async () => {
    await register(app)
    parts.streams.isDraining = true
    const answer = await app.inject('/health/live')
    expect([answer.statusCode, answer.json()]).toEqual([200, { live: true }])
    expect(answer.headers['cache-control']).toBe('no-store')
  })

  it('is ready when nothing is wrong', async () => {
    await register(app)
    expect(await ready()).toEqual({ status: 200, body: { ready: true } })
  })

  it('is not ready while the server drains', async () => {
    await register(app)
    parts.streams.isDraining = true
    expect(await ready()).toEqual({
      status: 503,
      body: { ready: false, reasons: ['the server is draining'] },
    })
  })

  it('is not ready while there is no room for revocations', async () => {
    parts.streams.revocations.isFull = true
    await register(app)
    expect(await ready()).toEqual({
      status: 503,
      body: { ready: false, reasons: ['there is no room for more revocations'] },
    })
  })

  it('is ready, no matter whether a topic that clients name in a path can be read', async () => {
    const topic = new TopicInMemory()
    topic.trouble = 'topic later does not exist, or this principal may not Describe it'
    topic.bus.caughtUp = false
    parts.byPath.open.push(topic)
    await register(app)
    expect(await ready()).toEqual({ status: 200, body: { ready: true } })
  })

  it('is not ready while Kafka is in trouble, and says so once for all topics', async () => {
    const topics = [new TopicInMemory(), new TopicInMemory()]
    for (const topic of topics) topic.trouble = 'no broker answers'
    parts.opened.push(...topics)
    await register(app)
    expect(await ready()).toEqual({ status: 503, body: { ready: false, reasons: ['no broker answers'] } })
  })

  it('is not ready before the bus has caught up', async () => {
    const topic = new TopicInMemory()
    topic.bus.caughtUp = false
    parts.opened.push(topic)
    await register(app)
    expect((await ready()).body).toEqual({ ready: false, reasons: ['topic events is still being read'] })
  })

  function outgrow(topic: TopicInMemory): void {
    for (let key = 0; key < 4; key++) topic.produce('x'.repeat(600_000), String(key))
    expect(topic.bus.isWhole).toBe(false)
  }

  it('is not ready if the topic does not fit into the bus while it loads, nor later', async () => {
    const topic = new TopicInMemory(1, { retainedRecordsMax: 2 })
    topic.bus.recreate()
    topic.bus.setPartition(0, 0)
    outgrow(topic)
    parts.opened.push(topic)
    await register(app)
    const reasons = ['topic events does not fit: no snapshots, live records only']
    expect(await ready()).toEqual({ status: 503, body: { ready: false, reasons } })
    topic.bus.markCaughtUp()
    expect(await ready()).toEqual({ status: 503, body: { ready: false, reasons } })
  })

  it('stays ready when the topic outgrows the bus later: all replicas would turn red at once', async () => {
    const topic = new TopicInMemory(1, { retainedRecordsMax: 2 })
    outgrow(topic)
    parts.opened.push(topic)
    await register(app)
    expect((await ready()).status).toBe(200)
  })

  it('is not ready without keys, and names all reasons', async () => {
    await register(app)
    parts.keysTrouble = 'the key set has not been read yet'
    parts.streams.isDraining = true
    expect((await ready()).body).toEqual({
      ready: false,
      reasons: ['the server is draining', 'the key set has not been read yet'],
    })
  })
})

describe('/metrics', () => {
  it("answers in Prometheus's text format", async () => {
    await register(app)
    parts.figures.streamsOpen = 3
    const answer = await app.inject('/metrics')
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(answer.body).toContain('\nkafka_sse_streams_open 3\n')
  })
})

/** Every path that a browser asks for, beginning with this one. */
async function loadedFrom(path: string, loaded = new Set<string>()): Promise<string[]> {
  if (loaded.has(path)) return [...loaded]
  loaded.add(path)
  const { body } = await app.inject(path)
  for (const [, name = ''] of body.matchAll(/(?:\bsrc=|\bhref=|\bfrom )["']([^"':]+)["']/g))
    await loadedFrom(new URL(name, `http://localhost${path}`).pathname, loaded)
  return [...loaded]
}

describe('/status', () => {
  it('is a page that needs nothing inline and nothing from elsewhere', async () => {
    await register(app)
    const page = await app.inject('/status')
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(page.headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'")
    expect(page.body).not.toMatch(/<style|<script(?![^>]* src=)|\son\w+=|style=|https?:/)
    const loaded = await loadedFrom('/status')
    expect(loaded).toEqual(
      expect.arrayContaining(['/status/status.css', '/status/shared/base.css', '/status/console/chart.js']),
    )
    for (const path of loaded) expect((await app.inject(path)).statusCode, path).toBe(200)
  })

  it('gives live figures, the first at once', async () => {
    await register(app)
    await listen()
    parts.figures.streamsOpen = 1
    const { response, reader } = await watch()
    expect(response.headers['content-type']).toContain('text/event-stream')
    await eventually(() => expect(statuses(reader)[0]?.streams.open).toBe(1))
    parts.figures.streamsOpen = 2
    parts.streams.isDraining = true
    await eventually(() => {
      const last = statuses(reader).at(-1)
      expect([last?.streams.open, last?.notReady]).toEqual([2, ['the server is draining']])
    })
    expect(statuses(reader)[0]?.topics).toMatchObject([
      { name: 'events', isCaughtUp: true, trouble: null, isFull: false },
    ])
    expect(reader.records.join('')).not.toContain('AQIAAA==')
  })

  it('has the whole history in the first event of each viewer, and in the others its newest sample', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    await register(app)
    await listen()
    parts.figures.streamsOpen = 7
    parts.figures.times.delivery.counts[2] = 10 // up to 5 ms
    await vi.advanceTimersByTimeAsync(SAMPLE_EVERY_MS)
    parts.figures.streamsOpen = 8
    await vi.advanceTimersByTimeAsync(SAMPLE_EVERY_MS)
    const { reader } = await watch()
    await eventually(() => expect(statuses(reader)).toHaveLength(1))
    const [first] = statuses(reader)
    expect(first?.history?.streams).toEqual([7, 8])
    expect(first?.history?.latencyP50Ms).toEqual([3.75, null])
    expect(first?.sample).toMatchObject({ streams: 8, latencyP50Ms: null })
    await vi.advanceTimersByTimeAsync(EVERY_MS)
    await eventually(() => expect(statuses(reader).length).toBeGreaterThan(1))
    expect(statuses(reader).at(-1)).toMatchObject({ sample: first?.sample })
    expect(statuses(reader).at(-1)).not.toHaveProperty('history')
  })

  it('tells streams by path, slow ones, refusals and ends, and how far partitions are read', async () => {
    const topic = new TopicInMemory(60, {}, 'orders')
    for (let partition = 0; partition < 60; partition++)
      topic.bus.noteEnd(partition, 5, { nowMs: 0, epochMs: 0 })
    parts.opened.push(topic)
    Object.assign(parts.figures.paths, { '/a': { open: 1, opened: 9 }, '/b/:id': { open: 3, opened: 3 } })
    parts.slow = { count: 1, longest: [{ path: '/a', subject: 'f00', seconds: 4, bytes: 10 }] }
    const refusal = { atMs: 1, path: '/a', code: 'FKS_BUSY', check: null, reason: 'full', offSeconds: null }
    parts.outcomes.refused(refusal)
    await register(app)
    await listen()
    const { reader } = await watch()
    await eventually(() => expect(statuses(reader)).not.toEqual([]))
    const [status] = statuses(reader)
    expect(status?.streams.paths.map(({ path }) => path)).toEqual(['/b/:id', '/a'])
    expect(status?.streams.slow).toEqual(parts.slow)
    expect(status?.refusals).toEqual([{ ...refusal, count: 1 }])
    const orders = status?.topics.find(({ name }) => name === 'orders')
    expect([orders?.partitionsCount, orders?.partitions.length, orders?.lag]).toEqual([60, 50, 300])
    expect(orders?.partitions[3]).toEqual({ partition: 3, next: 0, lag: 5 })
  })

  it('shows 20 topics that clients name in a path, and all of them together', async () => {
    const topics = Array.from({ length: 25 }, (_, n) => new TopicInMemory(1, {}, `t${n}`))
    for (const topic of topics) topic.produce('one', 'a')
    parts.byPath.open.push(...topics)
    await register(app)
    await listen()
    const { reader } = await watch()
    await eventually(() => expect(statuses(reader)).not.toEqual([]))
    const [status] = statuses(reader)
    const shown = ['events', ...topics.slice(0, 20).map(({ name }) => name)]
    expect(status?.topics.map(({ name }) => name)).toEqual(shown)
    const retainedBytes = topics.reduce((sum, { bus }) => sum + bus.retainedBytes, 0)
    expect(status?.topicsByPath).toEqual({ open: 25, shown: 20, retainedBytes, bytesMax: 2 ** 31 })
  })

  it('refuses the viewer after the last one, and takes another when one has left', async () => {
    await register(app, 2)
    await listen()
    const [first] = [await watch(), await watch()]
    const refused = await open('/status/events')
    expect(refused.statusCode).toBe(429)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    first.response.destroy()
    await eventually(async () => expect((await open('/status/events')).statusCode).toBe(200))
  })

  it('ends its events when the application closes', async () => {
    await register(app)
    await listen()
    const { response, reader } = await watch()
    await eventually(() => expect(reader.records).not.toHaveLength(0))
    const ended = once(response, 'end')
    await app.close()
    await ended
  })

  it('does not wait for a viewer that never reads when the application closes', async () => {
    await register(app)
    parts.opened.push(...Array.from({ length: 5000 }, () => new TopicInMemory()))
    await listen()
    const response = await open('/status/events')
    response.pause()
    await app.close()
    expect(app.server.listening).toBe(false)
  })

  it('answers no HEAD on its events, which would never end', async () => {
    await register(app)
    expect((await app.inject({ method: 'HEAD', url: '/status/events' })).statusCode).toBe(404)
  })
})

describe("in a host's application", () => {
  it('lives under a prefix', async () => {
    await app.register(async (scope) => register(scope), { prefix: '/ops' })
    await listen()
    expect((await app.inject('/ops/health/ready')).statusCode).toBe(200)
    expect((await app.inject('/ops/metrics')).statusCode).toBe(200)
    expect((await app.inject('/ops/status/status.js')).statusCode).toBe(200)
    const { reader } = await watch('/ops/status/events')
    await eventually(() => expect(reader.records).not.toHaveLength(0))
  })

  it('uses a fastify-sse-v2 that the host has registered', async () => {
    await app.register(FastifySSEPlugin)
    await register(app)
    await listen()
    const { reader } = await watch()
    await eventually(() => expect(reader.records).not.toHaveLength(0))
  })

  it('fails with a clear error if another plugin has taken the name', async () => {
    app.decorateReply('sse', () => {})
    await expect(register(app)).rejects.toThrow('reply.sse is another plugin of this application')
  })

  it('logs no request of probes and scrapers', async () => {
    const log = new LogLines()
    await app.close()
    app = Fastify({ logger: { level: 'info', stream: log.stream } })
    await register(app)
    for (const path of ['/health/live', '/health/ready', '/metrics']) await app.inject(path)
    expect(log.text()).toBe('')
  })
})
