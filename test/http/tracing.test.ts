// Spans: of connects, renewals and streams, in the process of a host, and sent by a server.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { propagation, SpanStatusCode, trace } from '@opentelemetry/api'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startExporter } from '../../src/tracing/exporter.ts'
import { CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { HttpScene } from '../support/http-scene.ts'
import { exampleClaims, makeKey, mintToken, nowSeconds } from '../support/keys-and-tokens.ts'
import { until } from '../support/time.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`

describe('in a host with a provider of spans', () => {
  const exporter = new InMemorySpanExporter()
  let scene: HttpScene

  beforeAll(() => {
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
    provider.register({ contextManager: null })
  })

  afterAll(() => {
    trace.disable()
    propagation.disable()
  })

  beforeEach(async () => {
    scene = await HttpScene.open()
    exporter.reset()
  })

  afterEach(() => scene.close())

  const spans = () =>
    exporter.getFinishedSpans().map((span) => {
      const { spanId: id, traceId } = span.spanContext()
      const { name, attributes, parentSpanContext } = span
      return { name, attributes, id, trace: traceId, parent: parentSpanContext?.spanId }
    })
  const named = (name: string) => spans().filter((span) => span.name === name)

  it('a connect is a span below that of the client, and ends when the stream is open', async () => {
    const { stream } = await scene.get('/events', { traceparent: TRACEPARENT, 'last-event-id': 'AQIAAA==' })
    const connect = await until(() => named('kafka-sse connect')[0])
    expect(connect).toMatchObject({ trace: TRACE, parent: PARENT })
    expect(connect?.attributes).toEqual({
      'http.request.method': 'GET',
      'http.route': '/events',
      'http.response.status_code': 200,
      'messaging.system': 'kafka',
      'messaging.destination.name': 'events',
      'kafka_sse.begins': 'id',
    })
    expect(named('kafka-sse stream')).toEqual([])
    stream.close()
  })

  it('a stream is a span below its connect, which is told when it is over', async () => {
    const { stream, reader } = await scene.get('/events', { traceparent: TRACEPARENT })
    scene.topic.produce('one')
    await until(() => reader.records.length === 1)
    stream.close()
    const span = await until(() => named('kafka-sse stream')[0])
    expect(span).toMatchObject({ trace: TRACE, parent: named('kafka-sse connect')[0]?.id })
    expect(span?.attributes).toMatchObject({
      'kafka_sse.reason': 'client',
      'kafka_sse.records': 1,
      'kafka_sse.begins': 'earliest',
    })
  })

  it('a renewal is a span with the number of streams that were renewed', async () => {
    await scene.get()
    const { status } = await scene.post({ authorization: `Bearer ${scene.token(600)}` })
    expect(status).toBe(204)
    const span = await until(() => named('kafka-sse renewal')[0])
    expect(span?.attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/events',
      'http.response.status_code': 204,
      'kafka_sse.renewed': 1,
    })
  })

  it('a refusal has its code, and is no error of the server', async () => {
    expect((await scene.get('/events', { authorization: 'Bearer none' })).status).toBe(401)
    await until(() => spans().length === 1)
    expect(spans()[0]?.attributes).toMatchObject({
      'error.type': 'FKS_TOKEN_INVALID',
      'http.response.status_code': 401,
    })
    expect(exporter.getFinishedSpans()[0]?.status.code).toBe(SpanStatusCode.UNSET)
  })

  it('no span has anything of a token, of its claims or of what else a client sends', async () => {
    const token = scene.token(60, { sub: 'alice' })
    const { stream } = await scene.get(`/events?access_token=${token}&from=latest`, { 'user-agent': 'mine' })
    stream.close()
    await until(() => spans().length === 2)
    const text = JSON.stringify(
      exporter.getFinishedSpans().map(({ attributes, events, links }) => ({ attributes, events, links })),
    )
    expect(text).toContain('latest')
    for (const secret of [token, scene.token(60), 'alice', 'mine']) expect(text).not.toContain(secret)
  })
})

describe('a server', () => {
  const key = makeKey('ES256')
  let scene: CommandScene
  let collector: Server
  const sent: { type: string | undefined; body: Buffer }[] = []

  beforeAll(async () => {
    collector = createServer(async (request, response) => {
      const parts: Buffer[] = []
      for await (const part of request) parts.push(part)
      sent.push({ type: request.headers['content-type'], body: Buffer.concat(parts) })
      response.end()
    }).listen(0, '127.0.0.1')
    await once(collector, 'listening')
  })

  beforeEach(() => {
    sent.length = 0
    scene = CommandScene.open({ 'public.pem': key.publicPem })
  })

  afterEach(() => scene.close())

  afterAll(() => {
    collector.close()
  })

  const endpoint = () => `http://127.0.0.1:${(collector.address() as AddressInfo).port}` // it listens at a port

  it.each([1, 2])(
    'sends its spans by OTLP, those of ends before it exits, with %i workers',
    async (workers) => {
      const server = scene.start(['serve'], {
        ...SERVE_SETTINGS,
        LOG_LEVEL: 'info',
        WORKERS: String(workers),
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint(),
        OTEL_SERVICE_NAME: 'of-a-test',
      })
      const { port } = await server.listening()
      const token = mintToken(key, { claims: { ...exampleClaims(), exp: nowSeconds() + 60 } })
      const headers = { authorization: `Bearer ${token}`, traceparent: TRACEPARENT }
      const { status } = await fetch(`http://127.0.0.1:${port}/events`, { headers })
      expect(status).toBe(200)
      expect(await server.end('SIGTERM')).toBe(0)
      const body = Buffer.concat(sent.map((each) => each.body))
      expect(new Set(sent.map(({ type }) => type))).toEqual(new Set(['application/x-protobuf']))
      for (const part of ['of-a-test', 'kafka-sse connect', 'kafka-sse stream', 'shutdown'])
        expect(body.includes(part)).toBe(true)
      expect(body.includes(Buffer.from(TRACE, 'hex'))).toBe(true)
      expect(body.includes(token)).toBe(false)
    },
  )

  it('says once that spans cannot be sent, and ends in time all the same', async () => {
    const server = scene.start(['serve'], {
      ...SERVE_SETTINGS,
      LOG_LEVEL: 'info',
      WORKERS: '1',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://user:hidden@127.0.0.1:1',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    })
    const { port } = await server.listening()
    await fetch(`http://127.0.0.1:${port}/events`)
    await until(() => server.stdout.includes('spans cannot be sent'))
    await fetch(`http://127.0.0.1:${port}/events`)
    expect(await server.end('SIGTERM')).toBe(0)
    expect(server.stdout.match(/spans cannot be sent/g)).toHaveLength(1)
    expect(server.output).not.toContain('hidden')
  })

  it.each(['1', '2'])(
    'does not start where spans are to be sent by a protocol that it lacks (%s)',
    async (WORKERS) => {
      const { code, stdout, stderr } = await scene.run(['serve'], {
        ...SERVE_SETTINGS,
        WORKERS,
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint(),
        OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      })
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toBe(
        'kafka-sse: OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf: spans are sent by no other protocol\n',
      )
    },
  )

  it.each(['nonsense', 'collector:4318', ' '])(
    'does not start with an address that is none (%j)',
    async (url) => {
      const { code, stdout, stderr } = await scene.run(['serve'], {
        ...SERVE_SETTINGS,
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
      })
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toBe(
        'kafka-sse: OTEL_EXPORTER_OTLP_ENDPOINT must be a URL, such as http://localhost:4318\n',
      )
    },
  )

  it('names the packages that it lacks, and does not start', async () => {
    scene.file(
      'hooks.mjs',
      `export async function resolve(name, context, next) {
        if (!name.startsWith('@opentelemetry/sdk-trace')) return next(name, context)
        throw Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' })
      }`,
    )
    const without = scene.file(
      'without.mjs',
      "import { register } from 'node:module'\nregister('./hooks.mjs', import.meta.url)",
    )
    const OTEL_EXPORTER_OTLP_ENDPOINT = endpoint()
    const env = { ...SERVE_SETTINGS, OTEL_EXPORTER_OTLP_ENDPOINT, NODE_OPTIONS: `--import=${without}` }
    const { code, stderr } = await scene.run(['serve'], env)
    expect(code).toBe(1)
    expect(stderr).toBe(
      'kafka-sse: OTEL_EXPORTER_OTLP_ENDPOINT needs packages that are not installed: npm install ' +
        '@opentelemetry/sdk-trace-node @opentelemetry/exporter-trace-otlp-proto @opentelemetry/resources\n',
    )
  })

  it('loads nothing of an SDK that is not asked for', async () => {
    expect(await startExporter({}, { warn: () => {} })).toBeNull()
    const OTEL_EXPORTER_OTLP_ENDPOINT = endpoint()
    for (const off of [{ OTEL_SDK_DISABLED: 'true' }, { OTEL_TRACES_EXPORTER: 'none' }])
      expect(await startExporter({ OTEL_EXPORTER_OTLP_ENDPOINT, ...off }, { warn: () => {} })).toBeNull()
  })
})
