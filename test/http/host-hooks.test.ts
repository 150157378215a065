// What a host’s hooks do to a stream’s answer, over every transport: a stream that opens with what they set, or a clear
// error.

import { once } from 'node:events'
import type { IncomingMessage, RequestListener } from 'node:http'
import { request as plainRequest } from 'node:http'
import { connect, createServer } from 'node:http2'
import { request as secureRequest } from 'node:https'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import { PassThrough, pipeline, type Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { listen } from '../../src/http/listener.ts'
import { HttpScene, type SceneOptions } from '../support/http-scene.ts'
import { forThisTest } from '../support/scene.ts'
import { eventually, until } from '../support/time.ts'

/** One answer, as far as it has come. */
interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | number | undefined>
  text(): string
}

type Get = (headers?: Record<string, string>) => Promise<Answer>

const TRANSPORTS = ['HTTP/1.1', 'HTTP/1.1 over TLS', 'HTTP/2 over TLS', 'HTTP/2 without TLS'] as const
const WAIT_MS = 5_000

/** How to get the stream over each transport. */
async function open(options: SceneOptions = {}): Promise<{ scene: HttpScene; gets: Map<string, Get> }> {
  const scene = await forThisTest(HttpScene.open(options))
  const handler = scene.app.routing as RequestListener
  const plain = await listen(handler, { host: '127.0.0.1', port: 0, tls: null })
  onTestFinished(() => plain.close())
  // Node types the requests of HTTP/2 apart; Fastify takes either.
  const cleartext = createServer(handler as unknown as Parameters<typeof createServer>[1])
  await new Promise<void>((resolve) => cleartext.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise((resolve) => cleartext.close(() => resolve())))
  const { port } = cleartext.address() as AddressInfo // a TCP server's address is never a path
  const gets = [
    getHttp1(scene, plain.port, null),
    getHttp1(scene, scene.port, scene.ca),
    getHttp2(scene, `https://localhost:${scene.port}`),
    getHttp2(scene, `http://127.0.0.1:${port}`),
  ]
  return { scene, gets: new Map(TRANSPORTS.map((name, i) => [name, gets[i] as Get])) }
}

function getHttp1(scene: HttpScene, port: number, ca: string | null): Get {
  return async (extra = {}) => {
    const headers = { authorization: `Bearer ${scene.token()}`, connection: 'keep-alive', ...extra }
    const options = { host: '127.0.0.1', port, path: '/events', headers, agent: false as const }
    const request =
      ca === null ? plainRequest(options) : secureRequest({ ...options, ca, servername: 'localhost' })
    onTestFinished(() => void request.destroy())
    request.end()
    const [response] = (await once(request, 'response', answeredSoon())) as [IncomingMessage]
    response.on('error', () => {}) // it is cut at the end of the test
    return { status: response.statusCode ?? 0, headers: response.headers, text: textOf(response) }
  }
}

function getHttp2(scene: HttpScene, origin: string): Get {
  return async (extra = {}) => {
    const session = connect(origin, scene.ca === null ? {} : { ca: scene.ca })
    session.on('error', () => {}) // it is cut at the end of the test
    onTestFinished(() => session.destroy())
    const authorization = `Bearer ${scene.token()}`
    const stream = session.request({ ':path': '/events', authorization, ...extra })
    const [headers] = await once(stream, 'response', answeredSoon())
    stream.on('error', () => {}) // so is this
    return { status: headers[':status'], headers, text: textOf(stream) }
  }
}

function answeredSoon(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(WAIT_MS) }
}

function textOf(from: NodeJS.ReadableStream): () => string {
  let text = ''
  from.on('data', (bytes: Buffer) => {
    text += bytes
  })
  return () => text
}

async function expectStream(answer: Answer): Promise<void> {
  expect(answer.status).toBe(200)
  expect(answer.headers['content-type']).toBe('text/event-stream')
  expect(answer.headers['content-length']).toBe(undefined)
  await vi.waitFor(() => expect(answer.text()).toMatch(/^retry:\d{4,5}\n\n[\s\S]*:ready\n\n/), WAIT_MS)
}

type Hook = 'onRequest' | 'preHandler' | 'onSend'

/** A host whose hook of this kind sets a header; the server's own header, by `raw`, where so asked. */
function setting(hook: Hook, name: string, value: unknown, isRaw = false) {
  return async (app: FastifyInstance) => {
    app.addHook(hook as 'preHandler', async (_request, reply) => {
      if (isRaw) reply.raw.setHeader(name, value as string)
      else reply.header(name, value)
    })
  }
}

describe.each(TRANSPORTS)('over %s', (transport) => {
  const get = async (host: NonNullable<SceneOptions['host']>) => {
    const { scene, gets } = await open({ host })
    return { scene, answer: await (gets.get(transport) as Get)() }
  }

  it.each([
    ['connection', 'close'],
    ['connection', 'keep-alive'],
    ['keep-alive', 'timeout=5'],
    ['proxy-connection', 'keep-alive'],
    ['transfer-encoding', 'chunked'],
    ['upgrade', 'h2c'],
    ['te', 'trailers'],
    ['te', 'gzip'],
    ['http2-settings', 'AAMAAABkAAQAAP__'],
    ['trailer', 'x-checksum'],
    ['content-length', '0'],
    ['content-length', 17],
    ['content-encoding', 'gzip'],
  ])('a stream opens where a hook sets %s: %s, without it', async (name, value) => {
    for (const hook of ['onRequest', 'onSend'] as const) {
      const { answer } = await get(setting(hook, name, value))
      await expectStream(answer)
      if (transport.startsWith('HTTP/2')) expect(answer.headers[name]).toBe(undefined)
      else if (name === 'connection') expect(answer.headers.connection).toBe(value) // Node's own, or asked for
    }
  })

  it('a stream opens even if middleware sets content-length by `raw`', async () => {
    const { answer } = await get(setting('onRequest', 'content-length', '0', true))
    await expectStream(answer)
  })

  it.each(['onRequest', 'preHandler', 'onSend'] as const)(
    'what %s sets goes along, cookies each by itself',
    async (hook) => {
      const { answer } = await get(async (app) => {
        await setting(hook, 'x-host', 'was here')(app)
        await setting(hook, 'set-cookie', ['a=1; Path=/', 'b=2'])(app)
        await setting(hook, 'vary', ['accept', 'origin'])(app)
        await setting(hook, 'content-type', 'text/plain')(app)
      })
      await expectStream(answer)
      expect(answer.headers).toMatchObject({ 'x-host': 'was here', vary: 'accept, origin' })
      expect(answer.headers['set-cookie']).toEqual(['a=1; Path=/', 'b=2'])
    },
  )

  it('headers of a late or slow onSend are sent, too', async () => {
    const { answer } = await get(async (app) => {
      app.addHook('onSend', async (_request, reply, payload) => {
        await wait(20)
        reply.header('x-late', 'yes')
        return payload
      })
    })
    await expectStream(answer)
    expect(answer.headers['x-late']).toBe('yes')
  })

  it.each([
    ['x-bad', 'a\nb'],
    ['x-bad', 'snow\u2603'],
    ['x bad', 'a'],
    [':status', '204'],
  ])('a header that cannot be sent (%j: %j) is a 500 and a line of the log', async (name, value) => {
    for (const hook of ['onRequest', 'onSend'] as const) {
      const { scene, answer } = await get(setting(hook, name, value))
      expect(answer.status).toBe(500)
      await eventually(() => expect(answer.text()).toContain('"statusCode":500'))
      const errors = scene.lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 50)
      expect(JSON.stringify(errors)).toContain(name)
      expect(scene.app.kafkaSseStreams.figures.streamsOpened).toBe(0)
      expect(await scene.app.kafkaSseStreams.refusal('127.0.0.1')).toBe(null)
    }
  })

  it.each([
    ['fails', async () => Promise.reject(new Error('no')), 500],
    ['answers something else', async () => 'closed for today', 200],
    [
      'reads the body',
      async (_: unknown, __: unknown, body: NodeJS.ReadableStream) => body.pipe(new PassThrough()),
      500,
    ],
  ])('an onSend that %s is answered, and leaves no place taken', async (_, hook, status) => {
    const { scene, gets } = await open({
      sse: { streamsMax: 1 },
      host: async (app) => void app.addHook('onSend', hook as never),
    })
    for (let i = 0; i < 3; i++) {
      const answer = await (gets.get(transport) as Get)()
      expect(answer.status).toBe(status)
      if (status === 200) await eventually(() => expect(answer.text()).toBe('closed for today'))
    }
    await eventually(async () => expect(await scene.app.kafkaSseStreams.refusal('127.0.0.1')).toBe(null))
    expect(scene.app.kafkaSseStreams.figures.streamsOpened).toBe(0)
  })

  it.each([
    ['destroys the body', (body: Readable) => body.destroy(new Error('told by the body'))],
    ['destroys the body without a word', (body: Readable) => body.destroy()],
    [
      'lets a pipeline of it fail',
      (body: Readable) => {
        const broken = new PassThrough()
        const piped = pipeline(body, broken, () => {})
        broken.destroy(new Error('no'))
        return piped
      },
    ],
  ])('an onSend that %s is answered 500 and logged, and ends no process', async (what, hook) => {
    const uncaught: unknown[] = []
    const note = (error: unknown) => void uncaught.push(error)
    process.prependListener('uncaughtException', note)
    onTestFinished(() => void process.off('uncaughtException', note))
    const { scene, answer } = await get(async (app) => {
      app.addHook('onSend', async (_request, _reply, payload) =>
        typeof payload === 'string' ? payload : hook(payload as Readable),
      )
    })
    expect(answer.status).toBe(500)
    const errors = scene.lines.filter((line) => JSON.parse(line).level === 50)
    expect(errors.join()).toContain(what === 'destroys the body' ? 'told by the body' : 'onSend')
    expect(scene.app.kafkaSseStreams.figures.streamsOpened).toBe(0)
    expect(uncaught).toEqual([])
  })

  it('hooks run as in the README: once each, and those after the answer when the stream is over', async () => {
    const ran: string[] = []
    const note = (name: string) => async () => void ran.push(name)
    const { scene, gets } = await open({
      host: async (app) => {
        for (const name of [
          'onRequest',
          'preParsing',
          'preValidation',
          'preHandler',
          'preSerialization',
          'onSend',
        ])
          app.addHook(name as 'preHandler', note(name))
        for (const name of ['onResponse', 'onError']) app.addHook(name as 'onResponse', note(name))
        app.addHook('onRequestAbort', async (_request) => void ran.push('onRequestAbort'))
      },
    })
    const before = ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'onSend']
    await expectStream(await (gets.get(transport) as Get)())
    expect(ran).toEqual(before)
    await scene.app.kafkaSseStreams.close()
    await eventually(() => expect(ran).toEqual([...before, 'onResponse']))
  })

  it.each([
    ['content-encoding', 'gzip'],
    ['content-length', '3'],
    ['transfer-encoding', 'chunked'],
    ['te', 'gzip'],
  ])(
    'an onSend that reads the body and sets %s: %s is answered with what every client can read',
    async (name, value) => {
      const { answer } = await get(async (app) => {
        app.addHook('onSend', async (_request, reply, payload) => {
          if (typeof payload === 'string') return payload
          reply.header(name, value)
          return (payload as NodeJS.ReadableStream).pipe(new PassThrough())
        })
      })
      expect(answer.status).toBe(500)
      await eventually(() => expect(JSON.parse(answer.text())).toMatchObject({ statusCode: 500 }))
      expect(answer.headers).toMatchObject({ 'content-type': expect.stringMatching(/^application\/json/) })
      for (const ofStream of ['content-encoding', 'cache-control', 'x-accel-buffering'])
        expect(answer.headers[ofStream]).toBe(undefined)
    },
  )

  it('an onSend that fails after one that sets a coding is answered without the coding', async () => {
    const { answer } = await get(async (app) => {
      await setting('onSend', 'x-host', 'was here')(app)
      app.addHook('onSend', async (_request, reply, payload) => {
        if (typeof payload !== 'string') reply.header('content-encoding', 'gzip')
      })
      app.addHook('onSend', async (_request, _reply, payload) => {
        if (typeof payload !== 'string') throw new Error('no')
      })
    })
    expect(answer.status).toBe(500)
    await eventually(() => expect(JSON.parse(answer.text())).toMatchObject({ message: 'no' }))
    expect(answer.headers).toMatchObject({ 'x-host': 'was here' })
    for (const ofStream of ['content-encoding', 'cache-control', 'x-accel-buffering'])
      expect(answer.headers[ofStream]).toBe(undefined)
  })

  it('a client that is turned away gets the headers of hooks, too', async () => {
    const { gets } = await open({ sse: { streamsMax: 1 }, host: setting('onSend', 'set-cookie', 'a=1') })
    const first = gets.get(transport) as Get
    await expectStream(await first())
    const answer = await first({ accept: 'text/event-stream' })
    expect(answer.status).toBe(200)
    expect(answer.headers['set-cookie']).toEqual(['a=1'])
    await eventually(() => expect(answer.text()).toMatch(/:end busy\n\n$/))
  })
})

describe('a client that leaves HTTP/1.1', () => {
  const REQUEST = 'GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n'

  it.each(['preHandler', 'authentication', 'onSend'])(
    'during %s is counted nowhere, and nothing fails',
    async (phase) => {
      let go = () => {}
      const gate = new Promise<void>((resolve) => {
        go = resolve
      })
      let waiting = 0
      let left = 0
      const waitDuring = async (here: string) => {
        if (here !== phase) return
        waiting++
        await gate
      }
      const { scene } = await open({
        isTls: false,
        sse: { streamsMax: 1 },
        auth: {
          authenticate: async () => {
            await waitDuring('authentication')
            return { subject: 'other', expiresAt: Date.now() + 60_000 }
          },
        },
        host: async (app) => {
          app.addHook('onRequest', async ({ raw }) => void raw.socket.once('close', () => left++))
          app.addHook('preHandler', () => waitDuring('preHandler'))
          app.addHook('onSend', async (_request, _reply, payload) => {
            await waitDuring('onSend')
            return payload
          })
        },
      })
      const socket = connectTcp(scene.port, '127.0.0.1')
      socket.write(REQUEST)
      await until(() => waiting === 1)
      socket.resetAndDestroy()
      await until(() => left === 1)
      go()
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
      const { figures } = scene.app.kafkaSseStreams
      expect([figures.streamsOpen, figures.streamsOpened, figures.streamsEnded.client]).toEqual([0, 0, 0])
      expect(scene.lines.join('')).not.toMatch(/ReferenceError|TypeError|"level":50/)
      expect(await scene.app.kafkaSseStreams.refusal('127.0.0.1')).toBe(null)
    },
  )
})
