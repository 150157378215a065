// The life of a stream: what it sends, challenges and renewals, clocks that are set, peers that take nothing, limits,
// and draining.

import { describe, expect, it, vi } from 'vitest'
import { parseSelector } from '../../../src/routing/selector.ts'
import type { Session } from '../../../src/token/session.ts'
import { MemorySink, StreamsScene, said, sessionFor } from '../../support/streams-scene.ts'
import { pass, useFakeTime } from '../../support/time.ts'
import { TopicInMemory } from '../../support/topic-in-memory.ts'

const CHALLENGE =
  'event:challenge\ndata:{"method":"POST","headers":{"content-type":"application/x-challenge-response"}}\n\n'
useFakeTime()

describe('a stream', () => {
  it('begins with a jittered retry of 1 to 5 s, and says when it is live', async () => {
    const scene = new StreamsScene()
    const retries = Array.from({ length: 50 }, () => Number(/^retry:(\d+)\n\n/.exec(scene.open().text)?.[1]))
    expect(Math.min(...retries)).toBeGreaterThanOrEqual(1000)
    expect(Math.max(...retries)).toBeLessThanOrEqual(5000)
    expect(new Set(retries).size).toBeGreaterThan(10)
  })

  it('whose client has left before it opens is counted and released, and waits for nothing', async () => {
    for (const isCaughtUp of [true, false]) {
      const scene = new StreamsScene()
      scene.topic.bus.caughtUp = isCaughtUp
      const sink = new MemorySink()
      sink.close('cancelled')
      let released = 0
      scene.open({ sink, admitted: { release: () => void released++ } })
      await pass(60_000)
      const { streamsOpen, streamsOpened, streamsEnded } = scene.streams.figures
      expect([streamsOpen, streamsOpened, streamsEnded.client, released]).toEqual([0, 1, 1, 1])
      expect(sink.text).toBe('')
      await scene.streams.drain(1000)
    }
  })

  it('sends what is there, then :ready, then what comes', async () => {
    const scene = new StreamsScene()
    scene.topic.produce('one')
    const sink = scene.open()
    await pass(1)
    scene.topic.produce('two')
    await pass(1)
    expect(said(sink)).toBe('data:one\nid:AQIAAg==\n\n:ready\n\ndata:two\nid:AQIABA==\n\n')
  })

  it('says the same as events if signals are asked for', async () => {
    const scene = new StreamsScene()
    scene.topic.produce('one')
    const sink = scene.open({ signals: true, requested: { id: '====' }, session: sessionFor(40) })
    await pass(10_000)
    await pass(31_000)
    expect(said(sink)).toBe(
      ':gap undecodable\nevent:gap\ndata:{"reason":"undecodable"}\nid:AQA=\n\n' +
        'data:one\nid:AQIAAg==\n\n' +
        ':ready\nevent:ready\ndata:{}\nid:AQIAAg==\n\n' +
        ':\nevent:ping\ndata:{}\n\n'.repeat(3) +
        CHALLENGE +
        ':\nevent:ping\ndata:{}\n\n' +
        ':end expired\nevent:end\ndata:{"reason":"expired","reconnect":true}\n\n',
    )
  })

  it('is never silent for longer than the heartbeat, whose id has a position that moved without a record', async () => {
    const scene = new StreamsScene()
    const sink = scene.open()
    await pass(9_100)
    expect(said(sink)).toBe(':ready\n\n:\nid:AQIAAA==\n\n')
    await pass(9_100)
    expect(said(sink)).toBe(':ready\n\n:\nid:AQIAAA==\n\n:\n\n')
    scene.topic.bus.advance(0, 64)
    scene.topic.bus.publish()
    await pass(9_100)
    expect(said(sink)).toBe(':ready\n\n:\nid:AQIAAA==\n\n:\n\n:\nid:AQIAgAE=\n\n')
  })

  it('waits with nothing but heartbeats until the bus has caught up', async () => {
    const topic = new TopicInMemory()
    topic.bus.caughtUp = false
    const scene = new StreamsScene(topic)
    const sink = scene.open()
    topic.produce('one')
    await pass(9_100)
    expect(said(sink)).toBe(':\n\n')
    topic.bus.markCaughtUp()
    await pass(1)
    expect(said(sink)).toBe(':\n\ndata:one\nid:AQIAAg==\n\n:ready\n\n')
  })
})

describe('a challenge', () => {
  it('comes 10 s before exp, once, in exactly these bytes, and the stream ends cleanly at exp', async () => {
    const sink = new StreamsScene().open({ session: sessionFor(30) })
    await pass(19_900)
    expect(sink.text).not.toContain('challenge')
    await pass(200)
    expect(sink.text).toContain(`\n\n${CHALLENGE}`)
    await pass(9_800)
    expect(sink.ended).toBeNull()
    await pass(200)
    expect(sink.text.match(/challenge\n/g)).toHaveLength(1)
    expect(sink.text.endsWith(':end expired\n\n')).toBe(true)
    expect(sink.ended).toBe('clean')
  })

  it('comes at once for a token with less than 10 s to live', async () => {
    const sink = new StreamsScene().open({ session: sessionFor(5) })
    await pass(1)
    expect(sink.text).toContain(CHALLENGE)
  })

  it('follows the new exp after a renewal, and reaches every stream of the subject', async () => {
    const scene = new StreamsScene()
    const sinks = [scene.open({ session: sessionFor(30) }), scene.open({ session: sessionFor(30) })]
    await pass(21_000)
    expect(scene.renew()).toBe(2)
    await pass(19_500)
    for (const sink of sinks) expect(sink.text.match(/challenge\n/g)).toHaveLength(1)
    await pass(1_000)
    for (const sink of sinks) expect(sink.text.match(/challenge\n/g)).toHaveLength(2)
    await pass(10_000)
    for (const sink of sinks) expect(sink.ended).toBe('clean')
  })
})

describe('a wall clock that is set', () => {
  const HOUR_MS = 3_600_000
  const set = (ms: number) => vi.setSystemTime(Date.now() + ms)
  const challenges = (sink: MemorySink) => sink.text.match(/event:challenge\n/g)?.length ?? 0

  it('back by a minute silences no heartbeat', async () => {
    const sink = new StreamsScene().open()
    await pass(1_000)
    set(-60_000)
    await pass(28_000)
    expect(sink.text.match(/^:\n/gm)).toHaveLength(3)
  })

  it('forward by 31 s makes no stream slow whose write is 50 ms old', async () => {
    const scene = new StreamsScene()
    const sink = scene.open()
    await pass(1_000)
    sink.isQuick = false
    scene.topic.produce('one')
    await pass(50)
    set(31_000)
    await pass(29_000)
    expect(sink.ended).toBeNull()
    await pass(2_000)
    expect(sink.ended).toBe('cancelled')
  })

  it('back by an hour lets no stream outlive its token, which is challenged in time', async () => {
    const sink = new StreamsScene().open({ session: sessionFor(30) })
    await pass(1_000)
    set(-HOUR_MS)
    await pass(19_200)
    expect(challenges(sink)).toBe(1)
    await pass(9_700)
    expect(sink.ended).toBeNull()
    await pass(250)
    expect(sink.ended).toBe('clean')
    expect(challenges(sink)).toBe(1)
  })

  it('back by an hour leaves what is in flight at exp no longer than a quarter of a second', async () => {
    const sink = new StreamsScene().open({ sink: new MemorySink(false), session: sessionFor(20) })
    await pass(20_000)
    set(-HOUR_MS)
    await pass(450)
    expect(sink.ended).toBe('cancelled')
  })

  it('forward beyond exp ends every stream within half a second', async () => {
    const scene = new StreamsScene()
    const sinks = [30, 60, 3_000].map((seconds) => scene.open({ session: sessionFor(seconds) }))
    const later = scene.open({ session: sessionFor(2 * 3600) })
    await pass(3_000) // nothing is due before the heartbeat
    set(HOUR_MS)
    await pass(450)
    for (const sink of sinks) expect(sink.ended).toBe('clean')
    expect(later.ended).toBeNull()
  })

  it('forward brings the challenge to 10 s before the end that comes first, and only one for each exp', async () => {
    const sink = new StreamsScene().open({ session: sessionFor(30) })
    await pass(1_000)
    set(15_000)
    await pass(3_900)
    expect(challenges(sink)).toBe(0)
    await pass(300)
    expect(challenges(sink)).toBe(1)
    set(-15_000)
    await pass(9_700)
    set(5_000)
    await pass(5_000)
    expect(challenges(sink)).toBe(1)
    expect(sink.ended).toBeNull()
    await pass(5_200)
    expect(sink.ended).toBe('clean')
  })

  it('back by an hour makes no earlier token of the stream good again, nor the present one', async () => {
    const scene = new StreamsScene()
    const former = sessionFor(30)
    const sink = scene.open({ session: former })
    await pass(1_000)
    const session = sessionFor(60)
    scene.renew({ session })
    await pass(40_000)
    for (const again of [session, former, sessionFor(-1)]) {
      set(-HOUR_MS)
      scene.renew({ session: again })
    }
    await pass(20_200)
    expect(sink.ended).toBe('clean')
    expect(challenges(sink)).toBe(1)
  })

  it('back by an hour accepts a renewal whose exp is later than the one so far', async () => {
    const scene = new StreamsScene()
    const session = sessionFor(30)
    const sink = scene.open({ session })
    await pass(1_000)
    set(-HOUR_MS)
    scene.renew({ session: { ...session, expiresAtMs: session.expiresAtMs + 30_000 } })
    await pass(60_000)
    expect(sink.ended).toBeNull()
  })
})

describe('a renewal', () => {
  it('never shortens a stream', async () => {
    const scene = new StreamsScene()
    const sink = scene.open({ session: sessionFor(60) })
    expect(scene.renew({ session: sessionFor(1) })).toBe(1)
    await pass(59_000)
    expect(sink.ended).toBeNull()
  })

  it('reaches only streams whose scope it grants: it may come from a server with other options', () => {
    const scene = new StreamsScene()
    scene.open({ scope: 'orders:read' })
    scene.open({ scope: null })
    const by = (...scopes: string[]) => scene.renew({ session: sessionFor(30, { scopes: new Set(scopes) }) })
    expect([by('proxy:stream'), by('orders:read'), by()]).toEqual([1, 2, 1])
  })

  it('reaches only streams of the same path, issuer and subject', () => {
    const scene = new StreamsScene()
    scene.open()
    const renew = (route: string, changes: Partial<Session>, params = '[]') =>
      scene.renew({ route, params, session: sessionFor(60, changes) })
    expect(renew('/events', {})).toBe(1)
    expect(renew('/events', {}, '[["topic","a"]]')).toBe(0)
    expect(renew('/others', {})).toBe(0)
    expect(renew('/events', { subject: 'another' })).toBe(0)
    expect(renew('/events', { issuer: 'https://elsewhere.example.com' })).toBe(0)
    expect(renew('/events', { subject: null })).toBe(0)
  })

  it.each<[string, Partial<Session>, readonly number[]]>([
    ['the same session and client', { sessionId: 's1', client: 'web' }, [1, 1, 1, 1]],
    ['another session', { sessionId: 's2', client: 'web' }, [0, 0, 1, 1]],
    ['another client', { sessionId: 's1', client: 'cli' }, [0, 1, 0, 1]],
    ['neither', {}, [0, 0, 0, 1]],
  ])('of %s reaches streams whose opening token had the same, or had none', (_what, changes, reached) => {
    const openings = [
      { sessionId: 's1', client: 'web' },
      { sessionId: 's1' },
      { client: 'web' },
      {},
    ] satisfies Partial<Session>[]
    const renewals = openings.map((opening) => {
      const scene = new StreamsScene()
      scene.open({ session: sessionFor(30, opening) })
      return scene.renewal({ session: sessionFor(60, changes) })
    })
    expect(renewals).toEqual(reached.map((renewed) => ({ renewed, others: 0 })))
  })

  it('goes by the session that opened the stream, not by a later one', () => {
    const scene = new StreamsScene()
    scene.open({ session: sessionFor(30) })
    expect(scene.renew({ session: sessionFor(60, { sessionId: 's1' }) })).toBe(1)
    expect(scene.renew({ session: sessionFor(90, { sessionId: 's2' }) })).toBe(1)
  })

  it('goes by the subject alone where the settings say so', () => {
    const scene = new StreamsScene(undefined, { renewBy: 'subject' })
    scene.open({ session: sessionFor(30, { sessionId: 's1', client: 'web' }) })
    expect(scene.renew({ session: sessionFor(60, { sessionId: 's2' }) })).toBe(1)
    expect(
      scene.renew({ session: sessionFor(60, { subject: 'another', sessionId: 's1', client: 'web' }) }),
    ).toBe(0)
  })

  it('reaches only streams that were granted the same, and counts the others', async () => {
    const scene = new StreamsScene()
    const session = sessionFor(30)
    const [kept, other] = [scene.open({ session, granted: 'a' }), scene.open({ session, granted: 'b' })]
    scene.open({ session, granted: 'b', route: '/others' })
    const renewed = { session: sessionFor(60) }
    expect(scene.renewal({ ...renewed, granted: 'c' })).toEqual({ renewed: 0, others: 2 })
    expect(scene.renewal({ ...renewed, granted: 'a' })).toEqual({ renewed: 1, others: 1 })
    expect(
      scene.renewal({ ...renewed, granted: 'a', session: sessionFor(60, { subject: 'another' }) }),
    ).toEqual({
      renewed: 0,
      others: 0,
    })
    await pass(31_000)
    expect([kept.ended, other.ended]).toEqual([null, 'clean'])
  })

  it('without a subject reaches only streams that were opened with the token it names', () => {
    const scene = new StreamsScene()
    scene.open({ session: sessionFor(60, { subject: null, tokenDigest: 'one' }) })
    scene.open({ session: sessionFor(60, { subject: null, tokenDigest: 'two' }) })
    const fresh = sessionFor(90, { subject: null, tokenDigest: 'three' })
    expect(scene.renew({ session: fresh, previousDigest: 'one' })).toBe(1)
    expect(scene.renew({ session: fresh, previousDigest: null })).toBe(0)
    expect(scene.renew({ session: fresh, previousDigest: 'three' })).toBe(0)
    expect(
      scene.renew({ session: { ...fresh, issuer: 'https://elsewhere.example.com' }, previousDigest: 'one' }),
    ).toBe(0)
  })
})

describe('a peer that does not take what it is sent', () => {
  it('has one write of records in flight, grown only while writes come back quickly', async () => {
    const scene = new StreamsScene()
    for (let i = 0; i < 6000; i++) scene.topic.produce('x'.repeat(1000))
    const sink = scene.open({ sink: new MemorySink(false) })
    await pass(1)
    const sizes: number[] = []
    for (let i = 0; i < 10; i++) {
      sizes.push(sink.pending.reduce((bytes, write) => bytes + write.bytes, 0))
      sink.take()
      await pass(1)
    }
    expect(sizes[0]).toBeLessThanOrEqual(17 * 1024)
    expect(Math.max(...sizes)).toBeGreaterThan(120 * 1024)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(128 * 1024)
    await pass(250)
    sink.take()
    await pass(1)
    expect(sink.pending[0]?.bytes).toBeLessThanOrEqual(64 * 1024)
  })

  it('is ended as slow after the stated time, and holds no segment then', async () => {
    const scene = new StreamsScene()
    for (let i = 0; i < 100; i++) scene.topic.produce('x'.repeat(1000))
    const sink = scene.open({ sink: new MemorySink(false) })
    await pass(1)
    expect(scene.topic.bus.segments[0]?.holdCount).toBe(1)
    await pass(30_000)
    expect(sink.ended).toBeNull()
    await pass(1_500)
    expect(sink.ended).toBe('cancelled')
    expect(scene.streams.figures.streamsEnded.slow).toBe(1)
    expect(scene.topic.bus.segments[0]?.holdCount).toBe(0)
  })

  it('is ended as slow on an idle stream, too, and gets no pile of heartbeats meanwhile', async () => {
    const scene = new StreamsScene()
    const sink = scene.open({ sink: new MemorySink(false) })
    await pass(29_000)
    expect(sink.pending.length).toBeLessThanOrEqual(3)
    await pass(2_000)
    expect(sink.ended).toBe('cancelled')
  })

  it('gets as much time for a signal after a large write as for the write', async () => {
    const scene = new StreamsScene()
    const sink = scene.open({ session: sessionFor(50) })
    await pass(1)
    sink.isQuick = false
    scene.topic.produce('x'.repeat(1024 * 1024))
    await pass(41_000)
    expect(sink.text).toContain('event:challenge')
    scene.renew({ session: sessionFor(200) })
    await pass(51_000)
    expect(sink.ended).toBeNull()
    sink.pending.shift()?.taken()
    await pass(28_000)
    expect(sink.ended).toBeNull()
    await pass(3_000)
    expect(sink.ended).toBe('cancelled')
    expect(scene.streams.figures.streamsEnded.slow).toBe(1)
  })

  it('is cut off within half a second of exp', async () => {
    const scene = new StreamsScene()
    scene.topic.produce('x'.repeat(10_000))
    const sink = scene.open({ sink: new MemorySink(false), session: sessionFor(20) })
    await pass(20_000)
    expect(sink.ended).toBeNull()
    await pass(450)
    expect(sink.ended).toBe('cancelled')
    expect(scene.streams.figures.streamsEnded.expired).toBe(1)
  })

  it('gets its challenge behind at most one write of records', async () => {
    const scene = new StreamsScene()
    for (let i = 0; i < 1000; i++) scene.topic.produce('x'.repeat(1000))
    const sink = scene.open({ sink: new MemorySink(false), session: sessionFor(20) })
    await pass(10_200)
    expect(sink.text.endsWith(CHALLENGE)).toBe(true)
    expect(sink.text.length).toBeLessThan(20 * 1024)
  })

  it('keeps its heartbeat in time after a write that was taken late', async () => {
    const scene = new StreamsScene()
    const sink = scene.open()
    await pass(100)
    sink.isQuick = false
    scene.topic.produce('one')
    await pass(9_500)
    sink.take()
    const before = sink.text.length
    await pass(1_100)
    expect(sink.text.slice(before)).toBe(':\n\n')
  })
})

describe('the end of everything', () => {
  it('ends every stream with `:end`, takes no more, and resolves when the last is gone', async () => {
    const scene = new StreamsScene()
    const sinks = Array.from({ length: 8 }, () => scene.open())
    const drained = scene.streams.drain(10_000)
    expect(await scene.streams.refusal('127.0.0.1')).toBe('draining')
    await pass(9_000)
    await drained
    for (const sink of sinks) expect(sink.text.endsWith(':end shutdown\n\n')).toBe(true)
    expect(scene.streams.figures.streamsOpen).toBe(0)
  })

  it('ends a stream, too, that opens behind it, because its request has waited', async () => {
    const scene = new StreamsScene()
    scene.open()
    const closed = scene.streams.close()
    const late = scene.open()
    await pass(1_000)
    await closed
    const later = scene.open()
    await pass(1_000)
    for (const sink of [late, later]) expect(sink.text.endsWith(':end shutdown\n\n')).toBe(true)
    expect(scene.streams.figures).toMatchObject({ streamsOpen: 0, streamsEnded: { shutdown: 3 } })
  })

  it('may be of the streams that are open now alone: others open after it', async () => {
    const scene = new StreamsScene()
    const sink = scene.open()
    scene.streams.endAll()
    const later = scene.open()
    await pass(100)
    expect(sink.text.endsWith(':end busy\n\n')).toBe(true)
    expect(later.ended).toBeNull()
    expect(await scene.streams.refusal('127.0.0.1')).toBeNull()
  })

  it('ends a few streams at once, and many over most of the time', async () => {
    const few = new StreamsScene()
    for (let i = 0; i < 8; i++) few.open()
    void few.streams.drain(60_000)
    await pass(500)
    expect(few.streams.figures.streamsOpen).toBe(0)
    const many = new StreamsScene()
    for (let i = 0; i < 400; i++) many.open()
    void many.streams.drain(10_000)
    await pass(4_000)
    expect(many.streams.figures.streamsOpen).toBeGreaterThan(180)
    expect(many.streams.figures.streamsOpen).toBeLessThan(220)
    await pass(4_100)
    expect(many.streams.figures.streamsOpen).toBe(0)
  })

  it('forces peers that take nothing', async () => {
    const scene = new StreamsScene()
    const sink = scene.open({ sink: new MemorySink(false) })
    const closed = scene.streams.close()
    await pass(1_200)
    await closed
    expect(sink.ended).toBe('cancelled')
  })

  it('leaves nothing behind of streams whose clients left while they waited', async () => {
    const topic = new TopicInMemory()
    topic.bus.caughtUp = false
    const scene = new StreamsScene(topic)
    const sinks = [
      scene.open(),
      scene.open({ requested: { id: 'AQIA0A8=' } }),
      scene.open({ requested: { from: 'latest' } }),
    ]
    for (const sink of sinks) sink.close('clean')
    await pass(1)
    topic.bus.markCaughtUp()
    await pass(1)
    expect(scene.streams.figures.streamsOpen).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a topic that is closed', () => {
  it('is forgotten: its bus wakes nothing more, and a stream of it opens as before', async () => {
    const scene = new StreamsScene(new TopicInMemory(1, { selectors: [parseSelector('key')] }))
    const { bus } = scene.topic
    const listeners = { before: listenersOf(bus), open: 0, after: 0 }
    const conditions = [{ selector: parseSelector('key'), values: new Set(['a']) }]
    const sinks = [scene.open(), scene.open({ conditions })]
    await pass(1)
    listeners.open = listenersOf(bus)
    for (const sink of sinks) sink.close('cancelled')
    scene.streams.forget(scene.topic)
    listeners.after = listenersOf(bus)
    expect(listeners).toEqual({ before: 0, open: 2, after: 0 })
    const again = [scene.open(), scene.open({ conditions })]
    await pass(1)
    scene.topic.produce('one', 'a')
    await pass(1)
    expect(again.map(({ data }) => data)).toEqual([['one'], ['one']])
  })
})

/** How many are called at a publish. */
function listenersOf(bus: object): number {
  return (bus as { listeners: Set<unknown> }).listeners.size // private, because only a test asks
}

describe('limits', () => {
  it('are asked before a stream opens, and each stream gives its place back once, however it ends', async () => {
    const scene = new StreamsScene(new TopicInMemory(), { streamsPerSubjectMax: 1 })
    const session = sessionFor(60)
    const admitted = (await scene.streams.admit('127.0.0.1', session)) ?? undefined
    const sink = scene.open({ session, ...(admitted && { admitted }) })
    expect(await scene.streams.admit('127.0.0.1', session)).toBeNull()
    expect(await scene.streams.refusal('127.0.0.1')).toBeNull()
    sink.close('clean')
    expect(await scene.streams.admit('127.0.0.1', session)).not.toBeNull()
  })

  it('admit no stream once a drain has begun, because it would outlast the drain', async () => {
    const scene = new StreamsScene(new TopicInMemory(), { streamsMax: 1 })
    const asked = scene.streams.admit('127.0.0.1', sessionFor(60))
    await scene.streams.drain(0)
    expect(await asked).toBeNull()
    scene.streams.isDraining = false
    expect(await scene.streams.admit('127.0.0.1', sessionFor(60))).not.toBeNull()
  })

  it('turn a client away with a retry of 5 to 30 s and an end', () => {
    const scene = new StreamsScene()
    const sink = new MemorySink()
    scene.streams.turnAway(sink, false)
    const retryMs = Number(/^retry:(\d+)\n\n:end busy\n\n$/.exec(sink.text)?.[1])
    expect(retryMs).toBeGreaterThanOrEqual(5_000)
    expect(retryMs).toBeLessThanOrEqual(30_000)
    expect(sink.ended).toBe('clean')
  })
})
