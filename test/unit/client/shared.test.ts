// One stream for all tabs: its options, where it cannot share, two tabs with real channels, and the limits of a leader.

import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  type ConnectOptions,
  connectShared,
  type EventStream,
  StreamError,
  type StreamEvent,
} from '../../../client/src/index.ts'
import { EventLog } from '../../../client/src/shared/event-log.ts'
import { Followers } from '../../../client/src/shared/followers.ts'
import { LeaderLock } from '../../../client/src/shared/leader-lock.ts'
import { Member } from '../../../client/src/shared/member.ts'
import type { Entry, LeaderState, Message, Place } from '../../../client/src/shared/messages.ts'
import { SharedStream } from '../../../client/src/shared/shared-stream.ts'
import { FetchServer, STREAM_URL, status } from './client-scene.ts'

const PATIENCE = { timeout: 10_000, interval: 10 }
const START = { recordId: '', id: '', isReady: true }
const READY: Entry = { id: '2', event: { type: 'ready', data: '', id: '2' } }
const GAP: Entry = { id: 'AQA=', event: { type: 'gap', data: 'deletes-dropped', id: 'AQA=' } }

function placeAt(recordId: string, id = recordId): Place {
  return { recordId, id, isReady: true }
}

function record(id: string, data = id): Entry {
  return { id, event: { type: 'message', data, id } }
}

/** The lock of a browser, for one name. */
class OneLock {
  private queue: {
    work: () => Promise<void>
    resolve: () => void
    signal: AbortSignal | undefined
  }[] = []
  private isHeld = false

  request(_name: string, options: { signal?: AbortSignal }, work: () => Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      this.queue.push({ work, resolve, signal: options.signal })
      this.grant()
    })
  }

  private grant(): void {
    const next = this.isHeld ? undefined : this.queue.find(({ signal }) => signal?.aborted !== true)
    this.queue = this.queue.filter((waiting) => waiting !== next)
    if (next === undefined) return
    this.isHeld = true
    void next.work().then(() => {
      this.isHeld = false
      next.resolve()
      this.grant()
    })
  }
}

describe('the lock of the leading tab', () => {
  it('goes to the next tab if the first gives it back as it gets it, as a handler that closes the stream does', async () => {
    vi.stubGlobal('navigator', { locks: new OneLock() })
    onTestFinished(() => void vi.unstubAllGlobals())
    const others = { name: 'one', deposed: () => {}, refused: () => {} }
    const first = new LeaderLock({ ...others, elected: () => first.resign() })
    first.stand(false)
    let isElected = false
    const second = new LeaderLock({
      ...others,
      elected: () => {
        isElected = true
      },
    })
    second.stand(false)
    await vi.waitUntil(() => isElected, PATIENCE)
    second.resign()
  })
})

describe('a stream for all tabs', () => {
  const open: EventStream[] = []
  let server: FetchServer

  beforeEach(() => {
    server = new FetchServer()
    const locks = new OneLock()
    vi.stubGlobal('navigator', { locks, onLine: true })
  })
  afterEach(() => {
    for (const stream of open.splice(0)) stream.close()
    vi.unstubAllGlobals()
  })

  function tab(session: string, options: Partial<ConnectOptions> = {}) {
    const events: StreamEvent[] = []
    const errors: StreamError[] = []
    const stream = connectShared(STREAM_URL, {
      session,
      fetch: server.fetch,
      random: () => 0,
      onEvent: (event) => {
        events.push(event)
      },
      onError: ({ error }) => errors.push(error),
      ...options,
    })
    open.push(stream)
    return { stream, events, errors, values: () => events.map(({ data }) => data) }
  }

  it.each([{}, { session: '' }, { session: 7 }])('refuses the session %j by its name', (options) => {
    const given = options as { session: string }
    expect(() => connectShared(STREAM_URL, given)).toThrow(new TypeError(messageFor(given.session)))
  })

  function messageFor(session: unknown): string {
    if (typeof session === 'number') return 'session must be of type string'
    return 'session must be a text that says whose session it is: the ID of the user'
  }

  it('refuses what connect refuses', () => {
    expect(() => tab('alice', { retryMaxMs: 0 })).toThrow(RangeError)
    expect(() => connectShared('ftp://example.test/', { session: 'alice' })).toThrow('url must be')
  })

  it.each(['locks', 'BroadcastChannel'])('is a stream of its own without %s', (missing) => {
    if (missing === 'locks') vi.stubGlobal('navigator', {})
    else vi.stubGlobal('BroadcastChannel', undefined)
    expect(tab('alice').stream).not.toBeInstanceOf(SharedStream)
  })

  it('is a stream of its own where the browser forbids channels', () => {
    class Forbidden {
      constructor() {
        throw new DOMException('forbidden', 'SecurityError')
      }
    }
    vi.stubGlobal('BroadcastChannel', Forbidden)
    expect(tab('alice').stream).not.toBeInstanceOf(SharedStream)
  })

  it('has a connection of its own where the browser forbids locks', async () => {
    const forbidden = () => Promise.reject(new DOMException('forbidden', 'SecurityError'))
    vi.stubGlobal('navigator', { locks: { request: forbidden }, onLine: true })
    const { stream } = tab('alice')
    await vi.waitUntil(() => stream.state === 'open', PATIENCE)
    expect(server.gets()).toHaveLength(1)
  })

  it('ends a next() that waits when the iteration is left, and has one consumer', async () => {
    const stream = connectShared(STREAM_URL, { session: 'alice', fetch: server.fetch })
    open.push(stream)
    const iterator = stream[Symbol.asyncIterator]()
    expect(() => stream[Symbol.asyncIterator]()).toThrow('already has a consumer')
    const next = iterator.next()
    await vi.waitUntil(() => stream.state === 'open', PATIENCE)
    const over = { done: true, value: undefined }
    expect(await Promise.all([iterator.return(), next])).toEqual([over, over])
    expect(stream.state).toBe('closed')
    expect(() => tab('alice').stream[Symbol.asyncIterator]()).toThrow('already has a consumer')
  })

  it('has one connection for two tabs, and each has the state and the events', async () => {
    const [first, second] = [tab('alice'), tab('alice')]
    await vi.waitUntil(() => first.stream.state === 'open' && second.stream.state === 'open', PATIENCE)
    server.say(':ready\n\ndata:one\nid:1\n\ndata:two\nid:2\n\n')
    await vi.waitUntil(() => second.events.length === 3, PATIENCE)
    expect(second.events).toEqual(first.events)
    expect(second.stream.lastEventId).toBe('2')
    expect(server.gets()).toHaveLength(1)
    first.stream.close()
    await vi.waitUntil(() => server.gets().length === 2, PATIENCE)
    expect(server.gets()[1]?.headers['last-event-id']).toBe('2')
    server.say('data:three\nid:3\n\n')
    await vi.waitUntil(() => second.values().includes('three'), PATIENCE)
    expect(second.values()).toEqual(['', 'one', 'two', 'three'])
  })

  it('leads no more when its page is left or frozen, and goes on after its own last event', async () => {
    const [page, other] = [new EventTarget(), new EventTarget()]
    const tabOf = (window: EventTarget) => {
      vi.stubGlobal('addEventListener', window.addEventListener.bind(window))
      return tab('alice')
    }
    const [first, second] = [tabOf(page), tabOf(other)]
    await vi.waitUntil(() => second.stream.state === 'open', PATIENCE)
    server.say('data:one\nid:1\n\n:ready\n\n')
    await vi.waitUntil(() => second.events.length === 2, PATIENCE)
    page.dispatchEvent(new Event('pagehide'))
    page.dispatchEvent(new Event('freeze'))
    expect(server.requests[0]?.signal.aborted).toBe(true)
    await vi.waitUntil(() => server.gets().length === 2, PATIENCE)
    server.say('data:two\nid:2\n\n:ready\n\n')
    await vi.waitUntil(() => second.values().includes('two'), PATIENCE)
    expect(first.values()).toEqual(['one', ''])
    page.dispatchEvent(new Event('resume'))
    page.dispatchEvent(new Event('pageshow'))
    await vi.waitUntil(() => server.gets().length === 3, PATIENCE)
    expect(server.gets().map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '1', '1'])
    server.say('data:two\nid:2\n\n:ready\n\n')
    await vi.waitUntil(() => server.requests[2]?.signal.aborted === true, PATIENCE)
    expect(first.values().filter((value) => value !== '')).toEqual(['one', 'two'])
    first.stream.close()
    page.dispatchEvent(new Event('pageshow'))
    expect(first.stream.state).toBe('closed')
  })

  it.each(['retryNow', 'visibilitychange', 'itself'])(
    'goes on by %s where its page was said to be left, and was not unloaded',
    async (by) => {
      const page = new EventTarget()
      const hidden = { hidden: true }
      vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
      vi.stubGlobal('document', hidden)
      let tick = () => {}
      const runTimers = globalThis.setInterval
      vi.stubGlobal('setInterval', (run: () => void, ms: number) => {
        if (ms !== 1_000) return runTimers(run, ms)
        tick = run
        return runTimers(() => {}, ms)
      })
      const ticks = (count: number) => {
        for (let times = 0; times < count; times++) tick()
      }
      const { stream } = tab('alice')
      await vi.waitUntil(() => stream.state === 'open', PATIENCE)
      ticks(100)
      page.dispatchEvent(new Event('pagehide'))
      page.dispatchEvent(new Event('visibilitychange'))
      expect([server.requests[0]?.signal.aborted, stream.state]).toEqual([true, 'connecting'])
      hidden.hidden = false
      if (by === 'retryNow') stream.retryNow()
      else if (by === 'itself') {
        ticks(30)
        await turn()
        expect(server.gets()).toHaveLength(1)
        ticks(1)
      } else page.dispatchEvent(new Event(by))
      await vi.waitUntil(() => stream.state === 'open', PATIENCE)
      stream.retryNow()
      page.dispatchEvent(new Event('visibilitychange'))
      expect(server.gets()).toHaveLength(2)
    },
  )

  it('has a connection for each session', async () => {
    const first = tab('alice')
    await vi.waitUntil(() => first.stream.state === 'open', PATIENCE)
    vi.stubGlobal('navigator', { locks: new OneLock(), onLine: true })
    const second = tab('bob')
    await vi.waitUntil(() => second.stream.state === 'open', PATIENCE)
    expect(server.gets()).toHaveLength(2)
    server.say(':ready\n\ndata:of bob\nid:1\n\n')
    await vi.waitUntil(() => second.values().includes('of bob'), PATIENCE)
    expect(first.values()).toEqual([])
  })

  it('tells all tabs of the leader’s errors, and a tab that goes on asks for a token of its own', async () => {
    const first = tab('alice', { getToken: () => null })
    const second = tab('alice', { getToken: () => 'a.b.c' })
    expect(await first.stream.closed).toMatchObject({ code: 'no-token' })
    await vi.waitUntil(() => second.stream.state === 'open', PATIENCE)
    const unavailable = () => status(503)
    server.answers = [unavailable, () => server.stream()]
    const third = tab('alice')
    await vi.waitUntil(() => third.stream.state === 'open', PATIENCE)
    server.end()
    await vi.waitUntil(() => third.errors.length > 0, PATIENCE)
    expect(third.errors[0]).toBeInstanceOf(StreamError)
    expect(third.errors[0]).toMatchObject({ code: 'unavailable', status: 503 })
  })

  it('delivers all that came before a final error', async () => {
    const values = Array.from({ length: 50 }, (_, index) => `${index}`)
    const blocks = [...values, 'x'.repeat(200)].map((value) => `data:${value}\nid:${value}\n\n`)
    server.answers = [() => server.stream(...blocks)]
    const only = tab('alice', { eventLengthMax: 100 })
    expect(await only.stream.closed).toMatchObject({ code: 'event-too-large' })
    await vi.waitUntil(() => only.values().length === values.length, PATIENCE)
    expect(only.values()).toEqual(values)
  })

  it('posts nothing and leaves no channel open when the handler of its state closes it', async () => {
    const channels = new Set<BroadcastChannel>()
    class Counted extends BroadcastChannel {
      constructor(name: string) {
        super(name)
        channels.add(this)
      }
      override close(): void {
        channels.delete(this)
        super.close()
      }
    }
    vi.stubGlobal('BroadcastChannel', Counted)
    const first = tab('alice')
    await vi.waitUntil(() => first.stream.state === 'open', PATIENCE)
    server.say('data:one\nid:1\n\n:ready\n\n')
    await vi.waitUntil(() => first.values().includes('one'), PATIENCE)
    let wasOpen = false
    const second = tab('alice', {
      onState: ({ state }) => {
        if (state === 'open') wasOpen = true
        // It leaves its own connection to join the first.
        else if (wasOpen) second.stream.close()
      },
    })
    await vi.waitUntil(() => second.stream.state === 'open', PATIENCE)
    server.say('data:one\nid:1\n\n:ready\n\n')
    expect(await second.stream.closed).toBeNull()
    first.stream.close()
    await vi.waitUntil(() => first.stream.state === 'closed', PATIENCE)
    expect(channels.size).toBe(0)
  })

  it('has another leader when the consumer of a hidden one is slow, whose timers hardly run', async () => {
    const runTimers = globalThis.setInterval
    vi.stubGlobal('setInterval', () => runTimers(() => {}, 60_000))
    const hidden = tab('alice', { readAheadMax: 1, onEvent: () => new Promise(() => {}) })
    vi.stubGlobal('setInterval', runTimers)
    const shown = tab('alice')
    await vi.waitUntil(() => shown.stream.state === 'open', PATIENCE)
    server.say('data:one\nid:1\n\ndata:two\nid:2\n\n')
    await vi.waitUntil(() => shown.values().length === 2, PATIENCE)
    await vi.waitUntil(() => server.gets().length === 2, { ...PATIENCE, timeout: 25_000 })
    expect(server.gets()[1]?.headers['last-event-id']).toBe('2')
    server.say('data:three\nid:3\n\n')
    await vi.waitUntil(() => shown.values().length === 3, PATIENCE)
    expect([hidden.stream.state, shown.values()]).toEqual(['open', ['one', 'two', 'three']])
  }, 30_000)

  it('tells nothing before it has returned, although its signal had aborted before', async () => {
    const told: unknown[] = []
    let hasReturned = false
    const { stream } = tab('alice', {
      signal: AbortSignal.abort(),
      onState: ({ state }) => told.push([state, hasReturned]),
    })
    hasReturned = true
    expect(await stream.closed).toBeNull()
    expect([told, server.requests]).toEqual([[['closed', true]], []])
  })
})

describe('the log', () => {
  it('holds no more than its limit, and knows the places that are left', () => {
    const log = new EventLog(START, 1_000)
    for (let id = 1; id <= 100; id++) log.append(record(`${id}`))
    expect(log.after(placeAt('1'))).toBeNull()
    const left = log.after(placeAt('90'))
    expect(left?.map(({ id }) => id)).toEqual(['91', '92', '93', '94', '95', '96', '97', '98', '99', '100'])
    log.append(record('101', 'x'.repeat(2_000)))
    expect(log.after(placeAt('99'))).toBeNull()
    expect(log.after(placeAt('100'))).toHaveLength(1)
  })

  it('has the ready of a record that has left it', () => {
    const log = new EventLog(START, 300)
    const ready: Entry = { id: '1', event: { type: 'ready', data: '', id: '1' } }
    for (const entry of [record('1'), ready, record('2', 'x'.repeat(140))]) log.append(entry)
    expect(log.after(placeAt('1'))?.map(({ event }) => event?.type)).toEqual(['ready', 'message'])
  })

  it('tells a tab that was never ready, and is behind the ready, at the end of what it missed', () => {
    const log = new EventLog(START, 1_000)
    log.append({ id: '', event: { type: 'ready', data: '', id: '' } })
    for (const id of ['1', '2']) log.append(record(id))
    const types = (isReady: boolean) =>
      log.after({ ...placeAt('1'), isReady })?.map(({ event }) => event?.type)
    expect([types(false), types(true)]).toEqual([['message', 'ready'], ['message']])
  })

  it('does not grow by moves, and knows a place before a move and after it', () => {
    const log = new EventLog(START, 1_000)
    log.append(record('1'))
    for (let move = 2; move < 1_000; move++) log.append({ id: `${move}`, event: null })
    expect(log.after(placeAt('1'))).toEqual([{ id: '999', event: null }])
    expect(log.after(placeAt('1', '999'))).toEqual([{ id: '999', event: null }])
    expect(log.after(placeAt('0', '999'))).toEqual([])
  })

  it('forgets what was before a gap, after which IDs may mean something else', () => {
    const log = new EventLog(START, 1_000)
    log.append(record('1'))
    log.append({ id: 'AQA=', event: { type: 'gap', data: 'recreated', id: 'AQA=' } })
    expect(log.after(placeAt('1'))).toBeNull()
    expect(log.after(placeAt('AQA='))).toBeNull()
    const ready: Entry = { id: 'AQA=', event: { type: 'ready', data: '', id: 'AQA=' } }
    log.append(ready)
    expect(log.after(placeAt('AQA='))).toEqual([ready])
  })

  it('takes up no tab within a snapshot, whose deletes may have been dropped, but at its ready', () => {
    const log = new EventLog({ ...START, isReady: false }, 1_000)
    for (const entry of [record('1'), record('2')]) log.append(entry)
    expect(log.after(placeAt('1'))).toBeNull()
    for (const entry of [READY, record('3')]) log.append(entry)
    expect([log.after(placeAt('1')), log.after(placeAt('2'))]).toEqual([null, [READY, record('3')]])
  })

  it('takes up no tab from before a gap until the next ready, though its ID comes again', () => {
    const log = new EventLog(START, 1_000)
    for (const entry of [record('1'), GAP, record('1'), record('2')]) log.append(entry)
    expect(log.after(placeAt('1'))).toBeNull()
    for (const entry of [READY, record('3')]) log.append(entry)
    expect([log.after(placeAt('1')), log.after(placeAt('3'))]).toEqual([null, []])
  })
})

describe('the followers of a leader', () => {
  function leading(limits: { followersMax: number; unitsAheadMax: number }) {
    const posted: { to: string; message: Message }[] = []
    const log = new EventLog(START, 1_000)
    let flush: (() => void) | null = null
    const followers = new Followers({
      limits,
      from: 'leader',
      log,
      // Cloned, as a channel does.
      post: (to, message) => posted.push({ to, message: structuredClone(message) }),
      state: () => ({ state: 'open', reason: '' }),
      soon: (then) => {
        flush = then
      },
    })
    const tell = (entry: Entry) => {
      log.append(entry)
      followers.tell(entry)
      flush?.()
    }
    const join = (from: string, place = log.place) => followers.answer({ type: 'join', from, join: 1, place })
    const typesTo = (tab: string) => posted.filter(({ to }) => to === tab).map(({ message }) => message.type)
    const batchesTo = (tab: string) =>
      posted.flatMap(({ to, message }) => (to === tab && message.type === 'batch' ? [message.entries] : []))
    return { followers, tell, join, typesTo, batchesTo }
  }

  it('are at most the limit, and one more is refused', () => {
    const { join, typesTo } = leading({ followersMax: 2, unitsAheadMax: 1_000 })
    for (const tab of ['a', 'b', 'c', 'a']) join(tab)
    expect([typesTo('a'), typesTo('b'), typesTo('c')]).toEqual([['batch', 'batch'], ['batch'], ['refuse']])
  })

  it('get nothing more when they acknowledge nothing, as a frozen page does', () => {
    const { join, tell, typesTo, followers } = leading({ followersMax: 2, unitsAheadMax: 1_000 })
    for (const tab of ['frozen', 'awake']) join(tab)
    for (let id = 1; id <= 100; id++) {
      tell(record(`${id}`))
      followers.answer({ type: 'ack', from: 'awake', join: 1, number: id + 1, isAsking: false })
    }
    expect(typesTo('awake')).toHaveLength(101)
    // 15 of 66 to 68 units each, and the empty one at the start.
    expect(typesTo('frozen')).toHaveLength(16)
    followers.answer({ type: 'ack', from: 'frozen', join: 1, number: 1, isAsking: true })
    expect(typesTo('frozen').at(-1)).toBe('gone')
  })

  it('are forgotten after three minutes of silence', () => {
    const { join, tell, typesTo, followers } = leading({ followersMax: 2, unitsAheadMax: 1_000 })
    join('silent')
    for (let tick = 0; tick < 180; tick++) followers.tick()
    tell(record('1'))
    expect(typesTo('silent')).toHaveLength(2)
    followers.tick()
    tell(record('2'))
    expect(typesTo('silent')).toHaveLength(2)
  })

  it('wait while the leader gets a snapshot, and go on at their place after its ready', () => {
    const { join, tell, batchesTo } = leading({ followersMax: 2, unitsAheadMax: 1_000 })
    tell(GAP)
    tell(record('1'))
    join('early', placeAt('1'))
    join('late', placeAt('2'))
    for (const entry of [record('2'), READY, record('3')]) tell(entry)
    expect([batchesTo('early'), batchesTo('late')]).toEqual([[], [[READY], [record('3')]]])
  })
})

describe('a member', () => {
  function memberOf() {
    const posted: Message[] = []
    const done: string[] = []
    const consumer = { isFull: false }
    const member = new Member({
      limits: { logUnitsMax: 1_000, followersMax: 2, unitsAheadMax: 1_000 },
      id: 'tab',
      lastEventId: '',
      post: (_, message) => posted.push(message),
      deliver: () => {},
      isFull: () => consumer.isFull,
      open: (lastEventId) => done.push(`open ${lastEventId}`),
      shut: () => done.push('shut'),
      stand: (steal) => done.push(steal ? 'steal' : 'stand'),
      resign: () => done.push('resign'),
      retry: () => {},
      failed: () => {},
      changed: () => {},
      soon: (flush) => flush(),
    })
    const batch = (join: number, number: number, ...entries: Entry[]) =>
      member.receive({
        type: 'batch',
        from: 'leader',
        join,
        number,
        entries,
        state: { state: 'open', reason: '' },
      })
    const lead = () => member.receive({ type: 'lead', from: 'leader' })
    const said = (what: Message['type']) => posted.filter(({ type }) => type === what).length
    const asked = () => said('ask')
    member.start()
    return { member, consumer, done, batch, lead, said, asked }
  }

  it('does not stand for the lock while its consumer is slow', () => {
    const { member, consumer, done, batch, lead } = memberOf()
    lead()
    consumer.isFull = true
    batch(1, 1, record('1'))
    member.tick()
    expect([member.role, done]).toEqual(['behind', ['stand', 'resign', 'shut']])
    consumer.isFull = false
    member.tick()
    expect([member.role, done]).toEqual(['seeking', ['stand', 'resign', 'shut', 'stand']])
  })

  it('asks no leader between the opening of its own connection and its ready: a gap may come', () => {
    const { member, lead, asked } = memberOf()
    const ready = () => member.own({ type: 'ready', data: '', id: '1' })
    lead()
    member.receive({ type: 'refuse', from: 'leader', join: 1 })
    member.ownChanged({ state: 'open', reason: '' })
    member.own({ type: 'message', data: '', id: '1' })
    member.tick()
    expect([member.role, asked()]).toEqual(['alone', 0])
    ready()
    expect(asked()).toBe(1)
    member.ownChanged({ state: 'open', reason: '' })
    member.tick()
    expect(asked()).toBe(1)
    ready()
    expect(asked()).toBe(2)
  })

  it.each([
    ['alone', 'open', ['stand', 'open ', 'stand']],
    ['seeking', 'connecting', ['stand', 'open ', 'shut', 'stand']],
  ] as const)('is %s if it loses the lock while its connection is %s', (role, state, expected) => {
    const { member, done } = memberOf()
    member.elected()
    member.ownChanged({ state, reason: '' })
    member.deposed()
    expect([member.role, done]).toEqual([role, expected])
  })

  it('says so when its connection is not open for four ticks while it leads', () => {
    const { member, said } = memberOf()
    const tick = (times: number) => {
      for (let count = 0; count < times; count++) member.tick()
      return said('yield')
    }
    member.elected()
    expect([tick(3), tick(1)]).toEqual([0, 1])
    member.ownChanged({ state: 'open', reason: '' })
    expect(tick(4)).toBe(1)
    member.ownChanged({ state: 'waiting', reason: 'lost' })
    expect([tick(3), tick(1)]).toEqual([1, 2])
  })

  it('takes the lock from a leader without a connection if its own is open and ready, and is read', () => {
    const { member, consumer, done, lead } = memberOf()
    const hear = () => {
      member.receive({ type: 'yield', from: 'leader' })
      return done.includes('steal')
    }
    lead()
    expect(hear()).toBe(false)
    member.receive({ type: 'refuse', from: 'leader', join: 1 })
    member.ownChanged({ state: 'open', reason: '' })
    expect(hear()).toBe(false)
    member.own({ type: 'ready', data: '', id: '1' })
    consumer.isFull = true
    expect(hear()).toBe(false)
    consumer.isFull = false
    expect(hear()).toBe(true)
  })

  it('takes the lock from a leader whose getToken fails, and not again if its own does', () => {
    const { member, done, lead } = memberOf()
    const steals = (join: number, number: number, state: LeaderState) => {
      member.receive({ type: 'batch', from: 'leader', join, number, entries: [], state })
      member.receive({ type: 'yield', from: 'leader' })
      return done.filter((what) => what === 'steal').length
    }
    const withoutToken: LeaderState = { state: 'waiting', reason: 'token' }
    lead()
    expect(steals(1, 1, { state: 'waiting', reason: 'lost' })).toBe(0)
    expect(steals(1, 2, withoutToken)).toBe(1)
    member.elected()
    member.ownChanged(withoutToken)
    member.deposed()
    lead()
    expect(steals(2, 1, withoutToken)).toBe(1)
    expect(steals(2, 2, { state: 'open', reason: '' })).toBe(1)
    expect(steals(2, 3, withoutToken)).toBe(2)
  })
})
