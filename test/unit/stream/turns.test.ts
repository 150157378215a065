// Work for thousands of streams at once: the pump does it in its turns, none longer than a turn may be, and none of it
// on the stack of the caller.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FROM_EARLIEST, type RequestedBeginning } from '../../../src/beginning/requested-beginning.ts'
import { formatEventId } from '../../../src/bus/event-id.ts'
import { Cursor } from '../../../src/cursor/cursor.ts'
import { RevokedStreams } from '../../../src/stream/drain.ts'
import { Stream } from '../../../src/stream/stream.ts'
import { Streams } from '../../../src/stream/streams.ts'
import { MemorySink, streamsSettings } from '../../support/streams-scene.ts'
import { TopicInMemory } from '../../support/topic-in-memory.ts'

const STREAMS = 2000
/**
 * A turn is 0.3 ms, and each look at the clock takes 0.01 ms here: so many pieces of work in one turn would take far
 * longer.
 */
const IN_ONE_TURN_MAX = 60
const LOOK_MS = 0.01

let streams: Streams
let sinks: MemorySink[]

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 })
  const startedAtMs = Date.now()
  let looks = 0
  vi.spyOn(performance, 'now').mockImplementation(() => Date.now() - startedAtMs + ++looks * LOOK_MS)
  streams = new Streams(streamsSettings(STREAMS))
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

function open(
  topic: TopicInMemory,
  requested: Partial<RequestedBeginning> = {},
  expiresAtMs = Date.now() + 3_600_000,
): void {
  const session = {
    issuer: 'https://auth.example.com',
    subject: 'example',
    scopes: new Set<string>(),
    expiresAtMs,
    issuedAtMs: null,
    sessionId: null,
    client: null,
    tokenId: null,
    tokenDigest: 'digest',
    claims: {},
  }
  sinks = Array.from({ length: STREAMS }, () => {
    const sink = new MemorySink()
    const admitted = { release: () => {} }
    const request = { topic, sink, session, route: '/', params: '[]', signals: false, admitted }
    streams.open({ ...request, requested: { ...FROM_EARLIEST, ...requested } })
    return sink
  })
}

/**
 * Turns until all is done, none of which does more than its share; what they did before the first is on the caller's
 * stack.
 */
async function expectTurns(done: () => number): Promise<void> {
  await drainMicrotasks()
  expect(done()).toBeLessThan(IN_ONE_TURN_MAX)
  for (let before = done(); before < STREAMS; ) {
    vi.advanceTimersToNextTimer()
    await drainMicrotasks()
    expect(done() - before).toBeLessThan(IN_ONE_TURN_MAX)
    before = done()
  }
}

async function drainMicrotasks(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(1_000)
}

describe('thousands of streams at once', () => {
  it('begin in the turns after the one in which their bus catches up', async () => {
    const topic = new TopicInMemory(4)
    for (let i = 0; i < 20; i++) topic.produce('x', null, i % 4)
    topic.bus.caughtUp = false
    open(topic, { id: formatEventId(new Map([[0, 3]])) })
    await settle()
    const begun = vi.spyOn(Cursor, 'fromPosition')
    topic.bus.markCaughtUp()
    await expectTurns(() => begun.mock.calls.length)
  })

  it('begin in the turns after the one in which Kafka answers', async () => {
    const topic = new TopicInMemory()
    open(topic, { id: formatEventId(new Map([[0, 3]])) })
    await settle()
    const begun = vi.spyOn(Cursor, 'fromPosition')
    topic.answer({ 0: { start: 0, end: 3 } })
    await expectTurns(() => begun.mock.calls.length)
  })

  it('hear of an answer of Kafka in turns, too', async () => {
    const topic = new TopicInMemory()
    open(topic, { id: formatEventId(new Map([[0, 3]])) })
    await settle()
    const told = vi.spyOn(Stream.prototype, 'answered')
    topic.answer({ 0: { start: 0, end: 3 } })
    await expectTurns(() => told.mock.calls.length)
  })

  it('restart in the turns after the one in which their recreated topic is read', async () => {
    const topic = new TopicInMemory()
    topic.produce('old')
    open(topic)
    await settle()
    topic.bus.recreate()
    await settle()
    const begun = vi.spyOn(Cursor, 'fromBeginning')
    topic.bus.setPartition(0, 0)
    topic.bus.markCaughtUp()
    await expectTurns(() => begun.mock.calls.length)
  })

  it('end in as many turns as it takes when everything closes', async () => {
    open(new TopicInMemory())
    await settle()
    const closed = streams.close()
    await expectTurns(() => sinks.filter(({ text }) => text.endsWith(':end shutdown\n\n')).length)
    await vi.advanceTimersByTimeAsync(100)
    await closed
  })

  it('end in as many turns as it takes if one revocation names all', async () => {
    open(new TopicInMemory())
    await settle()
    const revocation = { issuer: 'https://auth.example.com', on: { sub: 'example' }, jti: null, reason: null }
    const looked = vi.spyOn(RevokedStreams.prototype, 'step')
    streams.revokeHere({ ...revocation, beforeMs: Date.now(), untilMs: Date.now() + 60_000 })
    expect(looked).not.toHaveBeenCalled()
    await expectTurns(() => sinks.filter(({ text }) => text.endsWith(':end revoked\n\n')).length)
  })

  it('end in as many turns as it takes when it is not known any more what was revoked', async () => {
    open(new TopicInMemory())
    await settle()
    streams.endAll()
    await expectTurns(() => sinks.filter(({ text }) => text.endsWith(':end busy\n\n')).length)
  })

  it('expire in as many turns as it takes if they have the same exp', async () => {
    const expiresAtMs = Date.now() + 5_000
    open(new TopicInMemory(), {}, expiresAtMs)
    await vi.advanceTimersByTimeAsync(4_000)
    await expectTurns(() => sinks.filter(({ text }) => text.endsWith(':end expired\n\n')).length)
    expect(Date.now() - expiresAtMs).toBeLessThan(250)
  })
})
