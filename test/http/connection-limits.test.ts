// What a peer without a token may hold: requests at a time, answers that it does not take, connections. Against bare
// servers with short limits, a server with a real token check, and the built process (needs `npm run build`).

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  type ClientHttp2Session,
  constants,
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ConnectionLimits } from '../../src/http/connection.ts'
import { ConnectionBudget, createConnectionCounts } from '../../src/http/connection-budget.ts'
import { createConnectionFigures, GUARD_DEFAULTS } from '../../src/http/connection-limits.ts'
import { isLasting, markLasting } from '../../src/stream/lasting-answers.ts'
import { prove } from '../../src/token/proven-connections.ts'
import { INSPECTABLE, RunningWorkers } from '../faults/running-workers.ts'
import { CommandScene, NO_KAFKA, SERVE_SETTINGS } from '../support/command-process.ts'
import { HttpScene } from '../support/http-scene.ts'
import { makeKey } from '../support/keys-and-tokens.ts'
import { forThisTest } from '../support/scene.ts'
import { ServerProcess } from '../support/server-process.ts'
import { eventually } from '../support/time.ts'
import { GuardedScene } from './guarded-scene.ts'
import { frame, PREFACE, requests, SETTINGS, SETTINGS_WITHOUT_WINDOW } from './raw-http2.ts'

/** More than the buffers of both kernels hold. */
const LARGE = Buffer.alloc(16 * 1024 * 1024)
/** Requests that a thread hands on in one turn. */
const TURN_MAX = 16
const RST_STREAM = 3
const CANCEL = Buffer.from([0, 0, 0, 8])

let scene: GuardedScene
let asked = 0

beforeAll(async () => {
  scene = await GuardedScene.open()
})

afterEach(async () => {
  asked = 0
  await scene.close()
})

/** /good is what a token would be, /stream stays open, /turned-away is a stream that ends at once, /large is large. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  asked++
  const stream = (response as { stream?: { session?: object } }).stream // HTTP/2 has one
  if (request.url === '/good') prove(stream?.session ?? request.socket)
  if (request.url === '/stuck') return
  if (request.url === '/stream' || request.url === '/turned-away') markLasting(stream ?? response)
  if (request.url === '/stream') response.write(':\n\n')
  else response.end(request.url === '/large' ? LARGE : 'here')
}

const answerHttp2 = answer as unknown as (request: Http2ServerRequest, response: Http2ServerResponse) => void

function startSecure(limits: Partial<ConnectionLimits> = {}, budget?: ConnectionBudget): Promise<void> {
  return scene.start(createSecureServer({ ...scene.tls, allowHTTP1: true }, answerHttp2), limits, budget)
}

/** A client that gives no answer any room. */
const openWithoutWindow = () => scene.openHttp2('https', { initialWindowSize: 0 })
const ask = (session: ClientHttp2Session, path: string) => scene.ask(session, path)
/** Its peer's ends are seen, its bytes are not read. */
const openTcp = () => scene.openTcp()
const openTls = () => scene.openTls('h2')

describe('an answer that its peer does not take', () => {
  it('closes a connection without a token, and no other connection', async () => {
    await startSecure({ takenMs: 200 })
    const other = openWithoutWindow()
    const stream = ask(other, '/stream')
    await once(stream, 'response')
    const session = openWithoutWindow()
    for (let request = 0; request < 100; request++) ask(session, '/')
    await once(session, 'close')
    expect(scene.figures.closed.untaken).toBeGreaterThanOrEqual(1)
    await eventually(() => expect(scene.figures.open).toBe(1))
    expect([stream.destroyed, other.destroyed]).toEqual([false, false])
  })

  it('is reset alone if a token was good on the connection', async () => {
    await startSecure({ takenMs: 200 })
    const session = openWithoutWindow()
    const stream = ask(session, '/stream')
    const good = ask(session, '/good')
    await once(good, 'close')
    expect(good.rstCode).toBe(constants.NGHTTP2_CANCEL)
    expect(scene.figures.closed.untaken).toBe(1)
    expect([stream.destroyed, session.destroyed]).toEqual([false, false])
  })

  it('is cut off if it is a stream that has ended', async () => {
    await startSecure({ takenMs: 200 })
    const session = openWithoutWindow()
    ask(session, '/turned-away')
    await once(session, 'close')
    expect(scene.figures.closed.untaken).toBe(1)
  })

  it('is cut off on HTTP/1.1', async () => {
    await scene.start(createServer(answer), { takenMs: 200 })
    const socket = openTcp()
    socket.write('GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await eventually(() => expect(scene.figures.closed.untaken).toBe(1))
    await eventually(() => expect(scene.figures.open).toBe(0))
  })

  it('is cut off if it is one of a pipeline', async () => {
    await scene.start(createServer(answer), { takenMs: 200 })
    const socket = openTcp()
    socket.write('GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(5))
    await eventually(() => expect(scene.figures.closed.untaken).toBeGreaterThanOrEqual(1))
    await eventually(() => expect(scene.figures.open).toBe(0))
    expect(scene.figures.closed.pipelined).toBe(0)
  })

  it('is no stream of ours, on HTTP/2 and HTTP/1.1: those have limits of their own', async () => {
    const answers: object[] = []
    const scene = await HttpScene.open({
      host: async (app) => {
        app.addHook('onRequest', async (_request, { raw }) => {
          answers.push((raw as { stream?: object }).stream ?? raw) // HTTP/2 has one
        })
      },
    })
    try {
      expect((await scene.get('/events')).status).toBe(200)
      expect((await scene.getHttp1('/events')).response.statusCode).toBe(200)
      expect((await scene.get('/events', { authorization: 'Bearer no.to.ken' })).status).toBe(401)
      expect(answers.map(isLasting)).toEqual([true, true, false])
    } finally {
      await scene.close()
    }
  })

  it('is cut off after 30 s by the defaults', () => {
    const { takenMs, sweepMs } = GUARD_DEFAULTS
    expect(takenMs + sweepMs).toBeLessThanOrEqual(30_000)
  })
})

describe('requests at a time', () => {
  it('are few on a connection without a token, also for a peer that does not wait for the settings', async () => {
    await startSecure({ requestsUnprovenMax: 7 })
    const socket = await openTls()
    socket.write(Buffer.concat([PREFACE, SETTINGS_WITHOUT_WINDOW, requests(500, '/stuck')]))
    await eventually(() => expect(asked).toBe(7))
    const [said] = (await once(socket, 'data')) as [Buffer]
    expect(said.length).toBeGreaterThan(0)
    expect(asked).toBe(7)
  })

  it('are more once a token was good', async () => {
    await startSecure({ requestsUnprovenMax: 7, streamsPerConnectionMax: 20 })
    const session = openWithoutWindow()
    const [first] = await once(session, 'remoteSettings')
    expect(first.maxConcurrentStreams).toBe(7)
    const later = once(session, 'remoteSettings')
    ask(session, '/good')
    expect((await later)[0].maxConcurrentStreams).toBe(20)
    for (let request = 0; request < 15; request++) ask(session, '/stuck')
    await eventually(() => expect(asked).toBe(16))
  })

  it.each([
    ['without a token', '/stuck', 7],
    ['with one that was good', '/good', 20],
  ])('end a pipeline that is longer, %s', async (_what, first, count) => {
    await scene.start(createServer(answer), { requestsUnprovenMax: 7, streamsPerConnectionMax: 20 })
    const line = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`
    const socket = openTcp().resume()
    const closed = once(socket, 'close')
    socket.write(line(first))
    await eventually(() => expect(asked).toBe(1))
    // The first one of /stuck is never answered, so that all others wait behind it.
    if (first === '/good') socket.write(line('/stuck'))
    socket.write(line('/').repeat(count - 1))
    await eventually(() => expect(asked).toBe(first === '/good' ? count + 1 : count))
    expect(socket.destroyed).toBe(false)
    socket.write(line('/'))
    await closed
    expect(scene.figures.closed.pipelined).toBe(1)
  })

  it('beyond them are not handed on, in a pipeline that comes in one piece', async () => {
    await scene.start(createServer(answer), { requestsUnprovenMax: 7 })
    const socket = openTcp().resume()
    socket.write('GET /stuck HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(500))
    await once(socket, 'close')
    expect([asked, scene.figures.closed.pipelined]).toEqual([7, 1])
  })

  it('of a client that has left do not count any more', async () => {
    await scene.start(createServer(answer), { requestMs: 300 })
    const socket = openTcp()
    socket.write('GET /stuck HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(5))
    await eventually(() => expect(asked).toBe(5))
    socket.destroy()
    const other = openTcp().resume()
    other.write('GET /stuck HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await once(other, 'close')
    expect(scene.figures.closed.unanswered).toBe(1)
  })

  it('are 100 before a real token is found good, and 1,000 after', async () => {
    const scene = await HttpScene.open()
    try {
      const session = scene.connect()
      const [first] = await once(session, 'remoteSettings')
      expect(first.maxConcurrentStreams).toBe(100)
      expect((await scene.get('/events', { authorization: 'Bearer no.to.ken' }, session)).status).toBe(401)
      expect(session.remoteSettings.maxConcurrentStreams).toBe(100)
      const later = once(session, 'remoteSettings')
      expect((await scene.get('/events', {}, session)).status).toBe(200)
      expect((await later)[0].maxConcurrentStreams).toBe(1000)
    } finally {
      await scene.close()
    }
  })
})

describe('requests of many connections that come together', () => {
  /** By turn of the event loop, how many were heard of. */
  async function heardPerTurn(expected: number): Promise<number[]> {
    const counts: number[] = []
    for (let before = 0; before < expected; before = asked) {
      await nextTurn()
      if (asked > before) counts.push(asked - before)
    }
    return counts
  }

  it('are handed on 16 a turn on HTTP/2', async () => {
    await startSecure()
    const held = await Promise.all(Array.from({ length: 20 }, openTls))
    for (const socket of held) socket.write(Buffer.concat([PREFACE, SETTINGS, requests(100, '/stuck')]))
    const counts = await heardPerTurn(2_000)
    expect(Math.max(...counts)).toBeLessThanOrEqual(TURN_MAX)
  })

  it('are handed on 16 a turn on HTTP/1.1', async () => {
    await scene.start(createServer(answer), {})
    const held = Array.from({ length: 20 }, openTcp)
    await Promise.all(held.map((socket) => once(socket, 'connect')))
    for (const socket of held) socket.resume().write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(100))
    const counts = await heardPerTurn(2_000)
    expect(Math.max(...counts)).toBeLessThanOrEqual(TURN_MAX)
  })

  it('have their whole body on HTTP/2, also if it ended while they waited', async () => {
    const read = async (request: Http2ServerRequest, response: Http2ServerResponse) => {
      let body = ''
      for await (const chunk of request) body += chunk
      response.end(`${request.method} ${body}`)
    }
    await scene.start(createSecureServer(scene.tls, read), {})
    const session = scene.openHttp2('https')
    await once(session, 'remoteSettings')
    const bodies = Array.from({ length: 90 }, (_, at) => 'x'.repeat(at % 3))
    const answers = bodies.map(async (body) => {
      const stream = session.request({ ':method': 'POST', ':path': '/' }).end(body)
      let text = ''
      for await (const chunk of stream) text += chunk
      return text
    })
    expect(await Promise.all(answers)).toEqual(bodies.map((body) => `POST ${body}`))
  })

  it('are not handed on if they were reset meanwhile', async () => {
    await startSecure()
    const socket = await openTls()
    const resets = Array.from({ length: 100 }, (_, index) => frame(RST_STREAM, 0, 2 * index + 1, CANCEL))
    socket.write(Buffer.concat([PREFACE, SETTINGS, requests(100, '/stuck'), ...resets]))
    await eventually(() => expect(asked).toBeGreaterThan(0))
    for (let turns = 0; turns < 50; turns++) await nextTurn()
    expect(asked).toBeLessThanOrEqual(TURN_MAX)
  })
})

describe('connections at once', () => {
  const budgetOf = (connectionsMax: number, connectionsPerAddressMax: number) =>
    new ConnectionBudget({ connectionsMax, connectionsPerAddressMax }, createConnectionCounts(1, 1), 0)

  it.each([
    ['in all', budgetOf(2, 9), 'full'],
    ['from one address', budgetOf(9, 2), 'address'],
  ] as const)(
    'are bounded %s: one more is closed before TLS, and has its place once another leaves',
    async (...row) => {
      const [, budget, reason] = row
      await startSecure({}, budget)
      const [first] = [await openTls(), await openTls()]
      await once(openTcp().resume(), 'close')
      expect(scene.figures.closed).toEqual({ ...createConnectionFigures().closed, [reason]: 1 })
      expect(scene.figures.open).toBe(2)
      first.destroy()
      await eventually(() => expect(scene.figures.open).toBe(1))
      await openTls()
      expect(scene.figures.open).toBe(2)
    },
  )

  it.each(['1', '2'])('are bounded over all threads of a process, WORKERS=%s', async (workers) => {
    const commands = await forThisTest(CommandScene.open({ 'public.pem': makeKey('ES256').publicPem }))
    const limits = { CONNECTIONS_MAX: '40', CONNECTIONS_PER_ADDRESS_MAX: '30' }
    const run = commands.start(['serve'], { ...SERVE_SETTINGS, ...limits, WORKERS: workers })
    const { port: streams, adminPort } = await run.listening()
    const metric = async (name: string): Promise<number> => {
      const text = await (
        await fetch(`http://127.0.0.1:${adminPort}/metrics`, { headers: { connection: 'close' } })
      ).text()
      return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1])
    }
    scene.port = streams
    const opened = Array.from({ length: 50 }, () => openTcp().resume())
    await eventually(async () =>
      expect(await metric('kafka_sse_connections_closed_total{reason="address"}')).toBe(20),
    )
    await eventually(() => expect(opened.filter(({ closed }) => closed)).toHaveLength(20))
  })

  it('of a worker that dies are free again', async () => {
    const settings = { WORKERS: '2', CONNECTIONS_MAX: '20', LOG_LEVEL: 'info', ...INSPECTABLE }
    const run = await ServerProcess.open(NO_KAFKA, 'events', { settings })
    const workers = await RunningWorkers.open(run)
    try {
      scene.port = run.port
      const opened = Array.from({ length: 20 }, () => openTcp().resume())
      await eventually(async () =>
        expect([...(await workers.connections()).values()].flat()).toHaveLength(20),
      )
      await once(openTcp().resume(), 'close')
      const [[name] = ['']] = [...(await workers.connections())].filter(([, ports]) => ports.length > 0)
      await workers.kill(name)
      await eventually(() => expect(opened.some(({ closed }) => closed)).toBe(true))
      await eventually(async () => {
        const again = openTcp().resume()
        await once(again, 'connect')
        const { localPort } = again
        const held = [...(await workers.connections()).values()].flat()
        if (!held.includes(localPort ?? 0)) again.destroy() // else it may take a place, for the next try to miss
        expect(held).toContain(localPort)
      })
    } finally {
      workers.close()
      await run.close()
    }
  })
})
