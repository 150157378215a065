// An app with the stream’s routes on a real server. The test appends the records: everything but Kafka.

import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { request as http1Request, type IncomingMessage } from 'node:http'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { request as https1Request } from 'node:https'
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import auth, { type AuthPluginOptions } from '../../plugins/auth.ts'
import sse from '../../plugins/sse.ts'
import { streamRoutes } from '../../routes/stream.ts'
import type { Replay } from '../../src/bus/record.ts'
import type { Topic } from '../../src/bus/topic.ts'
import type { Control } from '../../src/control/control.ts'
import type { DescribedStream } from '../../src/description/described-stream.ts'
import { type Listener, listen } from '../../src/http/listener.ts'
import { logRedaction } from '../../src/http/log-redaction.ts'
import type { SseOptions } from '../../src/options.ts'
import type { SealedIds } from '../../src/sealing/sealed-ids.ts'
import { type SelectionOptions, SelectionPlan } from '../../src/selection/selection.ts'
import type { Tickets } from '../../src/tickets/tickets.ts'
import type { Session } from '../../src/token/session.ts'
import { fixedTopic, type StreamTopic } from '../../src/topics/stream-topic.ts'
import { localCertificates } from './certificates.ts'
import {
  authOptions,
  exampleClaims,
  ISSUER,
  makeKey,
  mintToken,
  nowSeconds,
  type TestKey,
} from './keys-and-tokens.ts'
import { LogLines } from './printed.ts'
import { StreamReader } from './stream-reader.ts'
import { TopicInMemory } from './topic-in-memory.ts'

export interface SceneOptions {
  readonly topic?: TopicInMemory
  /** Gives the topic that is streamed in place of `topic`, once `host` is registered. */
  readonly openTopic?: (app: FastifyInstance) => Topic
  /** Where the topic of each request comes from, in place of both. */
  readonly streamTopic?: StreamTopic
  readonly isTls?: boolean
  readonly replay?: Replay
  /** Of the stream, in place of /events. */
  readonly path?: string
  /** Of the app that has the stream. */
  readonly prefix?: string
  /** Which of the topic's records the stream gets. Default: all. */
  readonly selection?: SelectionOptions
  /** Seals the stream's ids. Default: they are plain. */
  readonly sealing?: SealedIds
  /** Default: the stream has none. */
  readonly tickets?: Tickets
  /** What other replicas tell and are told. Default: there is no control topic. */
  readonly control?: Control
  readonly sse?: Partial<SseOptions>
  /** Other keys, or what stands in place of tokens. */
  readonly auth?: Partial<AuthPluginOptions>
  /** How the host's router reads URLs. */
  readonly server?: Pick<FastifyServerOptions, 'routerOptions' | 'rewriteUrl'>
  /** Registered before everything else, as a host's own hooks are. */
  readonly host?: (app: FastifyInstance) => Promise<void>
}

const SSE_DEFAULTS = {
  challengeSeconds: 10,
  heartbeatSeconds: 9,
  stalledSeconds: 30,
  turnMs: 0.3,
  streamsMax: 20_000,
  streamsPerSubjectMax: 20_000,
  streamsPerAddressMax: 20_000,
}

/** No test of a scene reads it. */
function descriptionOf(path: string, replay: Replay): DescribedStream {
  return {
    ...{
      path,
      parameters: [],
      topicParameter: null,
      scope: 'proxy:stream',
      encoding: 'text',
      replay,
      select: [],
    },
    credentials: { isHosts: false, queryToken: true, cookie: null, tickets: false },
  }
}

export class HttpScene {
  readonly topic: TopicInMemory
  readonly app: FastifyInstance
  readonly key: TestKey
  readonly port: number
  /** PEM that a client trusts the server by; null without TLS. */
  readonly ca: string | null
  readonly lines: string[]
  private readonly listener: Listener
  private readonly sessions: ClientHttp2Session[] = []

  private constructor(parts: Pick<HttpScene, 'topic' | 'app' | 'key' | 'ca' | 'lines'>, listener: Listener) {
    this.topic = parts.topic
    this.app = parts.app
    this.key = parts.key
    this.ca = parts.ca
    this.lines = parts.lines
    this.listener = listener
    this.port = listener.port
  }

  static async open({
    topic = new TopicInMemory(),
    isTls = true,
    replay = 'latest',
    path = '/events',
    selection = {},
    ...options
  }: SceneOptions = {}): Promise<HttpScene> {
    const log = new LogLines()
    const key = makeKey('ES256')
    const made = await localCertificates()
    const tls = isTls ? { cert: Buffer.from(made.certificatePem), key: Buffer.from(made.keyPem) } : null
    const app = fastify({
      logger: { level: 'debug', stream: log.stream, ...logRedaction },
      exposeHeadRoutes: false,
      ...options.server,
    })
    await options.host?.(app)
    const { logRefusals = true, logStreamEnds = true } = options.sse ?? {}
    const logged = { refusals: logRefusals, streamEnds: logStreamEnds }
    const { renewBy = 'session' } = options.auth ?? {}
    const lifetimes = new Map([[ISSUER, Number.POSITIVE_INFINITY]])
    await app.register(sse, { ...SSE_DEFAULTS, renewBy, lifetimes, ...options.sse })
    const isRevoked = (session: Session) => app.kafkaSseStreams.revocations.refuses(session)
    await app.register(auth, {
      ...authOptions(key, options.auth),
      isRevoked,
      logged,
      failures: () => app.kafkaSseRates,
    })
    await app.register(streamRoutes, {
      path,
      description: descriptionOf(path, replay),
      ...(options.prefix !== undefined && { prefix: options.prefix }),
      plan: new SelectionPlan(selection),
      sealing: options.sealing ?? null,
      tickets: options.tickets ?? null,
      scope: 'proxy:stream',
      replay,
      topic: options.streamTopic ?? fixedTopic(options.openTopic?.(app) ?? topic),
      streams: app.kafkaSseStreams,
      rates: app.kafkaSseRates,
      control: options.control ?? null,
      authenticator: app.kafkaSseAuth,
      logged,
    })
    await app.ready()
    const listener = await listen(app.routing as RequestListener, { host: '127.0.0.1', port: 0, tls })
    return new HttpScene({ topic, app, key, lines: log.lines, ca: isTls ? made.caPem : null }, listener)
  }

  /** A token for the streams, valid for `seconds`. */
  token(seconds = 60, claims: Record<string, unknown> = {}): string {
    return mintToken(this.key, { claims: { ...exampleClaims(), exp: nowSeconds() + seconds, ...claims } })
  }

  /** A connection of its own. */
  connect(): ClientHttp2Session {
    const session = connect(`https://localhost:${this.port}`, this.ca === null ? {} : { ca: this.ca })
    session.on('error', () => session.destroy())
    this.sessions.push(session)
    return session
  }

  get(path = '/events', headers: OutgoingHttpHeaders = {}, session = this.connect()): Promise<H2Response> {
    const authorization = `Bearer ${this.token()}`
    return respond(session, { ':path': path, authorization, ...headers })
  }

  post(
    headers: OutgoingHttpHeaders = {},
    body = '',
    path = '/events',
    session = this.connect(),
  ): Promise<H2Response> {
    const standard = { ':method': 'POST', ':path': path, 'content-type': 'application/x-challenge-response' }
    return respond(session, { ...standard, ...headers }, body)
  }

  /** A stream over HTTP/1.1, with or without TLS as the scene has it. */
  async getHttp1(path = '/events', headers: Record<string, string> = {}): Promise<H1Response> {
    const authorization = `Bearer ${this.token()}`
    const options = {
      host: '127.0.0.1',
      port: this.port,
      path,
      headers: { authorization, ...headers },
      agent: false as const,
    }
    const request =
      this.ca === null
        ? http1Request(options)
        : https1Request({ ...options, ca: this.ca, servername: 'localhost' })
    request.end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const reader = new StreamReader()
    response.on('data', (bytes: Buffer) => reader.feed(bytes))
    response.on('error', () => response.destroy())
    return {
      response,
      reader,
      ended: new Promise((resolve) => response.once('close', () => resolve(response.complete))),
    }
  }

  async close(): Promise<void> {
    for (const session of this.sessions) session.destroy()
    await this.app.kafkaSseStreams.close()
    await this.listener.close()
    await this.app.close()
  }
}

export interface H1Response {
  readonly response: IncomingMessage
  readonly reader: StreamReader
  /** Whether the response was whole when the connection went. */
  readonly ended: Promise<boolean>
}

export interface H2Response {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly stream: ClientHttp2Stream
  /** Grows as bytes come. */
  readonly reader: StreamReader
  readonly text: () => string
  /** NGHTTP2 code of the end; 0 is a clean one. */
  readonly ended: Promise<number>
}

export async function respond(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body = '',
): Promise<H2Response> {
  const stream = session.request(headers, { endStream: headers[':method'] !== 'POST' })
  if (headers[':method'] === 'POST') stream.end(body)
  const chunks: Buffer[] = []
  const reader = new StreamReader()
  stream.on('data', (bytes: Buffer) => {
    chunks.push(bytes)
    reader.feed(bytes)
  })
  stream.on('error', () => stream.destroy())
  const ended = new Promise<number>((resolve) => stream.once('close', () => resolve(stream.rstCode)))
  const [answer] = (await once(stream, 'response')) as [Record<string, string | string[] | undefined>]
  const text = () => Buffer.concat(chunks).toString()
  return { status: Number(answer[':status']), headers: answer, stream, reader, text, ended }
}
