// Topics by path in several threads: a worker's mirrors and the main thread's side of them, over a channel.

import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { FedTopic, FedTopicLease, TopicLease, TopicRefusal } from '../../../src/bus/topic.ts'
import { SegmentPool } from '../../../src/segments/segment-pool.ts'
import { Channel, type Port } from '../../../src/threads/channel.ts'
import type { ToMain, ToWorker } from '../../../src/threads/messages.ts'
import { MirroredTopics } from '../../../src/threads/mirrored-topics.ts'
import { WorkerTopics } from '../../../src/threads/worker-topics.ts'
import { TopicLeases } from '../../../src/topics/topic-leases.ts'
import { TopicInMemory } from '../../support/topic-in-memory.ts'

/** Two ports whose messages arrive a turn later, in order, as copies. */
function portPair(): [Port, Port] {
  const listeners: ((message: never) => void)[][] = [[], []]
  const port = (own: number): Port => ({
    postMessage: (message) => {
      const sent = structuredClone(message)
      setImmediate(() => {
        for (const listener of listeners[1 - own] ?? []) listener(sent as never)
      })
    },
    on: (_event, listener) => listeners[own]?.push(listener),
  })
  return [port(0), port(1)]
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await turn()
}

/** The main thread: topics that Kafka has, opened by leases. */
class Main {
  readonly kafka = new Set<string>(['a', 'b'])
  readonly opened: TopicInMemory[] = []
  readonly closed = new Set<TopicInMemory>()
  readonly leases: TopicLeases<TopicInMemory>
  private readonly pool = new SegmentPool(4096)

  constructor(openMax = 10) {
    this.leases = new TopicLeases({
      ...{ idleMs: 0, bytesMax: 2 ** 30, openMax, isOver: () => false },
      bytesOf: ({ bus }) => bus.retainedBytes,
      close: (topic) => {
        this.closed.add(topic)
        topic.bus.close()
      },
      nowMs: () => performance.now(),
    })
  }

  async acquire(name: string): Promise<FedTopicLease | TopicRefusal> {
    await turn()
    if (!this.kafka.has(name)) return 'missing'
    return this.leases.take(name, () => this.open(name)) ?? 'full'
  }

  private open(name: string): TopicInMemory {
    const topic = new TopicInMemory(1, { pool: this.pool }, name)
    this.opened.push(topic)
    return topic
  }
}

class WorkerInMemory {
  readonly topics: MirroredTopics
  readonly side: WorkerTopics
  readonly closed = vi.fn()
  asked = 0
  /** Messages with updates that came. */
  told = 0
  isDead = false
  private readonly channel: Channel<ToMain, ToWorker>

  constructor(main: Main, fixed: readonly FedTopic[] = []) {
    const [mainPort, workerPort] = portPair()
    const side: { topics?: WorkerTopics } = {}
    const toWorker = new Channel<ToWorker, ToMain>(mainPort, {
      updatesTaken: () => side.topics?.updatesTaken(),
      acquireTopic: ({ topic, name }: ToMain['acquireTopic']['body']) => {
        this.asked++
        return side.topics?.acquire(topic, name)
      },
      releaseTopic: ({ topic }: ToMain['releaseTopic']['body']) => side.topics?.release(topic),
    } as never) // only what topics need
    this.side = new WorkerTopics({
      fixed,
      source: main,
      tell: (updates) => toWorker.tell('updates', updates),
    })
    side.topics = this.side
    this.channel = new Channel<ToMain, ToWorker>(workerPort)
    const names = fixed.map(({ name }) => ({ name, ...KIND }))
    this.topics = new MirroredTopics(this.channel, 1, names)
    this.topics.onClosed(this.closed)
    this.channel.handle({
      updates: (updates: never) => {
        if (this.isDead) return
        this.told++
        this.topics.receive(updates)
        this.channel.tell('updatesTaken', null)
      },
    } as never)
    onTestFinished(() => this.die())
  }

  acquire(name: string): Promise<TopicLease | TopicRefusal> {
    return this.topics.acquire(name, 'text', 'latest')
  }

  async lease(name: string): Promise<TopicLease> {
    const lease = await this.acquire(name)
    if (typeof lease === 'string') throw new Error(lease)
    return lease
  }

  die(): void {
    this.isDead = true
    this.channel.close()
    this.side.end()
  }
}

const KIND = { encoding: 'text', keeps: 'latest', selectors: [] } as const

/** What its mirror tells of a topic. */
const position = ({ topic }: TopicLease) => Object.fromEntries(topic.bus.position())

describe('a topic by path in a worker', () => {
  it('is asked for once, however many streams ask at once, and its mirror follows the bus', async () => {
    const main = new Main()
    const worker = new WorkerInMemory(main)
    const leases = await Promise.all(Array.from({ length: 1_000 }, () => worker.lease('a')))
    expect([worker.asked, main.opened.length, new Set(leases.map(({ topic }) => topic)).size]).toEqual([
      1, 1, 1,
    ])
    main.opened[0]?.produce('one')
    await turns(4)
    const [lease] = leases
    expect(lease === undefined ? null : position(lease)).toEqual({ 0: 1 })
  })

  it('has what came before the worker knew that it is open', async () => {
    const main = new Main()
    const worker = new WorkerInMemory(main)
    const first = main.acquire('a')
    await turns(2)
    main.opened[0]?.produce('one')
    const lease = await worker.lease('a')
    await turns(4)
    expect(position(lease)).toEqual({ 0: 1 })
    expect(await first).toBeTypeOf('object')
  })

  it('is one bus for two workers, held until both have left', async () => {
    const main = new Main()
    const workers = [new WorkerInMemory(main), new WorkerInMemory(main)]
    const [one, other] = await Promise.all(workers.map((worker) => worker.lease('a')))
    expect(main.opened).toHaveLength(1)
    one?.release()
    one?.release()
    await turns(2)
    main.leases.sweep()
    expect(main.closed.size).toBe(0)
    expect(workers[0]?.closed).toHaveBeenCalledExactlyOnceWith(one?.topic)
    main.opened[0]?.produce('one')
    await turns(4)
    expect(one === undefined ? null : position(one)).toEqual({ 0: 0 }) // not told any more
    expect(workers[0]?.told).toBe(1)
    expect(other === undefined ? null : position(other)).toEqual({ 0: 1 })
    other?.release()
    await turns(2)
    main.leases.sweep()
    expect(main.closed.size).toBe(1)
  })

  it('that is asked for again has a new mirror, which is told everything', async () => {
    const main = new Main()
    const worker = new WorkerInMemory(main)
    const first = await worker.lease('a')
    main.opened[0]?.produce('one')
    first.release()
    const second = await worker.lease('a') // the bus is still open
    await turns(4)
    expect(second.topic).not.toBe(first.topic)
    expect([position(second), main.opened.length]).toEqual([{ 0: 1 }, 1])
  })

  it('that Kafka lacks is missing to all that ask at once, and asked for again by the next', async () => {
    const main = new Main()
    const worker = new WorkerInMemory(main)
    expect(await Promise.all([worker.acquire('c'), worker.acquire('c')])).toEqual(['missing', 'missing'])
    main.kafka.add('c')
    expect((await worker.lease('c')).topic.name).toBe('c')
    expect(worker.asked).toBe(2)
  })

  it('is released when the worker dies, also while it asks, and its waiting streams are told', async () => {
    const main = new Main()
    const worker = new WorkerInMemory(main)
    await worker.lease('a')
    const asking = worker.acquire('b')
    asking.catch(() => {})
    await turns(1)
    worker.die()
    await expect(asking).rejects.toThrow()
    await turns(4)
    main.leases.sweep()
    expect(main.leases.topics).toEqual([])
  })

  it('does not disturb the topics that are always open', async () => {
    const main = new Main()
    const events = new TopicInMemory(1, {}, 'events')
    const worker = new WorkerInMemory(main, [events])
    const lease = await worker.lease('a')
    events.produce('one')
    main.opened[0]?.produce('two')
    main.opened[0]?.produce('three')
    await turns(6)
    const fixed = worker.topics.open('events', 'text', 'latest')
    expect([Object.fromEntries(fixed.bus.position()), position(lease)]).toEqual([{ 0: 1 }, { 0: 2 }])
    expect(() => worker.topics.open('other', 'text', 'latest')).toThrow('topic other is not read')
  })
})

const DIES_WHILE_A_SECOND_STREAM_IS_TOLD = [
  { do: 'ask', name: 'a', at: 0 },
  { do: 'turn', count: 4 },
  { do: 'ask', name: 'a', at: 0 },
  { do: 'die', at: 0 },
  { do: 'sweep' },
] as const

it('in any order of requests, ends, deaths and records, no mirror is of a closed bus, and nothing stays open', async () => {
  const name = fc.constantFrom('a', 'b', 'c')
  const at = fc.nat(1)
  const step = fc.oneof(
    fc.record({ do: fc.constant('ask' as const), name, at }),
    fc.record({ do: fc.constant('end' as const), which: fc.nat(20) }),
    fc.record({ do: fc.constant('die' as const), at }),
    fc.record({ do: fc.constant('produce' as const), name }),
    fc.record({ do: fc.constant('sweep' as const) }),
    fc.record({ do: fc.constant('turn' as const), count: fc.integer({ min: 1, max: 4 }) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const main = new Main(2)
      const workers = [new WorkerInMemory(main), new WorkerInMemory(main)]
      const leases: { worker: WorkerInMemory; lease: TopicLease }[] = []
      for (const each of steps) {
        const worker = 'at' in each ? workers[each.at] : undefined
        if (each.do === 'ask' && worker !== undefined) {
          worker.acquire(each.name).then(
            (lease) => {
              // Of a dead worker no stream is left to hold it.
              if (typeof lease === 'object' && !worker.isDead) leases.push({ worker, lease })
            },
            () => {}, // it has died
          )
        }
        if (each.do === 'end') leases.splice(each.which, 1)[0]?.lease.release()
        if (each.do === 'die' && worker !== undefined) {
          worker.die()
          workers[each.at] = new WorkerInMemory(main)
          leases.splice(0, leases.length, ...leases.filter((held) => held.worker !== worker))
        }
        if (each.do === 'produce')
          main.leases.topics.find((topic) => topic.name === each.name)?.produce('one')
        if (each.do === 'sweep') main.leases.sweep()
        if (each.do === 'turn') await turns(each.count)
        const alive = new Map(main.leases.topics.map((topic) => [topic.name, topic]))
        expect(alive.size).toBe(main.leases.topics.length)
        for (const { lease } of leases) expect(alive.has(lease.topic.name)).toBe(true)
      }
      await turns(12)
      for (const { lease } of leases) {
        const bus = main.leases.topics.find((topic) => topic.name === lease.topic.name)?.bus
        expect(lease.topic.bus.position()).toEqual(bus?.position())
      }
      for (const { lease } of leases) lease.release()
      await turns(4)
      main.leases.sweep()
      expect(main.leases.topics).toEqual([])
      for (const worker of workers) worker.die()
    }),
    { examples: [[[...DIES_WHILE_A_SECOND_STREAM_IS_TOLD]]] },
  )
})
