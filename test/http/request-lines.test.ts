// One line for each request: a server’s, and the end of a stream.

import { once } from 'node:events'
import { Agent, get } from 'node:http'
import fastify from 'fastify'
import { expect, it, onTestFinished, vi } from 'vitest'
import { NotFound } from '../../src/errors.ts'
import { LINES_AT_ONCE } from '../../src/http/line-budget.ts'
import { noteAdmitted, TOLD_MS } from '../../src/http/outcome-lines.ts'
import { serverLog, tellRequests } from '../../src/http/request-lines.ts'
import { RedeemedTickets } from '../../src/tickets/redeemed-tickets.ts'
import { SealedTickets } from '../../src/tickets/sealed-tickets.ts'
import { Tickets } from '../../src/tickets/tickets.ts'
import { HttpScene } from '../support/http-scene.ts'
import { LogLines } from '../support/printed.ts'
import { forThisTest } from '../support/scene.ts'
import { until } from '../support/time.ts'

it('a server has one line for an answer, and one for a refusal', async () => {
  const log = new LogLines()
  const app = fastify({ logger: { level: 'info', stream: log.stream, ...serverLog } })
  tellRequests(app)
  app.setNotFoundHandler(async () => {
    throw new NotFound()
  })
  app.get('/there', async () => 'yes')
  app.get('/broken', async () => {
    throw new Error('ours')
  })
  app.get('/file', async () => {
    throw Object.assign(new Error('Range Not Satisfiable'), { statusCode: 416 })
  })
  await app.inject('/there?access_token=opaque')
  await app.inject('/file')
  await app.inject('/nowhere')
  await app.inject('/broken')
  expect(log.objects()).toMatchObject([
    {
      level: 30,
      msg: 'request answered',
      req: { method: 'GET', url: '/there?access_token=[redacted]' },
      res: { statusCode: 200 },
      responseTime: expect.any(Number),
    },
    { level: 30, msg: 'refused: Range Not Satisfiable', url: '/file' },
    { level: 30, msg: 'refused: There is nothing at this path', code: 'FKS_NOT_FOUND', url: '/nowhere' },
    { level: 50, msg: 'ours', err: { stack: expect.any(String) } },
    { level: 30, msg: 'request answered', res: { statusCode: 500 } },
  ])
  expect(log.objects()).toHaveLength(5)
  expect(log.objects()[1]).not.toHaveProperty('err')
  await app.close()
})

it('a flood from one address has no line for each, and no other address loses its own', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const log = new LogLines()
  const app = fastify({ logger: { level: 'info', stream: log.stream, ...serverLog } })
  onTestFinished(() => app.close())
  tellRequests(app)
  app.setNotFoundHandler(async () => {
    throw new NotFound()
  })
  app.get('/client.js', async () => 'yes')
  const ask = (url: string, remoteAddress: string) => app.inject({ url, remoteAddress })
  for (let count = 0; count < LINES_AT_ONCE / 2; count++) await ask('/nowhere', '192.0.2.1')
  for (let count = 0; count < LINES_AT_ONCE / 2 + 7; count++) await ask('/client.js', '192.0.2.1')
  expect(log.lines).toHaveLength(LINES_AT_ONCE)
  await ask('/nowhere', '192.0.2.1')
  expect(log.lines).toHaveLength(LINES_AT_ONCE)
  await ask('/nowhere', '192.0.2.2')
  vi.advanceTimersByTime(TOLD_MS)
  await ask('/client.js', '192.0.2.1')
  expect(log.objects().slice(LINES_AT_ONCE)).toMatchObject([
    { level: 30, address: '192.0.2.2' },
    { level: 30, count: 8, msg: 'requests without a line of their own' },
    { level: 30, msg: 'request answered' },
  ])
})

/** Of the scene's own clients. No further line is granted until the test is over. */
async function useUpLines({ app }: HttpScene): Promise<void> {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  for (let count = 0; count < LINES_AT_ONCE + 50; count++)
    await app.inject({ url: '/nowhere', remoteAddress: '127.0.0.1' })
}

it('a renewal and a ticket have their lines also while others of their address have none', async () => {
  const sealed = new SealedTickets([Buffer.alloc(32, 7)])
  const { redeem } = new RedeemedTickets(Date.now)
  const tickets = new Tickets({ sealed, redeem, epochMs: Date.now })
  const scene = await forThisTest(HttpScene.open({ host: async (app) => tellRequests(app), tickets }))
  const lines = () =>
    scene.lines
      .map((line) => JSON.parse(line))
      .filter(({ msg }) => msg === 'request answered')
      .map(({ res, address }) => [res.statusCode, address])
  await scene.get('/events')
  await useUpLines(scene)
  const before = lines().length
  const authorization = `Bearer ${scene.token()}`
  const own = { authorization, 'sec-fetch-site': 'same-origin' }
  for (let count = 0; count < 10; count++) {
    expect((await scene.post({ authorization })).status).toBe(204)
    expect((await scene.post(own, '', '/events/ticket')).status).toBe(200)
  }
  await until(() => lines().length >= before + 20)
  expect(lines().slice(before).sort()).toEqual([
    ...Array(10).fill([200, '127.0.0.1']),
    ...Array(10).fill([204, '127.0.0.1']),
  ])
})

it('one with a good token who sends too many has no line for each of those', async () => {
  vi.useFakeTimers({ toFake: ['performance'] }) // a rate allows no more while time stands still
  onTestFinished(() => void vi.useRealTimers())
  const sealed = new SealedTickets([Buffer.alloc(32, 7)])
  const { redeem } = new RedeemedTickets(Date.now)
  const tickets = new Tickets({ sealed, redeem, epochMs: Date.now })
  const sse = {
    streamsPerSubjectMax: 1,
    renewalsPerSecondPerSubjectMax: 1,
    connectsPerSecondPerSubjectMax: 1,
  }
  const scene = await forThisTest(HttpScene.open({ host: async (app) => tellRequests(app), tickets, sse }))
  await scene.get('/events')
  await useUpLines(scene)
  const before = scene.lines.length
  const own = { authorization: `Bearer ${scene.token()}`, 'sec-fetch-site': 'same-origin' }
  for (const [path, status] of [
    ['/events', 204],
    ['/events/ticket', 200],
  ] as const) {
    const statuses: number[] = []
    for (let count = 0; count < 10; count++) statuses.push((await scene.post(own, '', path)).status)
    expect(statuses).toEqual([status, status, ...Array(8).fill(429)])
  }
  const told = scene.lines
    .slice(before)
    .map((line) => JSON.parse(line))
    .filter(({ msg }) => /^refused|^request answered/.test(msg))
  expect(told.map(({ res, code }) => code ?? res.statusCode)).toEqual([204, 204, 200, 200])
})

it('a good token does nothing for those who come by the same connection of a proxy', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const log = new LogLines()
  const app = fastify({ logger: { level: 'info', stream: log.stream, ...serverLog }, trustProxy: true })
  onTestFinished(() => app.close())
  tellRequests(app)
  app.get('/renewal', async (request) => noteAdmitted(request))
  app.get('/other', async () => 'yes')
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const proxy = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => proxy.destroy())
  const ask = async (path: string, client: string) => {
    const headers = { 'x-forwarded-for': client }
    const [response] = await once(get(`${origin}${path}`, { agent: proxy, headers }), 'response')
    await once(response.resume(), 'end')
  }
  await ask('/renewal', '198.51.100.1')
  for (let count = 0; count < LINES_AT_ONCE + 50; count++) await ask('/other', '198.51.100.2')
  const answers = log.objects().filter(({ msg }) => msg === 'request answered')
  expect(answers).toHaveLength(1 + LINES_AT_ONCE)
})

it('probes take no lines from their address', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const log = new LogLines()
  const app = fastify({ logger: { level: 'info', stream: log.stream, ...serverLog } })
  onTestFinished(() => app.close())
  tellRequests(app)
  app.get('/health/ready', { logLevel: 'warn' }, async () => 'yes')
  app.get('/client.js', async () => 'yes')
  const ask = (url: string) => app.inject({ url, remoteAddress: '192.0.2.3' })
  for (let count = 0; count < LINES_AT_ONCE; count++) await ask('/health/ready')
  await ask('/client.js')
  expect(log.lines).toHaveLength(1)
})

const ended = (scene: HttpScene): Record<string, unknown>[] =>
  scene.lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'stream ended')

it('the end of a stream is one line, with what it was sent', async () => {
  const scene = await forThisTest(HttpScene.open())
  scene.topic.produce('one')
  const session = scene.connect()
  const stream = await scene.get(
    '/events?access_token=opaque',
    { authorization: `Bearer ${scene.token()}` },
    session,
  )
  await until(() => stream.reader.events.length > 0)
  await scene.app.kafkaSseStreams.close()
  const subject = scene.app.kafkaSseStreams.watch.subjects.of('example')
  expect(ended(scene)).toMatchObject([
    { level: 30, path: '/events', subject, reason: 'shutdown', records: 1 },
  ])
  const [line] = ended(scene)
  expect(line?.seconds).toBeLessThan(30)
  expect(line?.bytes).toBeGreaterThan(3)
})

it('the end of a stream is no line where the operator wants none', async () => {
  const scene = await forThisTest(HttpScene.open({ sse: { logStreamEnds: false } }))
  await scene.get('/events')
  await scene.app.kafkaSseStreams.close()
  expect(ended(scene)).toEqual([])
})
