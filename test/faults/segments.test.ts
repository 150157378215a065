// Segments are reused under clients that are slow, stalled, or reset in mid-write. No client may get a byte of another
// frame or skip a record without a gap, every reader releases its segments, and memory does not grow.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it, onTestFinished, vi } from 'vitest'
import { type Listener, listen } from '../../src/http/listener.ts'
import type { Segment } from '../../src/segments/segment.ts'
import { SegmentPool } from '../../src/segments/segment-pool.ts'
import { HttpScene } from '../support/http-scene.ts'
import { forThisTest } from '../support/scene.ts'
import { TopicInMemory } from '../support/topic-in-memory.ts'
import { recordKey, recordValue } from './pattern.mjs'

const MIB = 1024 * 1024
/** What each of the two buses may retain; both take their segments from one pool. */
const RETAINED_BYTES_MAX = 8 * MIB
const POOL_BYTES = 2 * RETAINED_BYTES_MAX
const CLIENTS_PER_TARGET = 5
/** Frames of up to 1.4 MB have a segment of 2 MiB. A write of each stream may hold one (HTTP/2: 3 streams a client). */
const HELD_BYTES_MAX = 2 * (1 + 1 + 3 + 3) * CLIENTS_PER_TARGET * 2 * MIB
/** What a compaction makes before it gives back what it replaces. */
const REWRITTEN_BYTES_MAX = 8 * MIB
/** Growth of the resident set that may be the allocator's: a tenth of what passes through the segments meanwhile. */
const RSS_TOLERANCE_BYTES = 2 * POOL_BYTES
const ROUNDS_MAX = 3
const BATCH_BYTES = 256 * 1024
/** Copies of each batch that clients must have taken before the next one is written, unless none does for a while. */
const READERS_THAT_KEEP_UP = 4
const PATIENCE_MS = 50
const TIMEOUT_MS = 60_000

/** Remembers every segment that it handed out. */
class WatchedPool extends SegmentPool {
  readonly segments = new Set<Segment>()

  override take(bytes: number, firstSequence: number): Segment {
    const segment = super.take(bytes, firstSequence)
    this.segments.add(segment)
    return segment
  }
}

it('gives no client a byte of another frame, and keeps no memory', { timeout: 5 * TIMEOUT_MS }, async () => {
  const pool = new WatchedPool()
  const scenes = new Map([
    ['all', await openScene(pool)],
    ['compacted', await openScene(pool)],
  ])
  const clients = new Clients(await targetsOf(scenes))
  onTestFinished(() => clients.close())

  await clients.during(() => write(scenes, 15 * POOL_BYTES)) // until the allocator, too, has what it wants
  const grownBytes: number[] = []
  let before = await settled(scenes, pool)
  // What is kept by mistake grows in every round; what the allocator takes for itself does not.
  while (
    grownBytes.length < ROUNDS_MAX &&
    !((grownBytes.at(-1) ?? Number.POSITIVE_INFINITY) < RSS_TOLERANCE_BYTES)
  ) {
    await clients.during(() => write(scenes, 20 * POOL_BYTES))
    const after = await settled(scenes, pool)
    grownBytes.push(after - before)
    before = after
  }

  expect(grownBytes.at(-1)).toBeLessThan(RSS_TOLERANCE_BYTES)
  expect(pool.allocatedBytes).toBeLessThanOrEqual(POOL_BYTES + HELD_BYTES_MAX + REWRITTEN_BYTES_MAX)
  expect(scenes.get('compacted')?.topic.bus.isWhole).toBe(true)
  // The run was what it says: many streams of every kind, some of them outrun.
  expect(clients.tally.streams).toBeGreaterThan(200)
  expect(clients.tally.ends['too-old']).toBeGreaterThan(0)
})

async function openScene(pool: SegmentPool): Promise<HttpScene> {
  const topic = new TopicInMemory(1, { pool, retainedBytesMax: RETAINED_BYTES_MAX })
  return await forThisTest(HttpScene.open({ topic }))
}

interface Target {
  readonly topic: string
  readonly protocol: 'h1' | 'h2' | 'h2c'
  readonly port: number
  /** PEM to trust; null without TLS. */
  readonly ca: string | null
  readonly token: string
  /** Tokens by the second at which they expire, for clients that are to be ended by the server. */
  readonly tokens?: Readonly<Record<number, string>>
}

/** Each topic over plain HTTP/1.1, HTTP/1.1 over TLS, HTTP/2 over TLS, and HTTP/2 without, as a host may have it. */
async function targetsOf(scenes: ReadonlyMap<string, HttpScene>): Promise<Target[]> {
  const targets: Target[] = []
  for (const [topic, scene] of scenes) {
    const plain: Listener = await listen(scene.app.routing as RequestListener, {
      host: '127.0.0.1',
      port: 0,
      tls: null,
    })
    onTestFinished(() => plain.close())
    const cleartext = await openCleartext(scene)
    const { port, ca } = scene
    const token = scene.token(3600)
    targets.push(
      { topic, protocol: 'h1', port: plain.port, ca: null, token },
      { topic, protocol: 'h1', port, ca, token },
      { topic, protocol: 'h2', port, ca, token },
      { topic, protocol: 'h2c', port: cleartext, ca: null, token, tokens: tokensOf(scene) },
    )
  }
  return targets
}

/** One for each second of the test. */
function tokensOf(scene: HttpScene): Record<number, string> {
  const seconds = Array.from({ length: (5 * TIMEOUT_MS) / 1000 }, (_, i) => i + 1)
  const nowSeconds = Math.floor(Date.now() / 1000)
  return Object.fromEntries(seconds.map((second) => [nowSeconds + second, scene.token(second)]))
}

async function openCleartext({ app }: HttpScene): Promise<number> {
  const sessions = new Set<ServerHttp2Session>()
  // Node types the requests of HTTP/2 apart; Fastify takes either.
  const server = createServer(app.routing as unknown as Parameters<typeof createServer>[1])
  server.on('session', (session) => sessions.add(session.once('close', () => sessions.delete(session))))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port // a TCP server's address is never a path
}

interface Tally {
  readonly streams: number
  readonly records: number
  readonly bytes: number
  /** Streams by the reason that they were told; those that left by themselves under ''. */
  readonly ends: Readonly<Record<string, number>>
}

type Message = { type: 'stopped'; tally: Tally } | { type: 'wrong'; text: string }

/** The clients' process. */
class Clients {
  tally: Tally = { streams: 0, records: 0, bytes: 0, ends: {} }
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown>
  readonly #targets: readonly Target[]
  /** What a client saw that it must not have seen. */
  #wrong: string | null = null

  constructor(targets: readonly Target[]) {
    this.#targets = targets
    const program = fileURLToPath(new URL('pattern-clients.mjs', import.meta.url))
    this.#child = fork(program, { env: { ...process.env, SEED: '7' }, execArgv: [] })
    this.#exit = once(this.#child, 'exit')
    this.#child.on('message', (message: Message) => {
      if (message.type === 'wrong') this.#wrong = message.text
      else this.tally = message.tally
    })
  }

  /** Clients come and go while `work` goes on. */
  async during(work: () => Promise<void>): Promise<void> {
    this.#child.send({ type: 'run', targets: this.#targets, clientsPerTarget: CLIENTS_PER_TARGET })
    await Promise.race([work(), this.#ended()])
    this.#child.send({ type: 'stop' })
    await Promise.race([once(this.#child, 'message'), this.#ended()])
  }

  /** Rejects when the process ends, with what it saw. */
  async #ended(): Promise<never> {
    await this.#exit
    throw new Error(this.#wrong ?? 'the process of the clients ended')
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return
    this.#child.kill()
    await this.#exit
  }
}

/** Appends this many bytes to the topics, as fast as a few clients of each follow. */
async function write(scenes: ReadonlyMap<string, HttpScene>, bytesMax: number): Promise<void> {
  const bytesEach = bytesMax / scenes.size
  await Promise.all([...scenes].map(([name, scene]) => writeTopic(name, scene, bytesEach)))
}

async function writeTopic(name: string, scene: HttpScene, bytesMax: number): Promise<void> {
  const { topic, app } = scene
  const { figures } = app.kafkaSseStreams
  for (let bytes = 0; bytes < bytesMax; ) {
    const deliveredBytes = figures.bytesDelivered
    let batchBytes = 0
    while (batchBytes < BATCH_BYTES) batchBytes += produceNext(name, topic)
    bytes += batchBytes
    const untilMs = Date.now() + PATIENCE_MS
    while (
      figures.bytesDelivered - deliveredBytes < READERS_THAT_KEEP_UP * batchBytes &&
      Date.now() < untilMs
    )
      await nextTurn()
    scene.lines.length = 0 // the log is not what is measured here
  }
}

function produceNext(name: string, topic: TopicInMemory): number {
  const offset = topic.bus.position().get(0) ?? 0
  const value = recordValue(name, offset)
  topic.produce(value, recordKey(name, offset))
  return value.length
}

/** Waits until every stream is gone, checks that no segment has a reader, and returns the resident set. */
async function settled(scenes: ReadonlyMap<string, HttpScene>, pool: WatchedPool): Promise<number> {
  const open = () => [...scenes.values()].map(({ app }) => app.kafkaSseStreams.figures.streamsOpen)
  const counted = () => [...pool.segments].filter((segment) => segment.holdCount !== 0)
  await vi.waitFor(() => expect(open()).toEqual([0, 0]), { timeout: TIMEOUT_MS })
  await vi.waitFor(() => expect(counted()).toHaveLength(0), { timeout: TIMEOUT_MS })
  return residentBytes()
}

/** The resident set without the room that V8 keeps for new objects, which grows and shrinks by V8's own rules. */
function residentBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: object) => void
  for (let i = 0; i < 2; i++) collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  const { rss, heapTotal, heapUsed } = process.memoryUsage()
  return rss - (heapTotal - heapUsed)
}
