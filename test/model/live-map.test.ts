// What a live map promises, over random topics and connections: it is the topic at every `ready`, shows no part of a
// snapshot, and its snapshots never change. The client's own stream, parser and queue are between the two.

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { connect, LiveMap, type StreamEvent } from '../../client/src/index.ts'
import { KEYS, type Kind, type ModelKey, type ModelValue, TopicServer } from './live-map-topic.ts'

const CASES = 10_000

/** Each is reached in every run, or the model proves less than it says. */
const STATES = [
  'a cut within a snapshot or before ready',
  'a gap of an open stream',
  'a gap within a snapshot',
  'an id that is not honoured',
  'a delete before ready',
  'a delete of a key that the map has',
  'a ready of a map that was ready',
  'a ready after a gap',
  'a ready whose map loads again',
  'a record without a key',
  'a bad record whose key is known',
  'a bad record whose key is not known',
  'a record that is too large',
  'a batch of several changes',
  'a snapshot without a difference',
  'a load because of a record without a known key',
]

type Step =
  | { readonly what: 'append'; readonly key: number; readonly kind: Kind }
  | { readonly what: 'send'; readonly blocks: number; readonly cutAt: number }
  | { readonly what: 'cut'; readonly cutAt: number; readonly clean: boolean }
  | { readonly what: 'wait'; readonly ms: number }
  | { readonly what: 'drain' | 'drop tombstones' | 'gap' | 'recreate' | 'keep a snapshot' }

const what = <T extends string>(name: T) => fc.constant(name)
const kinds: Kind[] = ['value', 'value', 'value', 'delete', 'delete', 'too-large', 'bad', 'keyless']
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      what: what('append'),
      key: fc.nat(KEYS.length - 1),
      kind: fc.constantFrom(...kinds),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ what: what('send'), blocks: fc.integer({ min: 1, max: 5 }), cutAt: fc.nat(120) }),
  },
  { weight: 2, arbitrary: fc.record({ what: what('cut'), cutAt: fc.nat(60), clean: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ what: what('wait'), ms: fc.constantFrom(0, 5, 100, 70_000) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constantFrom('drain', 'drop tombstones', 'gap', 'recreate', 'keep a snapshot'),
    }),
  },
)

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

class Case {
  readonly server: TopicServer
  readonly map: LiveMap<ModelValue>
  /** Copies of snapshots, beside the snapshots. */
  readonly kept: { snapshot: ReadonlyMap<string, ModelValue>; copy: [string, ModelValue][] }[] = []
  private readonly reached: (state: string) => void
  /** What a handler has found: the client throws errors of handlers outside, where no case fails of them. */
  private failure: unknown = null
  private wasReady = false
  private isAfterGap = false
  private connects = 0

  constructor(withEnvelopes: boolean, random: number, reached: (state: string) => void) {
    this.reached = reached
    this.server = new TopicServer(withEnvelopes, reached)
    // This key never leaves the topic, but where the topic is recreated.
    this.server.append(alwaysThere, 'value')
    this.map = new LiveMap<ModelValue>('https://example.test/events', {
      getToken: () => 'token',
      fetch: this.server.fetch,
      random: () => random,
      heartbeatMs: 2 ** 31 - 1,
      ...(withEnvelopes ? {} : { key: ({ id }: ModelValue) => id }),
      onBadRecord: ({ key }) => reached(`a bad record whose key is ${key === null ? 'not ' : ''}known`),
      connect: (url, options) => {
        if (++this.connects > 1) reached('a load because of a record without a known key')
        return connect(url, {
          ...options,
          onEvent: (event) => {
            const before = this.map.getSnapshot()
            void options.onEvent?.(event)
            this.check(() => this.took(event, before))
          },
        })
      },
    })
    this.map.subscribe((changes) => {
      if (changes.size > 1) reached('a batch of several changes')
      this.check(() => this.expectNoFlicker())
    })
  }

  async do(step: Step): Promise<void> {
    const { server } = this
    const connection = server.connection
    if (step.what === 'append') this.append(step)
    else if (step.what === 'send') connection?.send(step.blocks, step.cutAt)
    else if (step.what === 'drain') connection?.drain()
    else if (step.what === 'cut') connection?.cut(step.cutAt, step.clean ? 'clean' : new Error('reset'))
    else if (step.what === 'wait') vi.advanceTimersByTime(step.ms)
    else if (step.what === 'drop tombstones') server.dropTombstones()
    else if (step.what === 'gap') connection?.startAgain('deletes-dropped')
    else if (step.what === 'recreate') this.recreate()
    else this.kept.push({ snapshot: this.map.getSnapshot(), copy: [...this.map.getSnapshot()] })
    await turn()
    if (this.failure !== null) throw this.failure
  }

  /** Everything arrives: the map has to become the topic, and to stay it. */
  async end(): Promise<void> {
    for (let rounds = 0; rounds < 40 && (rounds === 0 || this.map.status !== 'ready'); rounds++) {
      await this.do({ what: 'wait', ms: 3_600_000 })
      await this.do({ what: 'drain' })
    }
    // Shows the last batch.
    vi.advanceTimersByTime(0)
    expect(this.map.status).toBe('ready')
    this.expectTopic(this.server.table)
    for (const { snapshot, copy } of this.kept) expect([...snapshot]).toEqual(copy)
    this.map.close()
    await turn()
  }

  private check(expectation: () => void): void {
    try {
      expectation()
    } catch (error) {
      this.failure ??= error
    }
  }

  private append({ key, kind }: { key: number; kind: Kind }): void {
    const chosen = KEYS[key] ?? alwaysThere
    if (chosen === alwaysThere && kind !== 'keyless') this.server.append(chosen, 'value')
    else this.server.append(chosen, kind)
    if (kind === 'delete' && this.map.has(chosen.text)) this.reached('a delete of a key that the map has')
    if (kind === 'keyless') this.reached('a record without a key')
  }

  private recreate(): void {
    this.server.recreate()
    this.server.append(alwaysThere, 'value')
  }

  private took({ type, data }: StreamEvent, before: ReadonlyMap<string, ModelValue>): void {
    if (type === 'gap' && data === 'too-large') this.reached('a record that is too large')
    else if (type === 'gap') this.isAfterGap = true
    if (type === 'ready') this.caughtUp(before)
    else if (this.map.getSnapshot() !== before) throw new Error('an event changed what is shown')
  }

  private caughtUp(before: ReadonlyMap<string, ModelValue>): void {
    const table = this.server.tables.shift()
    if (table === undefined) throw new Error('a ready that the server has not sent')
    if (this.wasReady) this.reached('a ready of a map that was ready')
    if (this.isAfterGap) this.reached('a ready after a gap')
    if (this.isAfterGap && before === this.map.getSnapshot()) this.reached('a snapshot without a difference')
    if (this.map.status === 'reloading') this.reached('a ready whose map loads again')
    else this.expectTopic(table)
    this.wasReady = true
    this.isAfterGap = false
  }

  // A plain comparison, because an assertion takes longer than all the rest.
  private expectTopic(table: Map<string, ModelValue>): void {
    const isEqual = [...table].every(([key, { id, n }]) => {
      const value = this.map.get(key)
      return value?.id === id && value.n === n
    })
    if (isEqual && this.map.size === table.size && [...this.map].length === table.size) return
    expect(sorted(this.map)).toEqual(sorted(table))
    throw new Error('the map finds another value than it lists')
  }

  private expectNoFlicker(): void {
    if (this.wasReady && !this.map.has(alwaysThere.text))
      throw new Error('the map lacks what was always there')
  }
}

const alwaysThere = KEYS[0] as ModelKey // the list is not empty

function sorted(map: ReadonlyMap<string, ModelValue>): string[] {
  return [...map].map(([key, value]) => JSON.stringify([key, value])).sort()
}

describe('a live map', () => {
  beforeAll(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
  })
  afterAll(() => {
    vi.useRealTimers()
  })

  it('is the topic at every ready, over updates, deletes, gaps, cuts and ids that are gone', async () => {
    const reached = new Map<string, number>()
    const note = (state: string) => reached.set(state, (reached.get(state) ?? 0) + 1)
    const steps = fc.array(step, { minLength: 4, maxLength: 18 })
    const random = fc.constantFrom(0, 0.5, 0.99)
    const property = fc.asyncProperty(fc.boolean(), random, steps, async (withEnvelopes, chance, all) => {
      const scene = new Case(withEnvelopes, chance, note)
      await turn()
      for (const one of all) await scene.do(one)
      await scene.end()
    })
    await fc.assert(property, { numRuns: CASES })
    expect(STATES.filter((state) => !reached.has(state))).toEqual([])
  }, 120_000)
})
