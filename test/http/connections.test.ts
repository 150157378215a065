// Real clients that stop half way, against bare servers with short limits. Each test shortens only the limit it is
// about.

import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import {
  type ClientHttp2Session,
  constants,
  createServer as createHttp2Server,
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ConnectionLimits } from '../../src/http/connection.ts'
import {
  createConnectionFigures,
  GUARD_DEFAULTS,
  guardConnections,
} from '../../src/http/connection-limits.ts'
import { type Listener, listen } from '../../src/http/listener.ts'
import { eventually } from '../support/time.ts'
import { GuardedScene } from './guarded-scene.ts'
import { END_STREAM_AND_HEADERS, frame, getBlock, PREFACE, SETTINGS } from './raw-http2.ts'

const GET_STREAM = getBlock('/stream')

let scene: GuardedScene
/** Responses of /stream, in the order of their requests. */
let streams: ServerResponse[] = []

beforeAll(async () => {
  scene = await GuardedScene.open()
})

afterEach(async () => {
  streams = []
  await scene.close()
})

/** /stream stays open, /stuck is never answered, anything else is answered at once. */
function answer(request: { url?: string | undefined }, response: ServerResponse): void {
  if (request.url === '/stuck') return
  if (request.url !== '/stream') return void response.end('here')
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(':\n\n')
  streams.push(response)
}

/** HTTP/2's compatible kind, typed apart: alike in all that `answer` does with it. */
const answerHttp2 = answer as unknown as (request: Http2ServerRequest, response: Http2ServerResponse) => void

function startSecure(limits: Partial<ConnectionLimits>): Promise<void> {
  return scene.start(createSecureServer({ ...scene.tls, allowHTTP1: true }, answerHttp2), limits)
}

function startPlain(limits: Partial<ConnectionLimits>): Promise<void> {
  return scene.start(createServer(answer), limits)
}

/** Reads and forgets, so that the end is seen. */
async function openTcp(): Promise<Socket> {
  const socket = scene.openTcp().resume()
  await once(socket, 'connect')
  return socket
}

async function openTls(protocol: 'h2' | 'http/1.1'): Promise<Socket> {
  return (await scene.openTls(protocol)).resume()
}

const openHttp2 = (scheme?: 'http' | 'https') => scene.openHttp2(scheme)
const openStream = (session: ClientHttp2Session, path = '/stream') => scene.ask(session, path)

async function openRawStream(): Promise<Socket> {
  const socket = await openTls('h2')
  socket.write(Buffer.concat([PREFACE, SETTINGS, frame(1, END_STREAM_AND_HEADERS, 1, GET_STREAM)]))
  await eventually(() => expect(streams).toHaveLength(1))
  return socket
}

/** Resolves when an idle connection beside the one that is tested has been opened and closed. */
async function idleConnectionGone(): Promise<void> {
  await once(await openTcp(), 'close')
}

describe('a connection that goes quiet half way', () => {
  it('is closed when it never says a TLS hello', async () => {
    await startSecure({ handshakeMs: 100 })
    await once(await openTcp(), 'close')
    expect(scene.figures.closed.handshake).toBe(1)
  })

  it('is closed in the middle of a TLS hello', async () => {
    await startSecure({ handshakeMs: 100 })
    const socket = await openTcp()
    socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0]))
    await once(socket, 'close')
    expect(scene.figures.closed.handshake).toBe(1)
  })

  it('is closed when no preface follows the TLS handshake', async () => {
    await startSecure({ idleMs: 100 })
    await once(await openTls('h2'), 'close')
    expect(scene.figures.closed).toEqual({ ...createConnectionFigures().closed, idle: 1 })
  })

  it('is closed in the middle of a HEADERS frame', async () => {
    await startSecure({ idleMs: 100 })
    const socket = await openTls('h2')
    const headers = frame(1, END_STREAM_AND_HEADERS, 1, GET_STREAM)
    socket.write(Buffer.concat([PREFACE, SETTINGS, headers.subarray(0, 15)]))
    await once(socket, 'close')
    expect(streams).toHaveLength(0)
    expect(scene.figures.closed.idle).toBe(1)
  })

  it('is closed if its headers continue in a frame that never comes', async () => {
    await startSecure({ idleMs: 100 })
    const socket = await openTls('h2')
    socket.write(Buffer.concat([PREFACE, SETTINGS, frame(1, 0x1, 1, GET_STREAM)]))
    await once(socket, 'close')
    expect(scene.figures.closed.idle).toBe(1)
  })

  it.each(['', 'GET /str', 'GET /stream HTTP/1.1\r\nhost: local'])(
    'is closed after %j on HTTP/1.1',
    async (text) => {
      await startPlain({ idleMs: 100 })
      const socket = await openTcp()
      socket.write(text)
      await once(socket, 'close')
      expect(scene.figures.closed.idle).toBe(1)
    },
  )

  it('is closed after half a request line on HTTP/1.1 over TLS', async () => {
    await startSecure({ idleMs: 100 })
    const socket = await openTls('http/1.1')
    socket.write('GET /str')
    await once(socket, 'close')
    expect(scene.figures.closed.idle).toBe(1)
  })

  it('is closed on a server that speaks HTTP/2 without TLS', async () => {
    await scene.start(createHttp2Server(answerHttp2), { idleMs: 100 })
    const session = openHttp2('http')
    await once(session, 'close')
    expect(scene.figures.closed.idle).toBe(1)
  })
})

describe('an idle connection', () => {
  it('is told GOAWAY on HTTP/2 when its last stream has been closed for a while', async () => {
    await startSecure({ idleMs: 400 })
    const session = openHttp2()
    const goaway = once(session, 'goaway')
    const stream = openStream(session, '/')
    stream.resume()
    await once(stream, 'end')
    const [code] = await goaway
    expect(code).toBe(constants.NGHTTP2_NO_ERROR)
    await once(session, 'close')
    await eventually(() => expect(scene.figures.open).toBe(0))
  })

  it('is destroyed when its peer keeps it open after GOAWAY', async () => {
    await startSecure({ idleMs: 100 })
    const tcp = scene.keep(connectTcp({ port: scene.port, host: '127.0.0.1', allowHalfOpen: true })).resume()
    const { ca } = scene.tls
    const socket = connectTls({ socket: tcp, ca, ALPNProtocols: ['h2'], servername: 'localhost' })
    scene.keep(socket).resume()
    await once(socket, 'secureConnect')
    socket.write(Buffer.concat([PREFACE, SETTINGS]))
    await eventually(() => expect(scene.figures.closed.idle).toBe(1))
    await eventually(() => expect(scene.figures.open).toBe(0))
  })

  it('is closed soon if its peer has reset as many streams as nghttp2 allows', async () => {
    await startSecure({})
    const session = openHttp2()
    const goaway = new Promise((resolve) => session.once('goaway', resolve))
    const openAndReset = (): void => {
      if (session.closed || session.destroyed) return
      const stream = openStream(session)
      stream.once('response', () => stream.close(constants.NGHTTP2_CANCEL))
      stream.once('close', openAndReset)
    }
    openAndReset()
    expect(await goaway).toBe(constants.NGHTTP2_INTERNAL_ERROR)
    await eventually(() => expect(scene.figures.open).toBe(0))
    expect(scene.figures.closed.idle).toBe(1)
  })

  it('is closed on HTTP/1.1 after its keep-alive time', async () => {
    await startPlain({ idleMs: 1000 })
    const socket = await openTcp()
    const said = once(socket, 'data')
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    expect(String((await said)[0])).toContain('Keep-Alive: timeout=1\r\n')
    await once(socket, 'close')
    await eventually(() => expect(scene.figures.open).toBe(0))
  })

  it('is closed on HTTP/1.1 over TLS', async () => {
    await startSecure({ idleMs: 150 })
    const socket = await openTls('http/1.1')
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await once(socket, 'close')
    await eventually(() => expect(scene.figures.open).toBe(0))
  })
})

describe('a connection with an open stream', () => {
  it('is kept on HTTP/2 while idle ones around it go', async () => {
    await startSecure({ idleMs: 300, handshakeMs: 400, requestMs: 50, pingMs: 20 })
    const stream = openStream(openHttp2())
    await once(stream, 'data')
    await idleConnectionGone()
    await idleConnectionGone()
    const said = once(stream, 'data')
    openResponse().write('data:still here\n\n')
    expect(String((await said)[0])).toBe('data:still here\n\n')
    expect(scene.figures.closed).toEqual({ ...createConnectionFigures().closed, handshake: 2 })
  })

  it.each(['plain', 'over TLS'])('is kept on HTTP/1.1 %s', async (kind) => {
    const limits = { idleMs: 300, handshakeMs: 400, requestMs: 50 }
    await (kind === 'plain' ? startPlain(limits) : startSecure(limits))
    const socket = await (kind === 'plain' ? openTcp() : openTls('http/1.1'))
    socket.write('GET /stream HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await eventually(() => expect(streams).toHaveLength(1))
    await idleConnectionGone()
    await idleConnectionGone()
    const said = once(socket, 'data')
    openResponse().write('data:still here\n\n')
    expect(String((await said)[0])).toContain('data:still here')
    expect(socket.destroyed).toBe(false)
  })

  it('is closed on HTTP/2 only when the last of its streams is over', async () => {
    await startSecure({ idleMs: 300, handshakeMs: 400 })
    const session = openHttp2()
    const [first, second] = [openStream(session), openStream(session)]
    for (const stream of [first, second]) stream.resume()
    await eventually(() => expect(streams).toHaveLength(2))
    first.close()
    await idleConnectionGone()
    expect(session.closed).toBe(false)
    second.close()
    await once(session, 'close')
    expect(scene.figures.closed.idle).toBe(1)
  })

  it('is destroyed when its peer answers no ping', async () => {
    await startSecure({ pingMs: 50, silentMs: 150 })
    const socket = await openRawStream()
    await Promise.all([once(socket, 'close'), once(openResponse(), 'close')])
    expect(scene.figures.closed.silent).toBe(1)
  })

  it('is kept while its peer sends anything, even only window updates', async () => {
    await startSecure({ pingMs: 20, silentMs: 600, handshakeMs: 1300 })
    const socket = await openRawStream()
    const window = frame(8, 0, 0, Buffer.from([0, 0, 0, 1]))
    const beat = setInterval(() => socket.write(window), 50)
    await idleConnectionGone()
    clearInterval(beat)
    expect(scene.figures.closed).toMatchObject({ handshake: 1, silent: 0 })
    await once(socket, 'close')
    expect(scene.figures.closed.silent).toBe(1)
  })

  it('is kept when its peer answers pings', async () => {
    await startSecure({ pingMs: 20, silentMs: 600, handshakeMs: 1300 })
    const session = openHttp2()
    let pings = 0
    session.on('ping', () => pings++)
    await once(openStream(session), 'data')
    await idleConnectionGone()
    expect(session.destroyed).toBe(false)
    expect(pings).toBeGreaterThan(1)
    expect(scene.figures.closed.silent).toBe(0)
  })
})

describe('a request that is not answered', () => {
  it('is cancelled on HTTP/2, and its connection serves others', async () => {
    await startSecure({ requestMs: 100 })
    const session = openHttp2()
    const stuck = openStream(session, '/stuck')
    await once(stuck, 'close')
    expect(stuck.rstCode).toBe(constants.NGHTTP2_CANCEL)
    const next = openStream(session, '/')
    const [headers] = await once(next, 'response')
    expect(headers[':status']).toBe(200)
    expect(scene.figures.closed.unanswered).toBe(1)
  })

  it('is cut off on HTTP/1.1', async () => {
    await startPlain({ requestMs: 100 })
    const socket = await openTcp()
    socket.write('GET /stuck HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await once(socket, 'close')
    expect(scene.figures.closed.unanswered).toBe(1)
  })
})

describe('the guard', () => {
  it('limits the streams of one HTTP/2 connection', async () => {
    await startSecure({ requestsUnprovenMax: 7 })
    const session = openHttp2()
    const [settings] = await once(session, 'remoteSettings')
    expect(settings.maxConcurrentStreams).toBe(7)
  })

  it('closes a silent connection within 90 s, by its defaults', () => {
    const { handshakeMs, idleMs, requestMs, pingMs, silentMs, closeMs, sweepMs } = GUARD_DEFAULTS
    for (const untilMs of [handshakeMs, idleMs + closeMs, requestMs, pingMs + silentMs])
      expect(untilMs + 2 * sweepMs).toBeLessThanOrEqual(90_000)
  })

  it('refuses limits that are none', () => {
    for (const idleMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => guardConnections(createServer(), { idleMs })).toThrow('idleMs is not a positive number')
    const misspelt = { idleMS: 5_000 } as object // hosts write JavaScript, too
    expect(() => guardConnections(createServer(), misspelt)).toThrow('guardConnections has no limit idleMS')
  })

  it.each([undefined, null, {}, 7443])('refuses what is no server: %j', (server) => {
    expect(() => guardConnections(server as never)).toThrow('guardConnections takes a server of Node')
  })

  it('closes every connection when it is disposed of, idle ones first', async () => {
    await startSecure({})
    const idle = [await openTcp(), await openTls('h2'), await openTls('http/1.1')]
    const session = openHttp2()
    const stream = openStream(session)
    await once(stream, 'data')
    expect(scene.figures.open).toBe(4)
    const closed = [...idle, session].map((connection) => once(connection, 'close'))
    scene.stop()
    await Promise.all(closed)
    expect(stream.destroyed).toBe(true)
    await eventually(() => expect(scene.figures.open).toBe(0))
  })

  it('lets a stream that is about to end do so when it is disposed of', async () => {
    await startSecure({})
    const stream = openStream(openHttp2())
    await once(stream, 'data')
    scene.stop()
    openResponse().end('data:last\n\n')
    stream.setEncoding('utf8')
    expect((await once(stream, 'data'))[0]).toBe('data:last\n\n')
    await once(stream, 'close')
    expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR)
  })

  it('leaves nothing behind on the server when it is disposed of', () => {
    const bare = createServer()
    const listeners = () => new Map(bare.eventNames().map((name) => [name, bare.rawListeners(name)]))
    const before = listeners()
    const stop = guardConnections(bare)
    expect(bare.listenerCount('session')).toBe(1)
    stop()
    expect(listeners()).toEqual(before)
  })

  it('counts connections that are open', async () => {
    await startPlain({})
    const [first] = [await openTcp(), await openTcp()]
    await eventually(() => expect(scene.figures.open).toBe(2))
    first.destroy()
    await eventually(() => expect(scene.figures.open).toBe(1))
  })
})

function openResponse(): ServerResponse {
  const [response] = streams
  if (response === undefined) throw new Error('no stream is open')
  return response
}

it('a port that closes answers the first request of a connection that has just come', async () => {
  const connections = createConnectionFigures()
  const at = { host: '127.0.0.1', port: 0, tls: null, connections }
  const listener: Listener = await listen(answer, at)
  const socket = connectTcp(listener.port, '127.0.0.1')
  let said = ''
  socket.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  const gone = once(socket, 'close')
  await eventually(() => expect(connections.open).toBe(1))
  const closed = listener.close()
  await eventually(() => expect(refusedAt(listener.port)).resolves.toBe(true))
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await Promise.all([closed, gone])
  expect(said).toMatch(/^HTTP\/1\.1 200 OK/)
})

function refusedAt(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(false)
    }).on('error', () => resolve(true))
  })
}
