// One replica of a fleet: the plugin in an app of its own, over plain HTTP/1.1, with the control topic that the test
// names. All replicas of a test trust the same key and have the same secret.

import { once } from 'node:events'
import { request as http1Request, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import { vi } from 'vitest'
import type { KafkaOptions, SseOptions } from '../../src/options.ts'
import kafkaSse from '../../src/plugin.ts'
import { AUDIENCE, ISSUER, makeKey, mintToken, nowSeconds } from '../support/keys-and-tokens.ts'
import { keepSecret, LogLines } from '../support/printed.ts'
import { StreamReader } from '../support/stream-reader.ts'

const SOON = { timeout: 40_000, interval: 20 }
const key = makeKey('ES256')

export const SECRET = keepSecret(Buffer.alloc(32, 7).toString('base64url'))

/** A token that is good at every replica; `iat` is now. */
export function fleetToken(seconds: number, claims: Record<string, unknown> = {}): string {
  const times = { iat: nowSeconds(), exp: nowSeconds() + seconds }
  return mintToken(key, { claims: { sub: 'alice', ...times, ...claims } })
}

export interface ReplicaOptions {
  readonly kafka: KafkaOptions
  readonly topic: string
  /** Topics of further streams, each at a path by its name. */
  readonly beside?: readonly string[]
  readonly sse?: Partial<SseOptions>
  readonly scope?: string
}

export class Replica {
  private readonly app: FastifyInstance
  private readonly log: LogLines
  /** The scope that the plugin was registered in, with its one decorator. */
  readonly scope: FastifyInstance

  private constructor(app: FastifyInstance, scope: FastifyInstance, log: LogLines) {
    this.app = app
    this.scope = scope
    this.log = log
  }

  /** Listens; it is ready somewhat later. */
  static async open(options: ReplicaOptions): Promise<Replica> {
    const { kafka, topic, beside = [], sse = {}, scope = 'proxy:stream' } = options
    const log = new LogLines()
    const app = fastify({ logger: { level: 'debug', stream: log.stream }, forceCloseConnections: true })
    let inner: FastifyInstance | null = null
    await app.register(async (registered) => {
      await kafkaSse(registered, {
        kafka,
        auth: { issuer: ISSUER, audience: AUDIENCE, keys: key.publicPem },
        streams: [
          { path: '/events', topic, scope },
          ...beside.map((other) => ({ path: `/${other}`, topic: other, scope })),
        ],
        sse: { secretKey: SECRET, challengeSeconds: 1, heartbeatSeconds: 1, adminPath: '/admin', ...sse },
      })
      inner = registered
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    if (inner === null) throw new Error('the plugin was not registered')
    return new Replica(app, inner, log)
  }

  async ready(): Promise<this> {
    await vi.waitFor(async () => {
      const reasons = await this.reasons()
      if (reasons.length > 0) throw new Error(reasons.join('; '))
    }, SOON)
    return this
  }

  /** Why it is not ready. */
  async reasons(): Promise<string[]> {
    const answer = await this.app.inject('/admin/health/ready')
    return answer.json().reasons ?? []
  }

  async metric(sample: string): Promise<number> {
    const { body } = await this.app.inject('/admin/metrics')
    const line = body.split('\n').find((each) => each.startsWith(`${sample} `))
    if (line === undefined) throw new Error(`there is no ${sample}`)
    return Number(line.slice(sample.length))
  }

  /** Lines of this level or worse. */
  lines(levelMin: number): string[] {
    const lines: { level: number; msg: string }[] = this.log.lines.map((line) => JSON.parse(line))
    return lines.filter(({ level }) => level >= levelMin).map(({ msg }) => msg)
  }

  async get(token: string, headers: Record<string, string> = {}): Promise<ReplicaStream> {
    const response = await this.request('GET', { authorization: `Bearer ${token}`, ...headers })
    return new ReplicaStream(response)
  }

  /** The status of a renewal by this token. */
  async renew(token: string, headers: Record<string, string> = {}): Promise<number> {
    const response = await this.request('POST', {
      authorization: `Bearer ${token}`,
      'content-type': 'application/x-challenge-response',
      'content-length': '0',
      ...headers,
    })
    response.resume()
    return response.statusCode ?? 0
  }

  close(): Promise<void> {
    return this.app.close()
  }

  private async request(method: string, headers: Record<string, string>): Promise<IncomingMessage> {
    const { port } = this.app.server.address() as AddressInfo // it listens at a port
    const request = http1Request({ host: '127.0.0.1', port, path: '/events', method, headers, agent: false })
    request.end()
    const [response] = await once(request, 'response')
    return response
  }
}

export class ReplicaStream {
  readonly status: number
  readonly reader = new StreamReader()
  isOpen = true
  /** When it ended, epoch ms. */
  endedAtMs = 0
  private readonly response: IncomingMessage

  constructor(response: IncomingMessage) {
    this.response = response
    this.status = response.statusCode ?? 0
    response.on('data', (bytes: Buffer) => this.reader.feed(bytes))
    response.on('error', () => response.destroy())
    response.once('close', () => {
      this.isOpen = false
      this.endedAtMs = Date.now()
    })
  }

  /** Why it has ended; null while it is open. */
  get endReason(): string | null {
    const said = this.reader.comments.find((comment) => comment.startsWith('end '))
    return said === undefined ? null : said.slice('end '.length)
  }

  get challenges(): number {
    return this.reader.events.filter(({ event }) => event === 'challenge').length
  }

  leave(): void {
    this.response.destroy()
  }
}
