// Topics that streams ask for by path: Kafka is asked first, the bus is opened once, and closed when its time is over.

import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { type ReadTopic, type TopicReading, TopicsByPath } from '../../../plugins/kafka/topics-by-path.ts'
import type { FedTopicLease, TopicRefusal } from '../../../src/bus/topic.ts'
import { SegmentPool } from '../../../src/segments/segment-pool.ts'
import type { LeaseBounds } from '../../../src/topics/topic-leases.ts'
import { forThisTest } from '../../support/scene.ts'
import { pass } from '../../support/time.ts'
import { TopicInMemory } from '../../support/topic-in-memory.ts'

const SEGMENT_BYTES = 4096

class ReadInMemory extends TopicInMemory implements ReadTopic {
  isStopped = false

  stop(): void {
    this.isStopped = true
  }
}

class Scene {
  /** What Kafka has, and whether it says so. */
  readonly kafka = new Set<string>()
  isSilent = false
  questions = 0
  /** Topics that are followed and were found by a refresh. */
  readonly found = new Set<string>()
  readonly pool = new SegmentPool(SEGMENT_BYTES)
  readonly opened: ReadInMemory[] = []
  readonly named = new Map<string, ReadInMemory>()
  readonly log = { info: vi.fn() }
  readonly topics: TopicsByPath

  constructor(bounds: Partial<LeaseBounds> = {}) {
    vi.useFakeTimers()
    this.topics = new TopicsByPath({
      source: {
        has: (name, signal) => this.has(name, signal),
        hasFound: (name) => this.found.has(name) && this.kafka.has(name),
      },
      named: ({ name }) => this.named.get(name),
      open: (reading) => this.read(reading),
      pool: this.pool,
      log: this.log,
      nowMs: () => performance.now(),
      ...{ idleMs: 300_000, bytesMax: 2 ** 30, openMax: 100, ...bounds },
    })
  }

  acquire(name: string): Promise<FedTopicLease | TopicRefusal> {
    return this.topics.acquire({ name, encoding: 'text', keeps: 'latest', selectors: [] })
  }

  async lease(name: string): Promise<FedTopicLease> {
    const lease = await this.acquire(name)
    if (typeof lease === 'string') throw new Error(lease)
    return lease
  }

  get open(): string[] {
    return this.topics.open.map(({ name }) => name)
  }

  close(): void {
    this.topics.close()
    vi.useRealTimers()
  }

  private read({ name }: TopicReading): ReadInMemory {
    const topic = new ReadInMemory(1, { pool: this.pool }, name)
    this.opened.push(topic)
    this.found.add(name)
    return topic
  }

  private has(name: string, signal: AbortSignal): Promise<boolean> {
    this.questions++
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
      if (!this.isSilent) setTimeout(() => resolve(this.kafka.has(name)), 10)
    })
  }
}

async function open(bounds: Partial<LeaseBounds> = {}): Promise<Scene> {
  return forThisTest(new Scene(bounds))
}

describe('a topic that streams ask for by path', () => {
  it('is asked for once and opened once, however many streams ask at once', async () => {
    const scene = await open()
    scene.kafka.add('a')
    const acquired = Array.from({ length: 10_000 }, () => scene.lease('a'))
    await pass(20)
    const topics = (await Promise.all(acquired)).map(({ topic }) => topic)
    expect(new Set(topics)).toEqual(new Set(scene.opened))
    expect([scene.questions, scene.opened.length, scene.topics.opened]).toEqual([1, 1, 1])
    expect(await scene.lease('a')).toMatchObject({ topic: topics[0] })
    expect(scene.questions).toBe(1) // Kafka has it, as the last refresh found
  })

  it('that Kafka lacks is missing, until Kafka has it', async () => {
    const scene = await open()
    const missing = scene.acquire('a')
    await pass(20)
    expect(await missing).toBe('missing')
    expect(scene.opened).toEqual([])
    scene.kafka.add('a')
    const there = scene.lease('a')
    await pass(20)
    expect((await there).topic.name).toBe('a')
  })

  it('is unknown while Kafka does not answer, after 5 s', async () => {
    const scene = await open()
    scene.isSilent = true
    const outcome = vi.fn()
    scene.acquire('a').then(outcome)
    await pass(4_990)
    scene.acquire('a').then(outcome) // shares the question
    expect(outcome).not.toHaveBeenCalled()
    await pass(10)
    expect([outcome.mock.calls, scene.questions]).toEqual([[['unknown'], ['unknown']], 1])
    expect(vi.getTimerCount()).toBe(1) // that of the sweep
  })

  it('is closed some time after its last use: no longer fed, its segments in the pool', async () => {
    const scene = await open({ idleMs: 10_000 })
    scene.kafka.add('a')
    const closed = vi.fn()
    scene.topics.onClosed(closed)
    const acquiring = scene.lease('a')
    await pass(20)
    const lease = await acquiring
    const [topic] = scene.opened
    for (let n = 0; n < 100; n++) topic?.produce('x'.repeat(1000), `${n}`)
    const { allocatedBytes } = scene.pool
    expect(topic?.bus.retainedBytes).toBe(allocatedBytes)
    lease.release()
    await pass(9_000)
    expect(scene.open).toEqual(['a'])
    await pass(2_000)
    expect(scene.open).toEqual([])
    expect([topic?.isStopped, topic?.bus.retainedBytes, closed.mock.calls]).toEqual([true, 0, [[topic]]])
    expect(scene.topics.closed).toEqual({ idle: 1, room: 0 })
    expect(scene.topics.closedCounts).toEqual({ recordsAppended: 100, recordsTooLarge: 0 })
    // Another topic takes the same segments.
    scene.kafka.add('b')
    const again = scene.lease('b')
    await pass(20)
    await again
    for (let n = 0; n < 100; n++) scene.opened[1]?.produce('x'.repeat(1000), `${n}`)
    expect(scene.pool.allocatedBytes).toBe(allocatedBytes)
  })

  it('is closed as soon as it is unused, once Kafka has it no more', async () => {
    const scene = await open()
    scene.kafka.add('a')
    const acquiring = scene.lease('a')
    await pass(20)
    const lease = await acquiring
    scene.kafka.delete('a')
    const other = scene.acquire('a')
    await pass(5_000)
    expect([await other, scene.open]).toEqual(['missing', ['a']])
    lease.release()
    await pass(1_000)
    expect(scene.open).toEqual([])
  })

  it('that is configured by name, too, has that bus, and is not closed', async () => {
    const scene = await open({ idleMs: 0 })
    const named = new ReadInMemory(1, {}, 'a')
    scene.named.set('a', named)
    scene.kafka.add('a')
    const acquiring = scene.lease('a')
    await pass(20)
    const lease = await acquiring
    expect(lease.topic).toBe(named)
    lease.release()
    await pass(5_000)
    expect([named.isStopped, scene.topics.opened]).toEqual([false, 0])
  })

  it('makes room for others, the least recently used first; nothing opens while all are used', async () => {
    const scene = await open({ bytesMax: 20 * SEGMENT_BYTES })
    for (const name of ['a', 'b', 'c', 'd']) scene.kafka.add(name)
    const leases = new Map<string, FedTopicLease>()
    for (const name of ['a', 'b', 'c']) {
      const acquiring = scene.lease(name)
      await pass(20)
      leases.set(name, await acquiring)
      for (let n = 0; n < 24; n++) scene.opened.at(-1)?.produce('x'.repeat(1000), `${n}`)
    }
    const refused = scene.acquire('d')
    await pass(3_000)
    expect([await refused, scene.open]).toEqual(['full', ['a', 'b', 'c']])
    leases.get('b')?.release()
    leases.get('a')?.release()
    await pass(1_000)
    expect(scene.open).toEqual(['a', 'c']) // b was left first
    expect(scene.topics.closed).toEqual({ idle: 0, room: 1 })
    const opening = scene.lease('d')
    await pass(20)
    expect((await opening).topic.name).toBe('d')
  })

  it('is refused once everything closes, also to those that wait', async () => {
    const scene = await open()
    scene.kafka.add('a')
    const acquiring = scene.lease('a')
    await pass(20)
    await acquiring
    scene.isSilent = true
    const waiting = scene.acquire('b')
    scene.topics.close()
    expect(await waiting).toBe('unknown')
    expect([scene.open, scene.opened[0]?.isStopped]).toEqual([[], true])
    expect(await scene.acquire('a')).toBe('unknown')
    expect(vi.getTimerCount()).toBe(0)
  })
})

it('in any order of requests, ends, deletions and silences, no stream is on a closed bus and no topic has two', async () => {
  const name = fc.constantFrom('a', 'b', 'c')
  const step = fc.oneof(
    fc.record({ do: fc.constant('ask' as const), name }),
    fc.record({ do: fc.constant('end' as const), at: fc.nat(20) }),
    fc.record({ do: fc.constant('create' as const), name }),
    fc.record({ do: fc.constant('delete' as const), name }),
    fc.record({ do: fc.constant('produce' as const), name, records: fc.nat(60) }),
    fc.record({ do: fc.constant('hush' as const), isSilent: fc.boolean() }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 4_000 }) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const scene = new Scene({ idleMs: 2_000, openMax: 2, bytesMax: 30 * SEGMENT_BYTES })
      const leases: FedTopicLease[] = []
      let waiting = 0
      try {
        scene.kafka.add('a')
        for (const each of steps) {
          if (each.do === 'ask') {
            waiting++
            void scene.acquire(each.name).then((lease) => {
              waiting--
              if (typeof lease !== 'string') leases.push(lease)
            })
          }
          if (each.do === 'end') leases.splice(each.at, 1)[0]?.release()
          if (each.do === 'create') scene.kafka.add(each.name)
          if (each.do === 'delete') scene.kafka.delete(each.name)
          if (each.do === 'hush') scene.isSilent = each.isSilent
          if (each.do === 'pass') await pass(each.ms)
          const unstopped = scene.opened.filter(({ isStopped }) => !isStopped)
          if (each.do === 'produce') {
            const topic = unstopped.find((opened) => opened.name === each.name)
            for (let n = 0; n < each.records; n++) topic?.produce('x'.repeat(1000), `${n}`)
          }
          expect(scene.topics.open).toEqual(unstopped)
          expect(new Set(scene.open).size).toBe(scene.open.length)
          expect(scene.open.length).toBeLessThanOrEqual(2)
          for (const { topic } of leases) expect(unstopped).toContain(topic)
        }
        await pass(5_000)
        expect(waiting).toBe(0)
        for (const lease of leases.splice(0)) lease.release()
        await pass(3_001)
        expect(scene.opened.filter(({ isStopped }) => !isStopped)).toEqual([])
        expect(scene.opened.every(({ bus }) => bus.retainedBytes === 0)).toBe(true)
      } finally {
        scene.close()
      }
    }),
  )
})
