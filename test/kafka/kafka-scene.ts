// A server that streams one topic of a real Kafka, and streams open on it that write down what they see, in order.

import type { FastifyInstance } from 'fastify'
import { expect, vi } from 'vitest'
import { BUILT_FEATURES, missingLine } from '../../plugins/kafka/client/librdkafka-build.ts'
import kafkaPlugin from '../../plugins/kafka.ts'
import { parseEventId } from '../../src/bus/event-id.ts'
import type { Position } from '../../src/bus/position.ts'
import type { Keeps } from '../../src/bus/record.ts'
import type { FedTopic } from '../../src/bus/topic.ts'
import type { SseOptions } from '../../src/options.ts'
import { type H2Response, HttpScene } from '../support/http-scene.ts'

export interface KafkaSceneOptions {
  readonly keeps?: Keeps
  readonly config?: Record<string, string | number>
  readonly sse?: Partial<SseOptions>
}

interface Opened {
  readonly id?: string
  readonly query?: string
}

const SOON_MS = 20_000
/** Longer than any test, so that no challenge comes in between. */
const TOKEN_SECONDS = 600

export class KafkaScene {
  readonly topic: FedTopic
  private readonly http: HttpScene

  private constructor(topic: FedTopic, http: HttpScene) {
    this.topic = topic
    this.http = http
  }

  /** Resolves when the topic is read up to date. */
  static async open(
    bootstrapServers: string,
    topic: string,
    options: KafkaSceneOptions = {},
  ): Promise<KafkaScene> {
    const { keeps = 'latest', config = {}, sse = {} } = options
    let opened: FedTopic | null = null
    const http = await HttpScene.open({
      host: async (app: FastifyInstance) => {
        await app.register(kafkaPlugin, { bootstrapServers, config })
      },
      openTopic: (app) => {
        opened = app.kafkaSseTopics.open(topic, 'text', keeps)
        return opened
      },
      sse: { heartbeatSeconds: 1, ...sse },
    })
    if (opened === null) throw new Error('the scene opened no topic')
    return new KafkaScene(opened, http)
  }

  /** A stream that is open, with signals as events. */
  async stream({ id, query = '' }: Opened = {}): Promise<OpenStream> {
    const authorization = `Bearer ${this.http.token(TOKEN_SECONDS)}`
    const headers = { authorization, ...(id === undefined ? {} : { 'last-event-id': id }) }
    return new OpenStream(await this.http.get(`/events?signals=1${query}`, headers))
  }

  /** A stream without signals, as plain clients have it. */
  plainStream(): Promise<H2Response> {
    return this.http.get('/events', { authorization: `Bearer ${this.http.token(TOKEN_SECONDS)}` })
  }

  async caughtUp(): Promise<void> {
    await vi.waitUntil(() => this.topic.bus.caughtUp, { timeout: SOON_MS })
  }

  /** Messages that were logged at warn and above, but for how librdkafka was built on this machine. */
  warnings(): string[] {
    return this.messages(40).filter((line) => line !== missingLine(BUILT_FEATURES))
  }

  /** Messages that were logged at this level and above. */
  messages(levelMin: number): string[] {
    const lines: { level: number; msg: string }[] = this.http.lines.map((line) => JSON.parse(line))
    return lines.filter(({ level }) => level >= levelMin).map(({ msg }) => msg)
  }

  close(): Promise<void> {
    return this.http.close()
  }
}

export class OpenStream {
  isOpen = true
  private readonly response: H2Response

  constructor(response: H2Response) {
    this.response = response
    void response.ended.then(() => {
      this.isOpen = false
    })
  }

  /** Records as their values, what else is said as `gap too-old`, `ready`, `end too-old`; heartbeats left out. */
  get seen(): string[] {
    return this.response.reader.events
      .filter(({ event }) => event !== 'ping')
      .map(({ event, data }) => told(event, data))
  }

  /** Ids in the order in which they came, heartbeats' included. */
  get positions(): Position[] {
    const ids = this.response.reader.events.flatMap(({ id }) => (id ? [id] : []))
    return ids.map((id) => parseEventId(id) ?? new Map())
  }

  get lastId(): string {
    return this.response.reader.lastId
  }

  /** The position that the client has heard of last. */
  get position(): Record<number, number> {
    return Object.fromEntries(this.positions.at(-1) ?? [])
  }

  /** Waits until exactly this was seen since the stream opened. */
  async hasSeen(...expected: string[]): Promise<void> {
    await vi.waitFor(() => expect(this.seen).toEqual(expected), { timeout: SOON_MS, interval: 20 })
  }

  /** Waits until the client has heard of exactly this position. */
  async hasReached(position: Record<number, number>): Promise<void> {
    await vi.waitFor(() => expect(this.position).toEqual(position), { timeout: SOON_MS, interval: 20 })
  }
}

function told(event: string | undefined, data: string): string {
  if (event === undefined) return data
  const { reason }: { reason?: string } = event === 'delete' ? { reason: data } : JSON.parse(data)
  return reason === undefined ? event : `${event} ${reason}`
}
