// The stream’s path over HTTP: what a GET, a POST and every other request get.

import { randomBytes } from 'node:crypto'
import { connect } from 'node:http2'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import cors from '@fastify/cors'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { deafPeer } from '../support/deaf-peer.ts'
import { HttpScene, respond, type SceneOptions } from '../support/http-scene.ts'
import { nowSeconds } from '../support/keys-and-tokens.ts'
import { until } from '../support/time.ts'
import { TopicInMemory } from '../support/topic-in-memory.ts'

const CHALLENGE_RESPONSE = 'application/x-challenge-response'
/** Wider than all that a test sends: then nothing but the connection holds the server up. */
const WIDE_WINDOW = 64 * 1024 * 1024
let scene: HttpScene

async function open(options: SceneOptions = {}): Promise<HttpScene> {
  scene = await HttpScene.open(options)
  return scene
}

afterEach(() => scene.close())

/** How late a thing came, less what other processes of a busy machine held this one up in the meantime. */
function lateness(dueAtMs: number): () => number {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  return () => Date.now() - dueAtMs - delay.max / 1e6
}

/** One moment for the token and for the test, between which a second may pass. It has one to two seconds to live. */
function shortToken(): { token: string; expiresAtMs: number } {
  const exp = nowSeconds() + 2
  return { token: scene.token(2, { exp }), expiresAtMs: exp * 1000 }
}

describe('GET of a stream', () => {
  it('answers with exactly the headers that clients compare, before there is anything to say', async () => {
    await open()
    const { status, headers, reader } = await scene.get()
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('text/event-stream')
    expect(headers['cache-control']).toBe('no-cache, no-transform')
    expect(headers['x-accel-buffering']).toBe('no')
    await until(() => reader.comments.includes('ready'))
    expect(reader.retryMs).toBeGreaterThanOrEqual(1000)
  })

  it('takes the token from the query, and leaves it out of every line of the log', async () => {
    await open()
    const token = scene.token()
    scene.topic.produce('one')
    const { reader } = await respond(scene.connect(), { ':path': `/events?access_token=${token}` })
    await until(() => reader.records.length === 1)
    await respond(scene.connect(), { ':path': `/nothing?access_token=${token}` })
    expect(scene.lines.join('')).toContain('/nothing')
    expect(scene.lines.join('')).not.toContain(token.split('.')[2])
  })

  it('is cancelled, logged once and holds no place if it cannot be opened', async () => {
    await open()
    const opening = vi.spyOn(scene.app.kafkaSseStreams, 'open').mockImplementation(() => {
      throw new Error('no stream today')
    })
    const { ended } = await scene.get()
    await ended
    const errors = () => scene.lines.map((line) => JSON.parse(line)).filter(({ level }) => level >= 50)
    await until(() => errors().length > 0)
    expect(errors().map(({ msg }) => msg)).toEqual(['a stream could not be opened'])
    opening.mockRestore()
    const next = await scene.get()
    await until(() => next.reader.comments.includes('ready'))
  })

  it('is the same over HTTP/2 and HTTP/1.1, with and without TLS', async () => {
    for (const isTls of [true, false]) {
      await open({ isTls })
      scene.topic.produce('one', 'a')
      scene.topic.produce(null, 'a')
      const http1 = await scene.getHttp1()
      expect(http1.response.headers['content-type']).toBe('text/event-stream')
      await until(() => http1.reader.comments.includes('ready'))
      scene.topic.produce('two', 'b')
      await until(() => http1.reader.events.length === 2)
      expect(http1.reader.events).toEqual([
        { id: 'AQIABA==', event: 'delete', data: 'YQ==' },
        { id: 'AQIABg==', event: undefined, data: 'two' },
      ])
      if (isTls) {
        const http2 = await scene.get()
        await until(() => http2.reader.events.length === 2)
        expect(http2.reader.events).toEqual(http1.reader.events)
      }
      if (isTls) await scene.close()
    }
  })

  it('resumes by header, by query, and by header before query', async () => {
    await open()
    for (const value of ['one', 'two', 'three']) scene.topic.produce(value)
    for (const [path, headers, expected] of [
      ['/events', { 'last-event-id': 'AQIABA==' }, ['three']],
      ['/events?lastEventId=AQIABA==', {}, ['three']],
      ['/events?last_event_id=AQIABA%3D%3D', {}, ['three']],
      ['/events?lastEventId=AQIAAA==', { 'last-event-id': 'AQIABA==' }, ['three']],
      ['/events', { 'last-event-id': '' }, ['one', 'two', 'three']],
      ['/events?lastEventId=', {}, ['one', 'two', 'three']],
    ] as const) {
      const { reader } = await scene.get(path, headers)
      await until(() => reader.comments.includes('ready'))
      expect(reader.records).toEqual(expected)
    }
  })

  it.each([
    ['garbage', 'garbage', 'undecodable'],
    ['only padding', '====', 'undecodable'],
    ['12 KB', 'A'.repeat(12_000), 'undecodable'],
    [
      'a count of 10^9',
      Buffer.from([1, 0x80, 0xa8, 0xd6, 0xb9, 7, 0, 2]).toString('base64url'),
      'undecodable',
    ],
    ['an offset of 2^63', 'AQIA_v__________Aw==', 'beyond-end'],
    ['an offset beyond the end', 'AQIA0A8=', 'beyond-end'],
  ])('opens from the beginning with a :gap for an id that is %s', async (_, id, reason) => {
    await open()
    scene.topic.produce('one')
    scene.topic.answer({ 0: { start: 0, end: 1 } })
    for (const { reader } of [
      await scene.get('/events', { 'last-event-id': id }),
      await scene.getHttp1('/events', { 'last-event-id': id }),
    ]) {
      await until(() => reader.comments.includes('ready'))
      expect(reader.comments).toEqual([`gap ${reason}`, 'ready'])
      expect(reader.records).toEqual(['one'])
    }
  })

  it('takes an id of 20 KB for what it is, and refuses one of 70 KB as the header that it is', async () => {
    for (const isTls of [true, false]) {
      await open({ isTls })
      const http1 = await scene.getHttp1('/events', { 'last-event-id': 'A'.repeat(20_000) })
      await until(() => http1.reader.comments.includes('gap undecodable'))
      // Node answers and cuts the connection while the client still sends: it may miss the answer.
      const refused = scene.getHttp1('/events', { 'last-event-id': 'A'.repeat(70_000) })
      expect([431, 'cut']).toContain(
        await refused.then(
          ({ response }) => response.statusCode,
          () => 'cut',
        ),
      )
      if (isTls) {
        const http2 = await scene.get('/events', { 'last-event-id': 'A'.repeat(20_000) })
        await until(() => http2.reader.comments.includes('gap undecodable'))
        await scene.close()
      }
    }
  })

  it('carries any value whole to any parser', async () => {
    await open()
    const values: [string | Buffer, string][] = [
      ['a\rb\nc\r\nd', 'a\nb\nc\nd'],
      ['\n', '\n'],
      ['trailing\n', 'trailing\n'],
      [' leading', ' leading'],
      ['  two\n  and two', '  two\n  and two'],
      ['', ''],
      ['with \0 in it', 'with \0 in it'],
      ['id:forged\nevent:forged\ndata:forged\n\nretry:1', 'id:forged\nevent:forged\ndata:forged\n\nretry:1'],
      [Buffer.from([0x61, 0xff, 0xfe, 0x62]), 'a\ufffd\ufffdb'],
      ['\ufeffbom', '\ufeffbom'],
      ['x'.repeat(1024 * 1024), 'x'.repeat(1024 * 1024)],
      [randomBytes(6 * 1024 * 1024).toString('hex'), ''],
    ]
    for (const [value] of values) scene.topic.produce(value)
    const { reader } = await scene.get()
    await until(() => reader.events.length === values.length)
    expect(reader.events.every(({ event }) => event === undefined)).toBe(true)
    expect(reader.records.slice(0, -1)).toEqual(values.slice(0, -1).map(([, read]) => read))
    expect(reader.records.at(-1)).toBe(values.at(-1)?.[0])
    expect(new Set(reader.events.map(({ id }) => id)).size).toBe(values.length)
  })

  it('skips a record over 16 MiB, says so, and goes on', async () => {
    await open()
    const { reader } = await scene.get()
    scene.topic.produce('before')
    scene.topic.produce('x'.repeat(16 * 1024 * 1024))
    scene.topic.produce('after')
    await until(() => reader.records.length === 2)
    expect(reader.records).toEqual(['before', 'after'])
    expect(reader.comments).toContain('gap too-large')
    expect(scene.topic.bus.recordsTooLarge).toBe(1)
    expect(scene.app.kafkaSseStreams.figures.gaps).toMatchObject({ 'too-large': 1 })
  })

  it('reports a record over 16 MiB as an event with its id to a stream with signals, live and later', async () => {
    await open()
    const live = await scene.get('/events?signals=1')
    await until(() => live.reader.events.some(({ event }) => event === 'ready'))
    for (const value of ['before', ':gap too-large', 'x'.repeat(16 * 1024 * 1024), 'after'])
      scene.topic.produce(value)
    await until(() => live.reader.events.some(({ data }) => data === 'after'))
    const later = await scene.get('/events?signals=1')
    const plain = await scene.get('/events')
    await until(() =>
      [later, plain].every(({ reader }) => reader.events.some(({ data }) => data === 'after')),
    )
    const gap = { event: 'gap', data: '{"reason":"too-large"}' }
    const told = [{ data: 'before' }, { data: ':gap too-large' }, gap, { data: 'after' }]
    const [liveEvents, laterEvents] = [live, later].map(({ reader }) =>
      reader.events.filter(({ event }) => event !== 'ready' && event !== 'ping'),
    )
    expect(liveEvents).toMatchObject(told)
    expect(laterEvents).toEqual(liveEvents)
    expect(new Set(liveEvents?.map(({ id }) => id)).size).toBe(4)
    expect(plain.reader.records).toEqual(['before', ':gap too-large', 'after'])
  })

  it('ends cleanly at exp, over HTTP/2 and HTTP/1.1', async () => {
    await open()
    const { token, expiresAtMs } = shortToken()
    const authorization = `Bearer ${token}`
    const late = lateness(expiresAtMs)
    const [http2, http1] = await Promise.all([
      scene.get('/events', { authorization }),
      scene.getHttp1('/events', { authorization }),
    ])
    expect(await http2.ended).toBe(0)
    expect(await http1.ended).toBe(true)
    expect(late()).toBeLessThan(500)
    for (const { reader } of [http2, http1]) {
      expect(reader.events.map(({ event }) => event)).toEqual(['challenge'])
      expect(reader.comments.at(-1)).toBe('end expired')
    }
  })

  it('cuts a reader that stopped, at exp', async () => {
    await open()
    for (let i = 0; i < 300; i++) scene.topic.produce('x'.repeat(100_000))
    const { token, expiresAtMs } = shortToken()
    const { stream, ended } = await scene.get('/events', { authorization: `Bearer ${token}` })
    stream.pause()
    const late = lateness(expiresAtMs)
    await vi.waitUntil(() => scene.app.kafkaSseStreams.figures.streamsEnded.expired === 1, { timeout: 4000 })
    expect(late()).toBeLessThan(500)
    stream.resume()
    expect(await ended).toBe(8)
  })

  it('ends at exp on a connection that takes no byte, not even a reset', async () => {
    await open()
    for (let i = 0; i < 300; i++) scene.topic.produce('x'.repeat(100_000))
    const { token, expiresAtMs } = shortToken()
    const peer = await deafPeer(scene.port)
    const settings = { initialWindowSize: WIDE_WINDOW }
    const session = connect(`https://localhost:${peer.port}`, { ca: scene.ca ?? '', settings })
    session.once('connect', () => session.setLocalWindowSize(WIDE_WINDOW))
    const stream = session.request({ ':path': `/events?access_token=${token}` })
    for (const emitter of [session, stream]) emitter.on('error', () => session.destroy())
    const late = lateness(expiresAtMs)
    await vi.waitUntil(() => scene.app.kafkaSseStreams.figures.streamsEnded.expired === 1, { timeout: 4000 })
    expect(late()).toBeLessThan(500)
    expect(scene.app.kafkaSseStreams.figures.streamsOpen).toBe(0)
    session.destroy()
    peer.close()
  })

  it('ends a client that never reads as slow, and delays no other', async () => {
    await open({ sse: { stalledSeconds: 0.5 } })
    const { stream, ended } = await scene.get()
    stream.pause()
    for (let i = 0; i < 200; i++) scene.topic.produce('x'.repeat(100_000))
    // A write of 128 KiB, the largest, has a second more for each 16 KiB.
    await vi.waitUntil(() => scene.app.kafkaSseStreams.figures.streamsEnded.slow === 1, { timeout: 20_000 })
    expect(await ended).toBe(8)
    expect(scene.topic.bus.segments.reduce((count, segment) => count + segment.holdCount, 0)).toBe(0)
  })

  it('is over when its client resets it without an error, even with bytes under way', async () => {
    await open()
    for (let count = 0; count < 100; count++) {
      const { stream } = await scene.get()
      scene.topic.produce('x')
      stream.close()
      for (let turn = 0; turn < count % 5; turn++) await new Promise(setImmediate)
      scene.topic.produce('y')
    }
    // Sooner than a heartbeat, to which a client would answer that there is no such stream.
    await vi.waitFor(() => expect(scene.app.kafkaSseStreams.figures.streamsOpen).toBe(0), { timeout: 2_000 })
  })
})

describe('POST of a stream', () => {
  it('renews every stream of the subject, on other connections and by HTTP/1.1, too', async () => {
    await open({ sse: { challengeSeconds: 2 } })
    const authorization = `Bearer ${scene.token(3)}`
    const [http2, http1] = await Promise.all([
      scene.get('/events', { authorization }),
      scene.getHttp1('/events', { authorization }),
    ])
    await vi.waitUntil(() => [http2, http1].every(({ reader }) => reader.events.length === 1), {
      timeout: 3000,
    })
    expect(http2.reader.events[0]).toEqual({
      id: undefined,
      event: 'challenge',
      data: '{"method":"POST","headers":{"content-type":"application/x-challenge-response"}}',
    })
    const answer = await scene.post({ authorization: `Bearer ${scene.token(5)}` })
    expect(answer.status).toBe(204)
    expect(await answer.ended).toBe(0)
    await vi.waitUntil(() => [http2, http1].every(({ reader }) => reader.events.length === 2), {
      timeout: 5000,
    })
    expect(scene.app.kafkaSseStreams.figures.streamsOpen).toBe(2)
    expect(await http2.ended).toBe(0)
  })

  it('renews a stream whose path was escaped needlessly', async () => {
    await open()
    const stream = await scene.get('/%65vents')
    expect(stream.status).toBe(200)
    expect((await scene.post({ authorization: `Bearer ${scene.token(60)}` })).status).toBe(204)
  })

  it('takes the path to end where the router does, also before what cannot be decoded', async () => {
    await open()
    const stream = await scene.get('/events#%zz')
    expect(stream.status).toBe(200)
    expect((await scene.post({ authorization: `Bearer ${scene.token(60)}` })).status).toBe(204)
  })

  it('renews a stream without a subject only by the token that it was opened with', async () => {
    await open()
    const old = scene.token(60, { sub: undefined })
    const fresh = { authorization: `Bearer ${scene.token(90, { sub: undefined })}` }
    await scene.get('/events', { authorization: `Bearer ${old}` })
    expect((await scene.post(fresh)).status).toBe(404)
    expect((await scene.post(fresh, '', `/events?access_token=${old}`)).status).toBe(204)
  })

  it.each([
    ['no token', {}, '', 401, 'FKS_TOKEN_MISSING'],
    ['another content type', { 'content-type': 'application/json' }, '', 415, 'FKS_MEDIA_TYPE_UNSUPPORTED'],
    ['no content type', { 'content-type': undefined }, '', 415, 'FKS_MEDIA_TYPE_UNSUPPORTED'],
    ['a body', {}, 'x', 413, 'FKS_BODY_NOT_EMPTY'],
    ['a body of 5 MB', {}, 'x'.repeat(5_000_000), 413, 'FKS_BODY_NOT_EMPTY'],
    ['no open stream', {}, '', 404, 'FKS_NO_STREAM'],
  ])('with %s is answered as the contract says', async (what, headers, body, status, code) => {
    await open()
    const authorization = what === 'no token' ? {} : { authorization: `Bearer ${scene.token()}` }
    const answer = await scene.post({ ...authorization, ...headers }, body)
    expect(answer.status).toBe(status)
    await until(() => answer.text().endsWith('}'))
    expect(JSON.parse(answer.text())).toMatchObject({ statusCode: status, code })
  })

  it('ignores parameters of the content type', async () => {
    await open()
    await scene.get()
    const headers = {
      'content-type': `${CHALLENGE_RESPONSE}; charset=utf-8`,
      authorization: `bearer ${scene.token()}`,
    }
    expect((await scene.post(headers)).status).toBe(204)
  })
})

describe('everything else', () => {
  it.each(['HEAD', 'PUT', 'DELETE', 'PATCH', 'TRACE'])(
    '%s is 405 with Allow, with any token',
    async (method) => {
      await open()
      const { status, headers } = await respond(scene.connect(), { ':path': '/events', ':method': method })
      expect(status).toBe(405)
      expect(headers.allow).toBe('GET, POST, OPTIONS')
    },
  )

  it.each(['PROPFIND', 'QUERY', 'get', 'ANYTHING'])(
    '%s is a method that nothing here knows',
    async (method) => {
      await open()
      const { status } = await respond(scene.connect(), { ':path': '/events', ':method': method })
      expect([400, 404]).toContain(status)
    },
  )

  it.each([
    ['application/json', 406],
    ['text/event-stream;q=0', 406],
    ['*/*;q=0', 406],
    ['text/html, */*', 200],
    ['text/*', 200],
    ['TEXT/Event-Stream; charset=utf-8', 200],
    [undefined, 200],
  ])('Accept: %s is answered %d', async (accept, status) => {
    await open()
    expect((await scene.get('/events', accept === undefined ? {} : { accept })).status).toBe(status)
  })

  it('refuses a from that makes no sense, after the token and Accept', async () => {
    await open()
    expect((await scene.get('/events?from=tomorrow')).status).toBe(400)
    expect((await scene.get('/events?from=tomorrow', { accept: 'text/html' })).status).toBe(406)
    expect((await respond(scene.connect(), { ':path': '/events?from=tomorrow' })).status).toBe(401)
    const { reader } = await scene.get('/events?from=latest')
    expect(reader.records).toEqual([])
  })

  it('at a limit answers 429 with Retry-After, or a stream that ends if Accept names event streams', async () => {
    await open({ sse: { streamsMax: 1 } })
    await scene.get()
    const plain = await scene.get('/events', { accept: '*/*' })
    expect(plain.status).toBe(429)
    expect(Number(plain.headers['retry-after'])).toBeGreaterThanOrEqual(5)
    const named = await scene.get('/events', { accept: 'text/event-stream' })
    expect(named.status).toBe(200)
    expect(await named.ended).toBe(0)
    expect(named.text()).toMatch(/^retry:\d{4,5}\n\n:end busy\n\n$/)
  })

  it('counts what it refuses, by code', async () => {
    await open()
    await respond(scene.connect(), { ':path': '/events' })
    await respond(scene.connect(), { ':path': '/events', ':method': 'PUT' })
    await until(() => scene.app.kafkaSseStreams.figures.refusals.FKS_METHOD_NOT_ALLOWED === 1)
    expect(scene.app.kafkaSseStreams.figures.refusals).toEqual({
      FKS_TOKEN_MISSING: 1,
      FKS_METHOD_NOT_ALLOWED: 1,
    })
  })

  it('counts the streams of one subject', async () => {
    await open({ sse: { streamsPerSubjectMax: 1 } })
    await scene.get()
    expect((await scene.get()).status).toBe(429)
    const authorization = `Bearer ${scene.token(60, { sub: 'another' })}`
    expect((await scene.get('/events', { authorization })).status).toBe(200)
  })

  it('answers a preflight without a token, and carries CORS headers on errors and streams', async () => {
    const host = async (app: HttpScene['app']) => {
      await app.register(cors, {
        origin: '*',
        allowedHeaders: ['authorization', 'last-event-id', 'content-type'],
      })
    }
    await open({ host })
    const preflight = {
      ':path': '/events',
      origin: 'https://app.example.com',
      'access-control-request-method': 'GET',
    }
    const options = await respond(scene.connect(), { ...preflight, ':method': 'OPTIONS' })
    expect(options.status).toBe(204)
    expect(options.headers['access-control-allow-headers']).toContain('authorization')
    const refused = await respond(scene.connect(), { ':path': '/events', origin: 'https://app.example.com' })
    expect(refused.status).toBe(401)
    expect(refused.headers['access-control-allow-origin']).toBe('*')
    expect((await scene.get()).headers['access-control-allow-origin']).toBe('*')
  })

  it('close() returns within 2 s with 1,000 streams open, each told', async () => {
    await open()
    const sessions = Array.from({ length: 10 }, () => scene.connect())
    const authorization = `Bearer ${scene.token()}`
    const streams = await Promise.all(
      sessions.flatMap((session) =>
        Array.from({ length: 100 }, () => scene.get('/events', { authorization }, session)),
      ),
    )
    const before = Date.now()
    await scene.app.close()
    expect(Date.now() - before).toBeLessThan(2000)
    await Promise.all(streams.map(({ ended }) => ended))
    for (const { reader } of streams) expect(reader.comments.at(-1)).toBe('end shutdown')
  })

  it('does nothing for a client that has left by the time its token is checked', async () => {
    await open()
    const session = scene.connect()
    for (let i = 0; i < 50; i++) {
      const stream = session.request({ ':path': '/events', authorization: `Bearer ${scene.token()}` })
      stream.on('error', () => stream.destroy())
      stream.close(8)
    }
    await scene.get('/events', {}, session)
    expect(scene.app.kafkaSseStreams.figures.streamsOpen).toBe(1)
  })

  it('waits until its topic has caught up', async () => {
    const topic = new TopicInMemory()
    topic.bus.caughtUp = false
    await open({ topic, sse: { heartbeatSeconds: 0.2 } })
    const { reader } = await scene.get()
    await until(() => reader.comments.includes(''))
    topic.produce('one')
    topic.bus.markCaughtUp()
    await until(() => reader.records.length === 1)
  })
})
