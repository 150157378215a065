// Topics that clients name in the path, on a real Kafka: missing ones, ones that are created, deleted and recreated
// while streams are open, silence, idle topics that are closed, and the bound of bytes.

import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { registerKafkaStreams } from '../../src/app/kafka-registration.ts'
import type { Topics } from '../../src/bus/topic.ts'
import { validateOptions } from '../../src/config/parse.ts'
import type { KafkaOptions, StreamOptions } from '../../src/options.ts'
import { SegmentView } from '../../src/segments/segment-view.ts'
import { LogLines } from '../support/printed.ts'
import { forThisTest } from '../support/scene.ts'
import { StreamReader } from '../support/stream-reader.ts'
import { bootstrapServers, Kafka } from './kafka.ts'

const SOON = { timeout: 20_000, interval: 20 }
const LARGE = 'x'.repeat(100_000)

/** The plugin in a host's app whose users are all signed in. */
class Scene {
  readonly app: FastifyInstance
  readonly topics: Topics
  readonly log: LogLines

  private constructor(app: FastifyInstance, topics: Topics, log: LogLines) {
    this.app = app
    this.topics = topics
    this.log = log
  }

  /** With `others` beside the stream by path. */
  static async open(topics: string[], kafka: KafkaOptions, others: StreamOptions[] = []): Promise<Scene> {
    const log = new LogLines()
    const app = fastify({
      logger: { level: 'info', stream: log.stream },
      forceCloseConnections: true,
      routerOptions: { maxParamLength: 300 },
    })
    let opened: Topics | null = null
    await app.register(async (scope) => {
      const options = validateOptions({
        kafka,
        auth: { authenticate: () => ({ subject: 'alice', expiresAt: Date.now() + 600_000 }) },
        streams: [{ path: '/topics/:topic', topic: '{params.topic}', topics }, ...others],
      })
      await registerKafkaStreams(scope, options)
      opened = scope.kafkaSseTopics
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    if (opened === null) throw new Error('the plugin was not registered')
    return new Scene(app, opened, log)
  }

  get(topic: string, headers: Record<string, string> = {}): Promise<Response> {
    const { port } = this.app.server.address() as AddressInfo // it listens at a port
    return fetch(`http://127.0.0.1:${port}/topics/${topic}`, { headers })
  }

  async status(topic: string): Promise<number> {
    const { status, body } = await this.get(topic)
    await body?.cancel()
    return status
  }

  async stream(topic: string, headers: Record<string, string> = {}): Promise<PathStream> {
    const response = await this.get(topic, headers)
    expect(response.status).toBe(200)
    return new PathStream(response)
  }

  get open(): string[] {
    return this.topics.byPath.open.map(({ name }) => name)
  }

  close(): Promise<void> {
    return this.app.close()
  }
}

class PathStream {
  readonly reader = new StreamReader()
  private readonly body: ReadableStreamDefaultReader<Uint8Array>
  isOpen = true

  constructor(response: Response) {
    if (response.body === null) throw new Error('no body')
    this.body = response.body.getReader()
    this.read().finally(() => {
      this.isOpen = false
    })
  }

  get seen(): string[] {
    return this.reader.records
  }

  async hasSeen(...records: string[]): Promise<void> {
    await vi.waitFor(() => expect(this.seen).toEqual(records), SOON)
  }

  async leave(): Promise<void> {
    await this.body.cancel()
  }

  private async read(): Promise<void> {
    for (;;) {
      const { value, done } = await this.body.read().catch(() => ({ value: undefined, done: true }))
      if (done || value === undefined) return
      this.reader.feed(Buffer.from(value))
    }
  }
}

describe.skipIf(bootstrapServers === null)('A topic that is named in the path', () => {
  let kafka: Kafka

  beforeAll(() => {
    kafka = new Kafka(bootstrapServers)
  })
  afterAll(() => kafka.close())

  const open = (topics: string[], options: Partial<KafkaOptions> = {}, streams: StreamOptions[] = []) =>
    forThisTest(Scene.open(topics, { bootstrapServers: kafka.bootstrapServers, ...options }, streams))

  it('is read for its streams alone, and closed some time after the last one; a client then resumes', async () => {
    const [one, other] = [await kafka.createTopic({ partitions: 2 }), await kafka.createTopic()]
    await kafka.produce(one, { value: 'a', key: 'a' }, { value: LARGE, key: 'large' })
    await kafka.produce(other, { value: 'b' })
    const scene = await open([one, other], { topicsIdleSeconds: 2 })
    expect([scene.open, scene.topics.all()]).toEqual([[], []])
    const streams = await Promise.all(Array.from({ length: 20 }, () => scene.stream(one)))
    for (const stream of streams) await vi.waitFor(() => expect(stream.seen).toHaveLength(2), SOON)
    expect(scene.open).toEqual([one])
    await kafka.produce(one, { value: 'live', key: 'b' })
    for (const stream of streams) await vi.waitFor(() => expect(stream.seen.at(-1)).toBe('live'), SOON)
    const bus = scene.topics.byPath.open[0]?.bus
    expect(bus?.retainedBytes).toBeGreaterThan(0)
    const { lastId } = streams[0]?.reader ?? { lastId: '' }
    for (const stream of streams) await stream.leave()
    await vi.waitUntil(() => scene.open.length === 0, SOON)
    expect(bus?.retainedBytes).toBe(0)
    const appended = bus?.recordsAppended
    await kafka.produce(one, { value: 'later', key: 'c' })
    const resumed = await scene.stream(one, { 'last-event-id': lastId })
    await resumed.hasSeen('later')
    // The closed bus was not fed again, and the new one is another.
    expect(bus?.recordsAppended).toBe(appended)
    expect(scene.topics.byPath).toMatchObject({ opened: 2, closed: { idle: 1, room: 0 } })
  })

  it('gives each client its own records of it, on a bus that a stream of the topic by name shares', async () => {
    const [one, other] = [await kafka.createTopic(), await kafka.createTopic()]
    for (const topic of [one, other])
      await kafka.produce(topic, { value: `${topic} a`, key: 'a' }, { value: `${topic} b`, key: 'b' })
    const scene = await open([one, other], {}, [
      { path: '/keys/:topic/:key', topic: '{params.topic}', topics: [one, other], key: '{params.key}' },
      { path: '/named', topic: one, select: ['key'] },
    ])
    const streams = await Promise.all([
      scene.stream(`../keys/${one}/a`),
      scene.stream(`../keys/${other}/b`),
      scene.stream('../named?key=b'),
      scene.stream(one),
    ])
    await streams[0]?.hasSeen(`${one} a`)
    await streams[1]?.hasSeen(`${other} b`)
    await streams[2]?.hasSeen(`${one} b`)
    await streams[3]?.hasSeen(`${one} a`, `${one} b`)
    expect([scene.open, scene.topics.all().map(({ name }) => name)]).toEqual([[other], [one]])
  })

  it('has no holds of a thread that has ended', async () => {
    const topic = await kafka.createTopic()
    await kafka.produce(topic, { value: 'one' })
    const scene = await open([topic])
    const stream = await scene.stream(topic)
    await stream.hasSeen('one')
    const segment = scene.topics.byPath.open[0]?.bus.segments[0]
    if (segment === undefined) throw new Error('nothing is retained')
    const held = new SegmentView(segment.shared, 1)
    held.generation = segment.generation
    expect([held.hold(), segment.holdCount]).toEqual([true, 1])
    scene.topics.releaseThread(1)
    expect(segment.holdCount).toBe(0)
  })

  it('is 404 until Kafka has it', async () => {
    const name = `later-${Date.now()}`
    const scene = await open([name])
    const answer = await scene.get(name)
    expect([answer.status, (await answer.json()).code]).toEqual([404, 'FKS_TOPIC_UNKNOWN'])
    await kafka.createTopic({ name })
    await kafka.produce(name, { value: 'one' })
    await vi.waitFor(async () => expect(await scene.status(name)).toBe(200), SOON)
    const stream = await scene.stream(name)
    await stream.hasSeen('one')
    // Kafka was not asked to make it.
    const other = `never-${Date.now()}`
    const asking = await open([other])
    expect(await asking.status(other)).toBe(404)
    expect(await asking.status(other)).toBe(404)
  })

  it('that is deleted keeps its streams, refuses others, and goes on when it is there again', async () => {
    const topic = await kafka.createTopic()
    await kafka.produce(topic, { value: 'one' })
    const scene = await open([topic])
    const stream = await scene.stream(topic)
    await stream.hasSeen('one')
    await kafka.deleteTopic(topic)
    await vi.waitFor(async () => expect(await scene.status(topic)).toBe(404), SOON)
    expect(stream.isOpen).toBe(true)
    await vi.waitFor(() => kafka.createTopic({ name: topic }), SOON)
    await kafka.produce(topic, { value: 'two' })
    await vi.waitFor(() => expect(stream.seen).toContain('two'), SOON)
    expect(scene.topics.byPath.opened).toBe(1)
  })

  it('that is deleted is closed at once when its last stream leaves', async () => {
    const topic = await kafka.createTopic()
    await kafka.produce(topic, { value: 'one' })
    const scene = await open([topic])
    const stream = await scene.stream(topic)
    await stream.hasSeen('one')
    await kafka.deleteTopic(topic)
    await vi.waitFor(async () => expect(await scene.status(topic)).toBe(404), SOON)
    expect(scene.open).toEqual([topic])
    await stream.leave()
    await vi.waitUntil(() => scene.open.length === 0, SOON)
  })

  it('makes room when its time comes: the one that was left first goes first, and used ones stay', async () => {
    const topics = await Promise.all(Array.from({ length: 4 }, () => kafka.createTopic()))
    const [a = '', b = '', c = '', d = ''] = topics
    for (const topic of topics)
      await kafka.produce(topic, ...Array.from({ length: 12 }, (_, n) => ({ value: LARGE, key: `${n}` })))
    // Two segments each.
    const scene = await open(topics, { topicsBytesMax: 5 * 1_048_576 })
    const streams = new Map<string, PathStream>()
    for (const topic of [a, b, c]) {
      const stream = await scene.stream(topic)
      await vi.waitFor(() => expect(stream.seen).toHaveLength(12), SOON)
      streams.set(topic, stream)
    }
    expect(scene.topics.byPath.open.reduce((sum, { bus }) => sum + bus.retainedBytes, 0)).toBe(6 * 1_048_576)
    const refused = await scene.get(d)
    expect([refused.status, (await refused.json()).code]).toEqual([503, 'FKS_TOPICS_FULL'])
    const named = await scene.get(d, { accept: 'text/event-stream' })
    expect(await named.text()).toMatch(/^retry:\d+\n\n:end busy\n\n$/)
    await streams.get(b)?.leave()
    await vi.waitUntil(() => !scene.open.includes(b), SOON)
    await streams.get(a)?.leave()
    const stream = await scene.stream(d)
    await vi.waitFor(() => expect(stream.seen).toHaveLength(12), SOON)
    await vi.waitFor(() => expect(scene.open).toEqual([c, d]), SOON)
    expect(streams.get(c)?.isOpen).toBe(true)
    // The segments of those that were closed were used again.
    const [first] = scene.topics.byPath.open
    expect(first?.bus.allocatedBytes).toBeLessThanOrEqual(7 * 1_048_576)
  })
})

describe('A topic that is named in the path while no broker answers', () => {
  it('is refused after 5 s: by a status, or by a stream that ends', async () => {
    const scene = await Scene.open(['events'], { bootstrapServers: '127.0.0.1:1' }) // where nothing listens
    onTestFinished(() => scene.close())
    const startMs = performance.now()
    const [plain, named] = await Promise.all([
      scene.get('events'),
      scene.get('events', { accept: 'text/event-stream' }),
    ])
    expect([plain.status, (await plain.json()).code]).toEqual([503, 'FKS_KAFKA_UNAVAILABLE'])
    expect(named.status).toBe(200)
    expect(await named.text()).toMatch(/^retry:\d+\n\n:end busy\n\n$/)
    expect(performance.now() - startMs).toBeLessThan(8_000)
    expect(await scene.status('other')).toBe(404) // Kafka need not be asked
    expect(scene.log.objects().filter(({ level }) => Number(level) >= 50)).toEqual([])
  }, 15_000)

  it('does not hold up the end of the process', async () => {
    const scene = await Scene.open(['events'], { bootstrapServers: '127.0.0.1:1' })
    scene.get('events').catch(() => {}) // its connection is cut
    await new Promise((resolve) => setTimeout(resolve, 200))
    const startMs = performance.now()
    await scene.close()
    expect(performance.now() - startMs).toBeLessThan(2_000)
  })
})
