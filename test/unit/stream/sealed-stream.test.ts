// Streams whose ids are sealed: what they write is what other streams write, but for the ids, and nothing in it tells
// what others write.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatEventId, parseEventId } from '../../../src/bus/event-id.ts'
import { parseSelector } from '../../../src/routing/selector.ts'
import { type IdSpelling, PLAIN_IDS, SealedSpelling } from '../../../src/sealing/id-spelling.ts'
import { SealedIds } from '../../../src/sealing/sealed-ids.ts'
import type { RouteCondition } from '../../../src/selection/selection.ts'
import { StreamReader } from '../../support/stream-reader.ts'
import { type MemorySink, StreamsScene, said } from '../../support/streams-scene.ts'
import { pass, useFakeTime } from '../../support/time.ts'
import { TopicInMemory } from '../../support/topic-in-memory.ts'

useFakeTime()

const PARTITIONS = 3
const SECRET = Buffer.alloc(32, 1)
const OWN: RouteCondition[] = [{ selector: parseSelector('headers.to'), values: new Set(['own']) }]
const seal = new SealedIds([SECRET]).of('/events', 'own')
const sealed = new SealedSpelling(seal)

function sceneOf(): StreamsScene {
  return new StreamsScene(new TopicInMemory(PARTITIONS, { selectors: [parseSelector('headers.to')] }))
}

interface Written {
  readonly to: string
  readonly key: string
  readonly value: string | null
  readonly partition: number
}

function write({ topic: { bus } }: StreamsScene, { to, key, value, partition }: Written): void {
  bus.append({
    partition,
    offset: bus.nextOffset(partition) ?? 0,
    timestampMs: 0,
    key: Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: [{ name: 'to', value: Buffer.from(to) }],
  })
  bus.publish()
}

const own = (value: string, key = 'k', partition = 0) => ({ to: 'own', key, value, partition })
const others = (value: string, key = 'o', partition = 0) => ({ to: 'others', key, value, partition })

const idsIn = (text: string) => [...text.matchAll(/^id:(.*)$/gm)].map(([, id = '']) => id)

/** What a stream wrote, with every id opened, as an unsealed stream would have it. */
function opened(sink: MemorySink): string {
  return said(sink).replace(
    /^id:(.*)$/gm,
    (_, id) => `id:${formatEventId(seal.open(id) ?? new Map([[9, 9]]))}`,
  )
}

/** Everything with an id: records, a delete, ready, heartbeats, a gap, a record that is too large. */
async function live(scene: StreamsScene, sink: MemorySink): Promise<void> {
  await pass(1)
  write(scene, own('one\ntwo\rid:AQIAAg==\nid:AQIAAg=='))
  write(scene, own('two', 'l', 1))
  write(scene, { ...others('gone'), key: 'k' })
  await pass(20_000)
  write(scene, others('x', 'o', 2))
  await pass(70_000)
  write(scene, own('x'.repeat(17 * 1024 * 1024), 'large'))
  await pass(1)
  write(scene, own('three', 'l', 1))
  await pass(1)
  scene.topic.bus.recreate()
  for (let partition = 0; partition < PARTITIONS; partition++) scene.topic.bus.setPartition(partition, 0)
  scene.topic.bus.markCaughtUp()
  await pass(10_000)
  write(scene, own('four'))
  await pass(1)
  sink.close('cancelled')
}

describe('a stream whose ids are sealed', () => {
  it.each([
    ['with signals', true, OWN],
    ['without signals', false, OWN],
    ['of everything', true, []],
  ])('%s writes what another one writes, but for its ids', async (_, signals, conditions) => {
    const run = async (ids: IdSpelling) => {
      const scene = sceneOf()
      write(scene, own('zero'))
      write(scene, others('other', 'o', 1))
      const sink = scene.open({ conditions, signals, ids })
      await live(scene, sink)
      return sink
    }
    const [plain, hidden] = [await run(PLAIN_IDS), await run(sealed)]
    expect(idsIn(hidden.text).length).toBeGreaterThan(6)
    for (const id of idsIn(hidden.text)) expect(seal.open(id)).not.toBeNull()
    expect(opened(hidden)).toBe(said(plain))
  })

  it('writes no plain id anywhere, as another parser reads it', async () => {
    const scene = sceneOf()
    const sink = scene.open({ conditions: OWN, signals: true, ids: sealed })
    await live(scene, sink)
    const reader = new StreamReader()
    reader.feed(Buffer.from(sink.text))
    const ids = reader.events.flatMap(({ id }) => id ?? [])
    expect(ids.length).toBeGreaterThan(6)
    for (const id of ids) expect(seal.open(id)).not.toBeNull()
    const lines = sink.text.split('\n').filter((line) => !line.startsWith('data:'))
    for (const word of lines.flatMap((line) => line.split(/[:\s]/)))
      expect(word === '' ? null : parseEventId(word)).toBeNull()
  })

  it('goes on from its own id, with padding or without', async () => {
    const scene = sceneOf()
    for (const value of ['one', 'two', 'three']) write(scene, own(value, value))
    const first = scene.open({ conditions: OWN, ids: sealed })
    await pass(1)
    const id = idsIn(first.text)[1] ?? ''
    for (const sent of [id, id.replace(/=+$/, '')]) {
      const sink = scene.open({ conditions: OWN, ids: sealed, requested: { id: sent } })
      await pass(1)
      expect(sink.data).toEqual(['three'])
      expect(said(sink)).not.toContain('gap')
    }
  })

  const position = new Map([
    [0, 1],
    [1, 0],
    [2, 0],
  ])
  const other = (path: string, selection: string, secret = SECRET) =>
    new SealedIds([secret]).of(path, selection).seal(position)
  const flipped = Buffer.from(seal.seal(position), 'base64url')
  flipped[20] = (flipped[20] ?? 0) ^ 1

  it.each([
    ['a plain id', formatEventId(position)],
    ['an id of another path', other('/events/2', 'own')],
    ['an id of another selection', other('/events', 'others')],
    ['an id of another secret', other('/events', 'own', Buffer.alloc(32, 2))],
    ['an id with a changed bit', flipped.toString('base64url')],
    ['what another server makes of an id', `${seal.seal(position)}/etag`],
    ['an id from now on', formatEventId(new Map([[0, -1]]))],
    ['no id', 'no id'],
  ])('cannot read %s: it says so, and begins again with everything', async (_, id) => {
    const scene = sceneOf()
    for (const value of ['one', 'two']) write(scene, own(value, value))
    const sink = scene.open({ conditions: OWN, ids: sealed, requested: { id } })
    await pass(1)
    expect(said(sink)).toMatch(/^:gap undecodable\n\n/)
    expect(sink.data).toEqual(['one', 'two'])
  })

  it('makes ids that a stream of plain ids cannot read', async () => {
    const scene = sceneOf()
    for (const value of ['one', 'two']) write(scene, own(value, value))
    const sink = scene.open({ conditions: OWN, requested: { id: seal.seal(position) } })
    await pass(1)
    expect(said(sink)).toMatch(/^:gap undecodable\n\n/)
    expect(sink.data).toEqual(['one', 'two'])
  })
})

describe('replicas', () => {
  it('with the same secret go on from each other’s ids, although they read the partitions in another order', async () => {
    const written = [0, 1, 2, 0, 1, 2].map((partition, at) => own(`${at}`, `${at}`, partition))
    const [one, two] = [sceneOf(), sceneOf()]
    for (const record of written) write(one, record)
    for (const record of written.toSorted((a, b) => b.partition - a.partition)) write(two, record)
    const first = one.open({ conditions: OWN, ids: sealed })
    await pass(1)
    for (const [at, id] of idsIn(first.text).entries()) {
      const ids = new SealedSpelling(new SealedIds([SECRET]).of('/events', 'own'))
      const sink = two.open({ conditions: OWN, ids, requested: { id } })
      await pass(1)
      expect(said(sink)).not.toContain('gap')
      expect(sink.data.toSorted()).toEqual(written.slice(at + 1).map(({ value }) => value))
    }
  })

  it('with a secret of their own say that they cannot read it, and begin again', async () => {
    const scene = sceneOf()
    write(scene, own('one'))
    const first = scene.open({ conditions: OWN, ids: sealed })
    await pass(1)
    const ids = new SealedSpelling(new SealedIds([Buffer.alloc(32, 2)]).of('/events', 'own'))
    const sink = scene.open({ conditions: OWN, ids, requested: { id: idsIn(first.text)[0] ?? '' } })
    await pass(1)
    expect(said(sink)).toMatch(/^:gap undecodable\n\ndata:one\nid:/)
  })
})

describe('what others write', () => {
  /**
   * Between moments. A heartbeat is due after 9 s and comes up to 20 ms later, as the clock ticks. No number of moments
   * below 90 is so little more than n times 9 s that it decides whether the nth heartbeat has come: 7n of them are
   * n times 100 ms more, and all others are further from it.
   */
  const MOMENT_MS = 1_300
  const MOMENTS = 88
  const moment = fc.nat({ max: MOMENTS - 1 })
  const partition = fc.nat({ max: PARTITIONS - 1 })
  const text = fc.string({ maxLength: 300 })
  const key = fc.constantFrom('k', 'l', 'm')
  const ownTraffic = fc.array(
    fc.record({ moment, key, partition, value: fc.oneof({ weight: 4, arbitrary: text }, fc.constant(null)) }),
    { maxLength: 12 },
  )
  /** Their keys are their own: a key that leaves this stream's selection is this stream's affair. */
  const otherTraffic = fc.array(
    fc.record({ moment, partition, value: text, times: fc.integer({ min: 1, max: 300 }) }),
    {
      maxLength: 12,
    },
  )
  type Own = { moment: number; key: string; partition: number; value: string | null }
  type Others = { moment: number; partition: number; value: string; times: number }

  /** All that one stream wrote while both were writing for almost two minutes. */
  async function streamed(
    mine: readonly Own[],
    theirs: readonly Others[],
    signals: boolean,
  ): Promise<string> {
    const scene = sceneOf()
    const sink = scene.open({ conditions: OWN, signals, ids: sealed })
    await pass(1)
    for (let now = 0; now < MOMENTS; now++) {
      for (const { partition, value, times } of theirs.filter((it) => it.moment === now))
        for (let time = 0; time < times; time++) write(scene, others(value, `o${time}`, partition))
      for (const { key, partition, value } of mine.filter((it) => it.moment === now))
        write(scene, { to: 'own', key: key + partition, value, partition })
      await pass(MOMENT_MS)
    }
    sink.close('cancelled')
    await scene.streams.close()
    return said(sink)
  }

  /** Where ids stand and how long they are, but not which. A heartbeat with an id counts as one without. */
  function shape(text: string): string {
    return text
      .replace(/^(:\n(?:event:ping\ndata:\{\}\n)?)id:[^\n]*\n\n/gm, '$1\n')
      .replace(/^id:(.*)$/gm, (_, id) => `id:${id.length}`)
  }

  it('changes nothing in a sealed stream but its ids’ text, and how often they move, once a minute at most', async () => {
    await fc.assert(
      fc.asyncProperty(
        ownTraffic,
        otherTraffic,
        otherTraffic,
        fc.boolean(),
        async (mine, one, other, signals) => {
          const [first, second] = [await streamed(mine, one, signals), await streamed(mine, other, signals)]
          expect(shape(first)).toBe(shape(second))
          for (const text of [first, second]) {
            expect(new Set(idsIn(text).map((id) => id.length)).size).toBeLessThan(2)
            const heartbeats = text.match(/^:\n(?:event:ping\ndata:\{\}\n)?id:/gm) ?? []
            expect(heartbeats.length).toBeLessThanOrEqual(Math.ceil((MOMENTS * MOMENT_MS) / 60_000))
          }
        },
      ),
      { numRuns: 15 },
    )
  }, 60_000)
})
