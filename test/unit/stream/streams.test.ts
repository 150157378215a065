import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FROM_EARLIEST, type Wish } from '../../../src/beginning/beginning.ts'
import { formatPosition } from '../../../src/bus/event-id.ts'
import type { Watermarks } from '../../../src/bus/record.ts'
import { Cursor } from '../../../src/cursor/cursor.ts'
import { MergedPosition } from '../../../src/cursor/merged-position.ts'
import type { Admitted } from '../../../src/stream/admission.ts'
import type { Renewal } from '../../../src/stream/holders.ts'
import { Streams, type StreamsSettings } from '../../../src/stream/streams.ts'
import type { Session } from '../../../src/token/session.ts'
import { MemorySink } from '../../support/memory-sink.ts'
import { recordOf, TopicInMemory } from '../../support/topic-in-memory.ts'

const CHALLENGE =
  'event:challenge\ndata:{"method":"POST","headers":{"content-type":"application/x-challenge-response"}}\n\n'
const settings: StreamsSettings = {
  challengeMs: 10_000,
  heartbeatMs: 9_000,
  stalledMs: 30_000,
  turnMs: 0.3,
  streamsMax: 100,
  streamsPerSubjectMax: 10,
  streamsPerAddressMax: 20,
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 })
})
afterEach(() => {
  vi.useRealTimers()
})

function sessionFor(seconds: number, changes: Partial<Session> = {}): Session {
  return {
    issuer: 'https://auth.example.com',
    subject: 'example',
    scopes: new Set(['proxy:stream']),
    expiresAtMs: Date.now() + seconds * 1000,
    tokenDigest: 'digest',
    claims: {},
    ...changes,
  }
}

class Scene {
  readonly topic: TopicInMemory
  readonly streams: Streams

  constructor(topic = new TopicInMemory(), changes: Partial<StreamsSettings> = {}) {
    this.topic = topic
    this.streams = new Streams({ ...settings, ...changes })
  }

  open({
    session = sessionFor(3600),
    sink = new MemorySink(),
    wish = {},
    path = '/events',
    signals = false,
    admitted = { release: () => {} },
  }: {
    session?: Session
    sink?: MemorySink
    wish?: Partial<Wish>
    path?: string
    signals?: boolean
    admitted?: Admitted
  } = {}): MemorySink {
    this.streams.open({
      topic: this.topic,
      sink,
      session,
      path,
      signals,
      admitted,
      wish: { ...FROM_EARLIEST, ...wish },
    })
    return sink
  }

  renew(changes: Partial<Renewal> = {}): number {
    return this.streams.renewHere({
      path: '/events',
      session: sessionFor(30),
      previousDigest: null,
      ...changes,
    })
  }
}

/** Lets everything that was queued run, and this much time pass. */
async function pass(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
}

/** What a stream said after its first line, `retry`. */
function said(sink: MemorySink): string {
  return sink.text.replace(/^retry:\d+\n\n/, '')
}

describe('a stream', () => {
  it('begins with a jittered retry of 1 to 5 s, and says when it is live', async () => {
    const scene = new Scene()
    const retries = Array.from({ length: 50 }, () => Number(/^retry:(\d+)\n\n/.exec(scene.open().text)?.[1]))
    expect(Math.min(...retries)).toBeGreaterThanOrEqual(1000)
    expect(Math.max(...retries)).toBeLessThanOrEqual(5000)
    expect(new Set(retries).size).toBeGreaterThan(10)
  })

  it('whose client has left before it opens is counted in and out, and waits for nothing', async () => {
    for (const isCaughtUp of [true, false]) {
      const scene = new Scene()
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
    const scene = new Scene()
    scene.topic.produce('one')
    const sink = scene.open()
    await pass(1)
    scene.topic.produce('two')
    await pass(1)
    expect(said(sink)).toBe('data:one\nid:AQIAAg==\n\n:ready\n\ndata:two\nid:AQIABA==\n\n')
  })

  it('says the same as events where signals are asked for', async () => {
    const scene = new Scene()
    scene.topic.produce('one')
    const sink = scene.open({ signals: true, wish: { id: '====' }, session: sessionFor(40) })
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

  it('is never silent for longer than the heartbeat, whose id tells a position that moved without a record', async () => {
    const scene = new Scene()
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
    const scene = new Scene(topic)
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
    const sink = new Scene().open({ session: sessionFor(30) })
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
    const sink = new Scene().open({ session: sessionFor(5) })
    await pass(1)
    expect(sink.text).toContain(CHALLENGE)
  })

  it('follows the new exp after a renewal, and reaches every stream of the subject', async () => {
    const scene = new Scene()
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
    const sink = new Scene().open()
    await pass(1_000)
    set(-60_000)
    await pass(28_000)
    expect(sink.text.match(/^:\n/gm)).toHaveLength(3)
  })

  it('forward by 31 s makes nobody slow whose write is 50 ms old', async () => {
    const scene = new Scene()
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
    const sink = new Scene().open({ session: sessionFor(30) })
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
    const sink = new Scene().open({ sink: new MemorySink(false), session: sessionFor(20) })
    await pass(20_000)
    set(-HOUR_MS)
    await pass(450)
    expect(sink.ended).toBe('cancelled')
  })

  it('forward beyond exp ends every stream within half a second', async () => {
    const scene = new Scene()
    const sinks = [30, 60, 3_000].map((seconds) => scene.open({ session: sessionFor(seconds) }))
    const later = scene.open({ session: sessionFor(2 * 3600) })
    await pass(3_000) // nothing is due before the heartbeat
    set(HOUR_MS)
    await pass(450)
    for (const sink of sinks) expect(sink.ended).toBe('clean')
    expect(later.ended).toBeNull()
  })

  it('forward brings the challenge to 10 s before the end that comes first, and only one for each exp', async () => {
    const sink = new Scene().open({ session: sessionFor(30) })
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

  it('back by an hour makes no token good again that the stream had before, be it the present one', async () => {
    const scene = new Scene()
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

  it('back by an hour leaves a renewal what it is where its exp is later than the one so far', async () => {
    const scene = new Scene()
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
    const scene = new Scene()
    const sink = scene.open({ session: sessionFor(60) })
    expect(scene.renew({ session: sessionFor(1) })).toBe(1)
    await pass(59_000)
    expect(sink.ended).toBeNull()
  })

  it('reaches only streams of the same path, issuer and subject', () => {
    const scene = new Scene()
    scene.open()
    const renew = (path: string, changes: Partial<Session>) =>
      scene.renew({ path, session: sessionFor(60, changes) })
    expect(renew('/events', {})).toBe(1)
    expect(renew('/others', {})).toBe(0)
    expect(renew('/events', { subject: 'somebody else' })).toBe(0)
    expect(renew('/events', { issuer: 'https://elsewhere.example.com' })).toBe(0)
    expect(renew('/events', { subject: null })).toBe(0)
  })

  it('without a subject reaches only streams that were opened with the token it names', () => {
    const scene = new Scene()
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
    const scene = new Scene()
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
    const scene = new Scene()
    for (let i = 0; i < 100; i++) scene.topic.produce('x'.repeat(1000))
    const sink = scene.open({ sink: new MemorySink(false) })
    await pass(1)
    expect(scene.topic.bus.segments[0]?.readers).toBe(1)
    await pass(30_000)
    expect(sink.ended).toBeNull()
    await pass(1_500)
    expect(sink.ended).toBe('cancelled')
    expect(scene.streams.figures.streamsEnded.slow).toBe(1)
    expect(scene.topic.bus.segments[0]?.readers).toBe(0)
  })

  it('is ended as slow on an idle stream, too, and is sent no heap of heartbeats meanwhile', async () => {
    const scene = new Scene()
    const sink = scene.open({ sink: new MemorySink(false) })
    await pass(29_000)
    expect(sink.pending.length).toBeLessThanOrEqual(3)
    await pass(2_000)
    expect(sink.ended).toBe('cancelled')
  })

  it('is given no less for a word behind a large write than for the write', async () => {
    const scene = new Scene()
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
    const scene = new Scene()
    scene.topic.produce('x'.repeat(10_000))
    const sink = scene.open({ sink: new MemorySink(false), session: sessionFor(20) })
    await pass(20_000)
    expect(sink.ended).toBeNull()
    await pass(450)
    expect(sink.ended).toBe('cancelled')
    expect(scene.streams.figures.streamsEnded.expired).toBe(1)
  })

  it('gets its challenge behind at most one write of records', async () => {
    const scene = new Scene()
    for (let i = 0; i < 1000; i++) scene.topic.produce('x'.repeat(1000))
    const sink = scene.open({ sink: new MemorySink(false), session: sessionFor(20) })
    await pass(10_200)
    expect(sink.text.endsWith(CHALLENGE)).toBe(true)
    expect(sink.text.length).toBeLessThan(20 * 1024)
  })

  it('keeps its heartbeat in time after a write that was taken late', async () => {
    const scene = new Scene()
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

describe('an id', () => {
  const withRecords = () => {
    const topic = new TopicInMemory(2)
    topic.produce('a0', 'a', 0)
    topic.produce('b0', 'b', 1)
    topic.produce('a1', 'a', 0)
    return topic
  }
  const recordsOf = (sink: MemorySink) => [...sink.text.matchAll(/^data:(.*)$/gm)].map((match) => match[1])

  it('is resumed from: what comes after it, each once, superseded values included', async () => {
    const scene = new Scene(withRecords())
    const sink = scene.open({ wish: { id: 'AQQAAAIC' } }) // {0:0, 1:1}
    await pass(1)
    expect(recordsOf(sink)).toEqual(['a0', 'a1'])
    expect(sink.text).not.toContain('gap')
  })

  it('leaves a partition out: that one is read from its beginning, without a gap', async () => {
    const scene = new Scene(withRecords())
    const sink = scene.open({ wish: { id: 'AQIABA==' } }) // {0:2}
    await pass(1)
    expect(recordsOf(sink)).toEqual(['b0'])
    expect(sink.text).not.toContain('gap')
  })

  it('of -1 and -2 means from now and from the beginning', async () => {
    const scene = new Scene(withRecords())
    const sink = scene.open({ wish: { id: 'AQQAAQID' } }) // {0:-1, 1:-2}
    await pass(1)
    scene.topic.produce('a2', 'a', 0)
    await pass(1)
    expect(recordsOf(sink)).toEqual(['b0', 'a2'])
  })

  it('that cannot be read, or not be honoured, means the beginning after one :gap', async () => {
    const scene = new Scene(withRecords())
    scene.topic.answer({ 0: { start: 0, end: 2 }, 1: { start: 0, end: 1 } })
    for (const [id, reason] of [
      ['====', 'undecodable'],
      ['AQIAAh==', 'undecodable'],
      ['A'.repeat(20_000), 'undecodable'],
      ['AQIA0A8=', 'beyond-end'], // {0:1000}
      ['AQYAAgICBAI=', 'beyond-end'], // a partition 2
    ] as const) {
      const sink = scene.open({ wish: { id, from: 'latest' } })
      await pass(1_100) // a list that lacks a partition is asked for again
      expect(said(sink)).toMatch(new RegExp(`^:gap ${reason}\n\n`))
      expect(sink.text.match(/:gap/g)).toHaveLength(1)
      expect(recordsOf(sink)).toEqual(['b0', 'a1'])
    }
    expect(scene.streams.figures.gaps).toEqual({ undecodable: 3, 'beyond-end': 2 })
  })

  it('ahead of this process waits until Kafka has answered, with heartbeats, and is no gap', async () => {
    const topic = withRecords()
    const scene = new Scene(topic)
    const sink = scene.open({ wish: { id: 'AQQABgIC' } }) // {0:3, 1:1}: one record further than this bus
    await pass(9_100)
    expect(said(sink)).toBe(':\n\n')
    topic.answer({ 0: { start: 0, end: 4 }, 1: { start: 0, end: 1 } })
    await pass(1)
    topic.produce('a2', 'a', 0)
    topic.produce('a3', 'a', 0)
    await pass(1)
    expect(recordsOf(sink)).toEqual(['a3'])
    expect(sink.text).not.toContain('gap')
  })

  it('ahead of this process waits no longer than until the process gets there, whether Kafka answers or not', async () => {
    const topic = withRecords()
    const sink = new Scene(topic).open({ wish: { id: 'AQQABgIC' } }) // {0:3, 1:1}
    await pass(1_000)
    topic.produce('a2', 'a', 0)
    topic.produce('a3', 'a', 0)
    await pass(2)
    expect(recordsOf(sink)).toEqual(['a3'])
    expect(sink.text).not.toContain('gap')
  })

  it('ahead in a partition whose end Kafka tells waits for no other partition', async () => {
    const topic = withRecords()
    const scene = new Scene(topic)
    topic.answer({ 0: { start: 0, end: 3 }, 1: null })
    const sinks = [
      scene.open({ wish: { id: 'AQQABgIC' } }), // {0:3, 1:1}
      scene.open({ wish: { id: 'AQQABgIA' } }), // {0:3, 1:0}
      scene.open({ wish: { id: 'AQQACALQDw==' } }), // {0:4, 1:1000}: beyond in one, and nobody knows of the other
    ]
    await pass(2)
    expect(sinks.map(recordsOf)).toEqual([[], ['b0'], ['b0', 'a1']])
    expect(sinks.map((sink) => sink.text.includes(':gap beyond-end'))).toEqual([false, false, true])
    topic.answer({ 0: null, 1: { start: 0, end: 9 } })
    const beyond = scene.open({ wish: { id: 'AQQACALQDw==' } }) // {0:4, 1:1000}: the silent one first
    await pass(2)
    expect(beyond.text).toContain(':gap beyond-end')
  })

  it('ahead where a leader is silent is taken at its word there before 10 s are over, and honoured when the leader is back', async () => {
    const topic = withRecords()
    topic.answer({ 0: { start: 0, end: 2 }, 1: null })
    const sink = new Scene(topic).open({ wish: { id: 'AQQAAgIG' } }) // {0:1, 1:3}
    await pass(9_400)
    expect(said(sink)).toBe(':\n\n')
    await pass(200)
    expect(sink.text).toContain('data:a1\nid:AQQABAIG\n') // {0:2, 1:3}
    topic.answer({ 0: { start: 0, end: 2 }, 1: { start: 0, end: 4 } })
    for (const value of ['b1', 'b2', 'b3']) topic.produce(value, 'b', 1)
    await pass(3_000)
    expect(recordsOf(sink)).toEqual(['a1', 'b3'])
    expect(sink.text).not.toContain('gap')
  })

  it('taken at its word is a gap after all when Kafka tells that it was beyond the end', async () => {
    const topic = withRecords()
    topic.answer({ 0: { start: 0, end: 2 }, 1: null })
    const scene = new Scene(topic)
    const sink = scene.open({ wish: { id: 'AQQAAgIG' } }) // {0:1, 1:3}
    await pass(10_100)
    expect(recordsOf(sink)).toEqual(['a1'])
    topic.answer({ 0: { start: 0, end: 2 }, 1: { start: 0, end: 1 } })
    await pass(1_200)
    expect(sink.text).toContain(':gap beyond-end\n\n:\nid:AQA=\n\ndata:b0\nid:AQQAAgIC\n\ndata:a1\n')
    topic.produce('b1', 'b', 1)
    await pass(1)
    expect(recordsOf(sink)).toEqual(['a1', 'b0', 'a1', 'b1'])
    expect(scene.streams.figures.gaps).toEqual({ 'beyond-end': 1 })
  })

  it('ahead while Kafka says nothing at all is taken at its word before 10 s are over, too', async () => {
    const topic = withRecords()
    const sink = new Scene(topic).open({ wish: { id: 'AQQAAgIG' } }) // {0:1, 1:3}
    await pass(9_600)
    expect(recordsOf(sink)).toEqual(['a1'])
    topic.answer({ 0: { start: 0, end: 2 } })
    await pass(1_100)
    expect(sink.text).toContain(':gap beyond-end') // there is no partition 1
  })

  it('of a bus that catches up later than that waits for one answer of Kafka, and for no more than 2 s', async () => {
    const topic = withRecords()
    topic.bus.caughtUp = false
    const scene = new Scene(topic)
    const ids = ['AQQAAgIG', 'AQQABgIC'] // {0:1, 1:3} and {0:3, 1:1}
    const sinks = ids.map((id) => scene.open({ wish: { id } }))
    await pass(20_000)
    topic.bus.markCaughtUp()
    await pass(1_000)
    expect(sinks.map(recordsOf)).toEqual([[], []])
    topic.answer({ 0: { start: 0, end: 2 }, 1: null })
    await pass(10)
    expect(sinks.map(recordsOf)).toEqual([['a1'], ['b0', 'a1']])
    expect(sinks[1]?.text).toContain(':gap beyond-end')
    const silent = withRecords()
    silent.bus.caughtUp = false
    const unanswered = new Scene(silent).open({ wish: { id: 'AQQAAgIG' } })
    await pass(20_000)
    silent.bus.markCaughtUp()
    await pass(1_900)
    expect(recordsOf(unanswered)).toEqual([])
    await pass(200)
    expect(recordsOf(unanswered)).toEqual(['a1'])
  })

  it('of a partition that the topic lacks is beyond the end, from wherever it would read it', async () => {
    const topic = withRecords()
    topic.answer({ 0: { start: 0, end: 2 }, 1: { start: 0, end: 1 } })
    const scene = new Scene(topic)
    for (const offset of [-2, -1, 0, 7]) {
      const id = formatPosition(
        new Map([0, 1, 2].map((partition) => [partition, partition === 2 ? offset : 1])),
      )
      const sink = scene.open({ wish: { id } })
      await pass(900)
      expect(said(sink)).toBe('') // one list is not enough
      await pass(200)
      expect(said(sink)).toMatch(/^:gap beyond-end\n\n/)
    }
  })

  it('is made once for an idle stream, not for each of its heartbeats', async () => {
    const topic = withRecords()
    topic.answer({ 0: { start: 0, end: 9 }, 1: { start: 0, end: 1 } })
    const sink = new Scene(topic).open({ wish: { id: 'AQQABgIA' } }) // {0:3, 1:0}
    await pass(10_000)
    const made = vi.spyOn(MergedPosition.prototype, 'text')
    const asked = vi.spyOn(Cursor.prototype, 'id')
    await pass(60_000)
    expect(sink.text.match(/^:\n/gm)?.length).toBeGreaterThan(6)
    expect(asked.mock.calls.length + made.mock.calls.length).toBe(0)
    vi.restoreAllMocks()
  })

  it('of -1 in a partition that this process does not know yet is where Kafka says that it ends', async () => {
    const topic = withRecords()
    const scene = new Scene(topic)
    const sink = scene.open({ wish: { id: 'AQYABAICBAE=' } }) // {0:2, 1:1, 2:-1}
    topic.answer({ 0: { start: 0, end: 2 }, 1: { start: 0, end: 1 }, 2: { start: 0, end: 1 } })
    await pass(1)
    topic.bus.setPartition(2, 0)
    topic.produce('before', 'c', 2)
    topic.produce('after', 'c', 2)
    await pass(1)
    expect(recordsOf(sink)).toEqual(['after'])
    expect(sink.text).not.toContain('gap')
  })

  it('that waits for Kafka while the topic is recreated is looked at once the new one is read', async () => {
    const topic = withRecords()
    const scene = new Scene(topic)
    const sink = scene.open({ wish: { id: 'AQQABgIC' } }) // {0:3, 1:1}: one record further than this bus
    topic.bus.recreate()
    topic.answer({ 0: { start: 0, end: 1 } })
    await pass(1)
    expect(said(sink)).toBe('')
    topic.bus.setPartition(0, 0)
    topic.produce('new', 'a', 0)
    topic.bus.markCaughtUp()
    await pass(1)
    expect(said(sink)).toMatch(/^:gap recreated\n\n/)
    expect(recordsOf(sink)).toEqual(['new'])
  })

  describe('of a topic that is read again, since deletes of it may have been missed', () => {
    const DAY_MS = 86_400_000
    /** Partition 0 was read up to 2; then Kafka was not read for a day, and deleted `a` meanwhile. */
    const readAgain = async (topic: TopicInMemory) => {
      const read = (offset: number, key: string) => {
        const record = recordOf(offset, `${key}${offset}`, key, 0)
        topic.bus.append({ ...record, timestampMs: -1 })
        topic.bus.publish()
      }
      vi.setSystemTime(Date.now() + DAY_MS)
      read(5, 'c')
      expect(topic.bus.missed).toEqual({ partition: 0, to: 5 })
      await pass(1)
      topic.bus.startOver()
      await pass(1)
      topic.bus.setPartition(0, 0)
      for (const [offset, key] of [
        [1, 'b'],
        [5, 'c'],
        [6, 'd'],
      ] as const)
        read(offset, key)
      topic.bus.markCaughtUp()
      await pass(1)
    }
    const opened = (signals = false, wish: Partial<Wish> = {}) => {
      const topic = new TopicInMemory(1, { deleteRetentionMs: DAY_MS })
      for (const [value, key] of [
        ['a0', 'a'],
        ['b1', 'b'],
      ] as const)
        topic.produce(value, key)
      topic.bus.noteEnd(0, 2, { nowMs: performance.now(), epochMs: Date.now() })
      const sink = new Scene(topic).open({ signals, wish, session: sessionFor(2 * 86_400) })
      return { topic, sink }
    }

    it('hears of it, and goes on with its beginning', async () => {
      const { topic, sink } = opened()
      await pass(1)
      expect(recordsOf(sink)).toEqual(['a0', 'b1'])
      sink.text = ''
      await readAgain(topic)
      expect(said(sink)).toMatch(/^:gap deletes-dropped\n\n:\nid:AQA=\n\n/)
      expect(recordsOf(sink)).toEqual(['b1', 'c5', 'd6'])
      expect(sink.text).toMatch(/:ready/)
      expect(sink.ended).toBeNull()
    })

    it('hears of it as a signal', async () => {
      const { topic, sink } = opened(true)
      await pass(1)
      sink.text = ''
      await readAgain(topic)
      expect(sink.text).toContain(
        ':gap deletes-dropped\nevent:gap\ndata:{"reason":"deletes-dropped"}\nid:AQA=\n\n',
      )
    })

    it('goes on where it is if its client has from another server what this one missed', async () => {
      const { topic, sink } = opened(false, { id: formatPosition(new Map([[0, 6]])) })
      await pass(11_000) // Kafka says nothing: it is taken at its word
      await readAgain(topic)
      expect(sink.text).not.toContain('gap')
      expect(recordsOf(sink)).toEqual(['d6'])
    })

    it('hears of it, too, if what its client has from another server ends within what is missing', async () => {
      const { topic, sink } = opened(false, { id: formatPosition(new Map([[0, 4]])) })
      await pass(11_000)
      await readAgain(topic)
      expect(sink.text.match(/:gap .*/g)).toEqual([':gap deletes-dropped'])
      expect(recordsOf(sink)).toEqual(['b1', 'c5', 'd6'])
    })
  })

  it('that waits while the topic is recreated is held against the new one alone, whatever was settled of the old one', async () => {
    const topic = withRecords()
    const scene = new Scene(topic)
    const sink = scene.open({ wish: { id: 'AQQABgIG' } }) // {0:3, 1:3}
    topic.answer({ 0: { start: 0, end: 3 }, 1: null })
    await pass(1)
    topic.bus.recreate()
    topic.answer({ 0: { start: 0, end: 1 }, 1: { start: 0, end: 3 } })
    for (const partition of [0, 1]) topic.bus.setPartition(partition, 0)
    topic.produce('new', 'a', 0)
    for (const value of ['b0', 'b1', 'b2']) topic.produce(value, value, 1)
    topic.bus.markCaughtUp()
    await pass(1_100)
    expect(said(sink)).toMatch(/^:gap recreated\n\n/)
    expect(recordsOf(sink)).toEqual(['new', 'b0', 'b1', 'b2'])
  })

  it('is not beyond the end where this process has read that far, whatever an answer from before says', async () => {
    const topic = withRecords()
    const sink = new Scene(topic).open({ wish: { id: 'AQQACAIG' } }) // {0:4, 1:3}
    await pass(1)
    for (const value of ['b1', 'b2']) topic.produce(value, 'b', 1)
    topic.answer({ 0: null, 1: { start: 0, end: 1 } })
    await pass(9_600)
    topic.produce('b3', 'b', 1)
    await pass(1)
    expect(sink.text).not.toContain('gap')
    expect(recordsOf(sink)).toEqual(['b3'])
  })

  describe.each(['all', 'latest'] as const)('into a partition that is read later (%s)', (keeps) => {
    /** A stream whose id is ahead in partition 1, of which this process knows nothing yet. */
    const opened = (marks: Watermarks | null) => {
      const topic = new TopicInMemory(1, { keeps })
      topic.bus.setPartition(1, -2)
      topic.produce('a0', 'a', 0)
      topic.answer({ 0: { start: 0, end: 1 }, 1: marks })
      return { topic, sink: new Scene(topic).open({ wish: { id: 'AQQAAgIK' } }) } // {0:1, 1:5}
    }
    const readFrom = async (topic: TopicInMemory, start: number) => {
      topic.bus.setPartition(1, start)
      topic.bus.append(recordOf(start, 'late', 'k', 1))
      topic.bus.publish()
      await pass(1)
    }

    it('and taken at its word ends as too old where that begins behind it', async () => {
      const { topic, sink } = opened(null)
      await pass(11_000)
      expect(sink.text).toContain(':ready')
      await readFrom(topic, 20)
      expect(recordsOf(sink)).toEqual([])
      expect(sink.text).toMatch(/:end too-old\n\n$/)
    })

    it('and taken at its word goes on where that begins no further than at it', async () => {
      const { topic, sink } = opened(null)
      await pass(11_000)
      await readFrom(topic, 5)
      expect(recordsOf(sink)).toEqual(['late'])
    })

    it('is a gap at once where Kafka tells that it begins behind it', async () => {
      const { topic, sink } = opened({ start: 20, end: 21 })
      await pass(1)
      await readFrom(topic, 20)
      expect(said(sink)).toMatch(/^:gap too-old\n\n/)
      expect(recordsOf(sink)).toEqual(['a0', 'late'])
    })

    it('and taken at its word is a gap, too, where Kafka tells so before it is read', async () => {
      const { topic, sink } = opened(null)
      await pass(11_000)
      topic.answer({ 0: { start: 0, end: 1 }, 1: { start: 20, end: 21 } })
      await pass(2_000)
      expect(sink.text).toContain(':gap too-old\n\n')
      await readFrom(topic, 20)
      expect(recordsOf(sink)).toEqual(['a0', 'late'])
    })
  })

  it('older than what Kafka keeps is a gap', async () => {
    const topic = new TopicInMemory(0)
    topic.bus.setPartition(0, 100)
    const sink = new Scene(topic).open({ wish: { id: 'AQIAAg==' } })
    await pass(1)
    expect(said(sink).startsWith(':gap too-old\n\n')).toBe(true)
  })
})

describe('from=latest', () => {
  it('waits less than 10 s for a leader that is silent, and then for no more than its own bus', async () => {
    const topic = new TopicInMemory(2)
    topic.bus.caughtUp = false
    topic.answer({ 0: { start: 0, end: 2 }, 1: null })
    const scene = new Scene(topic)
    const sink = scene.open({ wish: { from: 'latest' } })
    for (const value of ['before', 'before, too', 'after']) topic.produce(value)
    topic.bus.markCaughtUp()
    await pass(9_400)
    expect(said(sink)).toBe(':\n\n')
    await pass(200)
    topic.produce('of the silent one', null, 1)
    await pass(1)
    expect([...sink.text.matchAll(/^data:(.*)$/gm)].map(([, value]) => value)).toEqual([
      'after',
      'of the silent one',
    ])
  })

  it('ends as too old where a partition begins behind the end that Kafka told', async () => {
    const topic = new TopicInMemory(1)
    topic.bus.caughtUp = false
    topic.answer({ 0: { start: 0, end: 0 }, 1: { start: 0, end: 5 } })
    const sink = new Scene(topic).open({ wish: { from: 'latest' } })
    await pass(1)
    topic.bus.markCaughtUp()
    await pass(1)
    topic.bus.setPartition(1, 20)
    topic.produce('late', null, 1)
    await pass(1)
    expect(sink.text).not.toContain('data:')
    expect(sink.text).toMatch(/:end too-old\n\n$/)
  })
})

describe('from=latest of a bus that has yet to catch up', () => {
  const waiting = () => {
    const topic = new TopicInMemory(1)
    for (const value of ['before', 'before, too']) topic.produce(value)
    topic.bus.caughtUp = false
    return { topic, sink: new Scene(topic).open({ wish: { from: 'latest' } }) }
  }

  it('sends nothing from before the request, also where Kafka tells of a shorter log that is another topic’s', async () => {
    const { topic, sink } = waiting()
    topic.answer({ 0: { start: 0, end: 1 } })
    await pass(1)
    topic.bus.markCaughtUp()
    await pass(1)
    expect(sink.text).not.toContain('data:')
    expect(sink.text).toContain(':ready')
  })

  it('sends all of a topic that takes its place, wherever the old one ended', async () => {
    const { topic, sink } = waiting()
    topic.answer({ 0: { start: 0, end: 5 } })
    await pass(1)
    topic.bus.recreate()
    topic.bus.setPartition(0, 0)
    for (const value of ['one', 'two', 'three']) topic.produce(value)
    topic.bus.markCaughtUp()
    await pass(1)
    expect([...sink.text.matchAll(/^data:(.*)$/gm)].map(([, value]) => value)).toEqual([
      'one',
      'two',
      'three',
    ])
  })
})

describe('the end of everything', () => {
  it('ends every stream with a word, takes no more, and resolves when the last is gone', async () => {
    const scene = new Scene()
    const sinks = Array.from({ length: 8 }, () => scene.open())
    const drained = scene.streams.drain(10_000)
    expect(await scene.streams.refusal('127.0.0.1')).toBe('draining')
    await pass(9_000)
    await drained
    for (const sink of sinks) expect(sink.text.endsWith(':end shutdown\n\n')).toBe(true)
    expect(scene.streams.figures.streamsOpen).toBe(0)
  })

  it('comes to a few streams at once, and to many over most of the time', async () => {
    const few = new Scene()
    for (let i = 0; i < 8; i++) few.open()
    void few.streams.drain(60_000)
    await pass(500)
    expect(few.streams.figures.streamsOpen).toBe(0)
    const many = new Scene()
    for (let i = 0; i < 400; i++) many.open()
    void many.streams.drain(10_000)
    await pass(4_000)
    expect(many.streams.figures.streamsOpen).toBeGreaterThan(180)
    expect(many.streams.figures.streamsOpen).toBeLessThan(220)
    await pass(4_100)
    expect(many.streams.figures.streamsOpen).toBe(0)
  })

  it('forces peers that take nothing', async () => {
    const scene = new Scene()
    const sink = scene.open({ sink: new MemorySink(false) })
    const closed = scene.streams.close()
    await pass(1_200)
    await closed
    expect(sink.ended).toBe('cancelled')
  })

  it('leaves nothing behind of streams whose clients left while they waited', async () => {
    const topic = new TopicInMemory()
    topic.bus.caughtUp = false
    const scene = new Scene(topic)
    const sinks = [
      scene.open(),
      scene.open({ wish: { id: 'AQIA0A8=' } }),
      scene.open({ wish: { from: 'latest' } }),
    ]
    for (const sink of sinks) sink.close('clean')
    await pass(1)
    topic.bus.markCaughtUp()
    await pass(1)
    expect(scene.streams.figures.streamsOpen).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('limits', () => {
  it('are asked before a stream opens, and each stream gives its place back once, however it ends', async () => {
    const scene = new Scene(new TopicInMemory(), { streamsPerSubjectMax: 1 })
    const session = sessionFor(60)
    const admitted = (await scene.streams.admit('127.0.0.1', session)) ?? undefined
    const sink = scene.open({ session, ...(admitted && { admitted }) })
    expect(await scene.streams.admit('127.0.0.1', session)).toBeNull()
    expect(await scene.streams.refusal('127.0.0.1')).toBeNull()
    sink.close('clean')
    expect(await scene.streams.admit('127.0.0.1', session)).not.toBeNull()
  })

  it('admit nobody once a drain has begun, who would outlast it', async () => {
    const scene = new Scene(new TopicInMemory(), { streamsMax: 1 })
    const asked = scene.streams.admit('127.0.0.1', sessionFor(60))
    await scene.streams.drain(0)
    expect(await asked).toBeNull()
    scene.streams.isDraining = false
    expect(await scene.streams.admit('127.0.0.1', sessionFor(60))).not.toBeNull()
  })

  it('turn a client away with a retry of 5 to 30 s and an end', () => {
    const scene = new Scene()
    const sink = new MemorySink()
    scene.streams.turnAway(sink, false)
    const retryMs = Number(/^retry:(\d+)\n\n:end busy\n\n$/.exec(sink.text)?.[1])
    expect(retryMs).toBeGreaterThanOrEqual(5_000)
    expect(retryMs).toBeLessThanOrEqual(30_000)
    expect(sink.ended).toBe('clean')
  })
})
