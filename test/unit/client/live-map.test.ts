// The live map against a server of one function: what it asks for, shows, tells and refuses. Random courses are in
// test/model/live-map.test.ts.

import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  type BadRecord,
  type ConnectOptions,
  connect,
  type LiveMap,
  type LiveMapOptions,
  liveMap,
  type StateChange,
} from '../../../client/src/index.ts'
import { FetchServer, STREAM_URL, status } from './client-scene.ts'

interface Order {
  readonly id: string
  readonly total?: number
}

describe('liveMap', () => {
  let server: FetchServer
  let bad: BadRecord[]

  beforeEach(() => {
    vi.useFakeTimers()
    server = new FetchServer()
    bad = []
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  function open(options: Partial<LiveMapOptions<Order>> = {}): LiveMap<Order> {
    const map = liveMap<Order>(STREAM_URL, {
      getToken: () => 'token',
      fetch: server.fetch,
      random: () => 0.5,
      onBadRecord: (record) => bad.push(record),
      ...options,
    })
    onTestFinished(async () => {
      map.close()
      vi.useFakeTimers()
      await vi.advanceTimersByTimeAsync(0)
    })
    return map
  }

  const turn = () => vi.advanceTimersByTimeAsync(0)
  let offset = 0
  const record = (key: string | null, value: unknown, more: object = {}) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    const envelope = { key, value: text, headers: [], timestamp: 7, partition: 0, offset: ++offset, ...more }
    return `data:${JSON.stringify(envelope)}\nid:${offset}\n\n`
  }
  const say = async (...blocks: string[]) => {
    server.say(blocks.join(''))
    await turn()
  }

  async function opened(options: Partial<LiveMapOptions<Order>> = {}, ...blocks: string[]) {
    const map = open(options)
    await turn()
    await say(...blocks, ':ready\n\n')
    return map
  }

  it('shows nothing of a snapshot before it is ready, then all of it', async () => {
    const map = open()
    const wasReady = vi.fn()
    void map.ready.then(wasReady)
    await turn()
    await say(record('a', { id: 'a' }), record('b', { id: 'b' }))
    expect([map.status, map.size, wasReady.mock.calls.length]).toEqual(['loading', 0, 0])
    await say(':ready\n\n')
    expect([map.status, map.connection, [...map].sort()]).toEqual([
      'ready',
      'open',
      [
        ['a', { id: 'a' }],
        ['b', { id: 'b' }],
      ],
    ])
    expect(wasReady).toHaveBeenCalledOnce()
    expect(server.gets()[0]?.headers).not.toHaveProperty('last-event-id')
  })

  it('is read like a Map', async () => {
    const map = await opened({}, record('a', { id: 'a' }))
    expect(map.get('a')).toEqual({ id: 'a' })
    expect([map.has('a'), map.has('b'), map.get('b')]).toEqual([true, false, undefined])
    expect([[...map.keys()], [...map.values()], [...map.entries()]]).toEqual([
      ['a'],
      [{ id: 'a' }],
      [['a', { id: 'a' }]],
    ])
    const seen: unknown[] = []
    map.forEach((value, key) => void seen.push([key, value]))
    expect(seen).toEqual([['a', { id: 'a' }]])
  })

  it('tells a batch of changes once, and hands out the same snapshot until the next batch', async () => {
    const map = await opened({}, record('a', { id: 'a' }), record('b', { id: 'b' }))
    const told: unknown[] = []
    const unsubscribe = map.subscribe((changes) => told.push([...changes]))
    const before = map.getSnapshot()
    expect(map.getSnapshot()).toBe(before)
    await say(
      record('a', { id: 'a', total: 1 }),
      record('a', { id: 'a', total: 2 }),
      'event:delete\ndata:Yg==\n\n',
    )
    expect(told).toEqual([
      [
        ['a', { id: 'a', total: 2 }],
        ['b', undefined],
      ],
    ])
    const after = map.getSnapshot()
    expect([after === before, [...after], before.size]).toEqual([false, [['a', { id: 'a', total: 2 }]], 2])
    await say(record('a', { id: 'a', total: 3 }), ':\n\n')
    unsubscribe()
    await say(record('a', { id: 'a', total: 4 }))
    expect(told).toHaveLength(2)
    expect(map.get('a')?.total).toBe(4)
  })

  it('tells nothing where a delete changes nothing, and goes on after a listener that throws', async () => {
    const map = await opened({}, record('a', { id: 'a' }))
    const thrown = new Error('of the listener')
    const uncaught = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => {})
    const told = vi.fn()
    const unsubscribe = map.subscribe(() => {
      throw thrown
    })
    map.subscribe(told)
    await say('event:delete\ndata:Yg==\n\n')
    expect(told).not.toHaveBeenCalled()
    await say('event:delete\ndata:YQ==\n\n')
    expect(told).toHaveBeenCalledOnce()
    expect(uncaught.mock.calls[0]?.[0]).toThrow(thrown)
    unsubscribe()
    uncaught.mockRestore()
  })

  it('tells a listener nothing after its end, though another listener of the same batch ends it', async () => {
    const map = await opened({}, record('a', { id: 'a' }))
    const told = vi.fn()
    map.subscribe(() => end())
    const end = map.subscribe(told)
    await say(record('a', { id: 'b' }))
    expect(told).not.toHaveBeenCalled()
  })

  it('is ready, and tells all listeners the batch, though one of them closes it', async () => {
    const map = open()
    const told: unknown[] = []
    map.subscribe(({ size }) => size > 0 && map.close())
    map.subscribe((changes) => told.push(...changes.keys()))
    await turn()
    await say(record('a', { id: 'a' }), ':ready\n\n')
    await map.ready
    expect([told, map.status, [...map.keys()]]).toEqual([['a'], 'closed', ['a']])
  })

  it('takes no value after its end, though it is `parse` that closes it', async () => {
    const parse = (text: string): Order => {
      if (text === 'last') map.close()
      return { id: text }
    }
    const map: LiveMap<Order> = await opened({ parse })
    await say(record('a', 'a'), record('b', 'last'))
    await vi.advanceTimersByTimeAsync(1_000)
    expect([[...map.keys()], vi.getTimerCount()]).toEqual([['a'], 0])
  })

  it('keeps what it shows while it loads again after a gap, and then tells the difference only', async () => {
    const map = await opened(
      {},
      record('same', { id: 's' }),
      record('gone', { id: 'g' }),
      record('new', { id: '1' }),
    )
    const told: unknown[] = []
    map.subscribe((changes) => told.push([map.status, ...changes]))
    const same = map.get('same')
    await say(':gap deletes-dropped\n\n', record('same', { id: 's' }))
    expect([map.status, map.size]).toEqual(['reloading', 3])
    await say(record('new', { id: '2' }), ':ready\n\n')
    expect(told).toEqual([['reloading'], ['ready', ['new', { id: '2' }], ['gone', undefined]]])
    expect(map.get('same')).toBe(same)
  })

  it('takes back what came before a gap and was not shown yet', async () => {
    const map = await opened({}, record('a', { id: '1' }))
    server.say(
      `${record('a', { id: '2' })}${record('b', { id: '1' })}:gap recreated\n\n${record('a', { id: '1' })}:ready\n\n`,
    )
    await turn()
    expect([...map]).toEqual([['a', { id: '1' }]])
  })

  it('goes on after a cut where it was, within a snapshot, too', async () => {
    const map = open()
    await turn()
    await say('retry:10\n\n', record('a', { id: 'a' }))
    server.breakOff()
    await vi.advanceTimersByTimeAsync(100)
    expect(server.gets()[1]?.headers).toMatchObject({ 'last-event-id': `${offset}` })
    await say(record('b', { id: 'b' }), ':ready\n\n')
    expect([...map.keys()].sort()).toEqual(['a', 'b'])
  })

  it('passes over records without a key', async () => {
    const map = await opened({}, record(null, { id: 'a' }))
    expect([map.status, map.size, bad]).toEqual(['ready', 0, []])
    const byValue = await opened(
      { key: ({ id }: Partial<Order>) => id ?? null },
      'data:{}\n\n',
      'data:{"id":"b"}\n\n',
    )
    expect([byValue.status, [...byValue.keys()], bad]).toEqual(['ready', ['b'], []])
  })

  it('takes the key from the value with `key`, and the key of a delete from Kafka', async () => {
    const deletedKey = (bytes: Uint8Array) => (JSON.parse(new TextDecoder().decode(bytes)) as Order).id
    const map = await opened(
      { key: ({ id }) => id, deletedKey },
      'data:{"id":"ü"}\n\n',
      'data:{"id":"b"}\n\n',
    )
    expect([...map.keys()].sort()).toEqual(['b', 'ü'])
    await say(`event:delete\ndata:${Buffer.from('{"id":"ü"}').toString('base64url')}\n\n`)
    expect([...map.keys()]).toEqual(['b'])
  })

  it('gives `parse` the record of an envelope', async () => {
    const parse = (value: string, envelope: { timestamp: number; offset: number } | null) => ({
      id: `${value} ${envelope?.timestamp} ${envelope?.offset}`,
    })
    const map = await opened({ parse }, record('a', 'text'))
    expect(map.get('a')?.id).toBe(`text 7 ${offset}`)
  })

  it('removes a value whose record cannot be read, and names no value', async () => {
    const map = await opened({}, record('a', { id: 'a' }), record('b', { id: 'b' }))
    await say(record('a', 'secret'))
    expect([[...map.keys()], map.status]).toEqual([['b'], 'ready'])
    expect(bad).toEqual([{ key: 'a', error: new SyntaxError('The value of a record is not JSON') }])
  })

  it('takes no bytes for JSON whose base64 is JSON by chance', async () => {
    const envelope = {
      key: 'a',
      value: 'null',
      valueEncoding: 'base64',
      headers: [],
      partition: 0,
      offset: 9,
    }
    const map = await opened({}, record('a', { id: 'a' }), `data:${JSON.stringify(envelope)}\n\n`)
    expect([[...map.keys()], bad.map(({ key }) => key)]).toEqual([[], ['a']])
  })

  it('loads again once where a key is not known, and not because of what was there before', async () => {
    const options = { key: ({ id }: Order) => id, heartbeatMs: 2 ** 31 - 1 }
    const map = await opened(options, 'data:{"id":"a"}\nid:1\n\n', 'data:{"id":"b"}\nid:2\n\n')
    const told: unknown[] = []
    map.subscribe((changes) => told.push([map.status, ...changes]))
    await say(':gap too-large\nid:3\n\n')
    expect([map.status, map.size, server.gets().length, bad.length]).toEqual(['reloading', 2, 1, 1])
    await vi.advanceTimersByTimeAsync(29_000)
    expect(server.gets()).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(server.gets()).toHaveLength(2)
    expect(server.gets()[0]?.signal.aborted).toBe(true)
    expect(server.gets()[1]?.headers).not.toHaveProperty('last-event-id')
    await say('data:{"id":"b"}\nid:2\n\n', ':gap too-large\nid:3\n\n', ':ready\n\n')
    // Between the two: another connection, and that it is open.
    expect(told).toEqual([['reloading'], ['reloading'], ['reloading'], ['ready', ['a', undefined]]])
    await vi.advanceTimersByTimeAsync(7_200_000)
    expect([map.status, server.gets().length]).toEqual(['ready', 2])
  })

  it('tells of no `closed` while it loads again, though it closes the stream that it had', async () => {
    const states: string[] = []
    const onState = ({ state }: StateChange) => void states.push(state)
    const map = await opened({ onState, heartbeatMs: 2 ** 31 - 1 }, ':gap too-large\nid:3\n\n')
    await vi.advanceTimersByTimeAsync(30_000)
    expect(server.gets().map(({ signal }) => signal.aborted)).toEqual([true, false])
    expect(states).toEqual(['connecting', 'open', 'connecting', 'open'])
    map.close()
    expect(states.at(-1)).toBe('closed')
  })

  it('takes a record for another one after a gap, because the topic may be another', async () => {
    const map = await opened({}, ':gap too-large\nid:3\n\n')
    expect(map.status).toBe('reloading')
    await vi.advanceTimersByTimeAsync(30_000)
    expect(server.gets().at(-1)?.headers).not.toHaveProperty('last-event-id')
    await say(':gap too-large\nid:3\n\n', ':ready\n\n')
    expect(map.status).toBe('ready')
    await say(':gap recreated\n\n', ':gap too-large\nid:3\n\n', ':ready\n\n')
    expect(map.status).toBe('reloading')
  })

  it('waits longer each time, an hour at most', async () => {
    const map = await opened({ heartbeatMs: 2 ** 31 - 1 })
    const waits: number[] = []
    for (let times = 1; times <= 8; times++) {
      await say(`:gap too-large\nid:${-times}\n\n`)
      const fromMs = performance.now()
      await vi.advanceTimersToNextTimerAsync() // the frame
      while (server.gets().length <= times) await vi.advanceTimersToNextTimerAsync()
      waits.push(Math.round((performance.now() - fromMs) / 1_000))
      await say(':ready\n\n')
      expect(map.status).toBe('ready')
    }
    expect(waits).toEqual([30, 60, 120, 240, 480, 960, 1_800, 1_800])
  })

  it('closes with an error that says what is missing where records are no envelopes', async () => {
    const map = open()
    const failed = expect(map.ready).rejects.toThrow('liveMap a key')
    await turn()
    await say('data:{"id":"secret"}\n\n')
    await failed
    expect([map.status, map.connection]).toEqual(['closed', 'closed'])
    expect(await map.closed).toEqual(
      new TypeError("A record is not an envelope: the stream needs encoding 'envelope', or liveMap a key"),
    )
  })

  it.each<[string, Partial<LiveMapOptions<Order>>, string, string]>([
    ['key', { key: () => 7 as never }, 'data:{}\n\n', 'a number'],
    [
      'deletedKey',
      { key: () => 'a', deletedKey: () => null as never },
      'event:delete\ndata:YQ==\n\n',
      'null',
    ],
  ])('closes with an error where %s returns no text', async (name, options, block, returned) => {
    const map = open(options)
    await turn()
    await say(block)
    expect(await map.closed).toEqual(new TypeError(`${name} must return a text, and returned ${returned}`))
  })

  it('does not take undefined for a value', async () => {
    const map = await opened({ parse: () => undefined as never }, record('a', {}))
    expect([map.size, map.status, bad[0]?.error]).toEqual([
      0,
      'ready',
      new TypeError('parse returned undefined, which is no value'),
    ])
  })

  it('closes with its stream, and tells its listeners', async () => {
    server.answers = [() => status(404)]
    const map = open()
    const told = vi.fn()
    map.subscribe(() => told(map.status))
    await expect(map.ready).rejects.toMatchObject({ code: 'refused' })
    expect(told.mock.calls).toEqual([['closed']])
    expect(await map.closed).toMatchObject({ code: 'refused' })
  })

  it('stays as it is when it is closed, by itself or by its signal', async () => {
    const closing = new AbortController()
    const map = await opened({ signal: closing.signal }, record('a', { id: 'a' }))
    server.say(record('b', { id: 'b' }))
    closing.abort()
    expect(await map.closed).toBeNull()
    expect([...map.keys()]).toEqual(['a'])
    expect(vi.getTimerCount()).toBe(0)
    const other = await opened({}, record('a', { id: 'a' }))
    await say(':gap too-large\nid:9\n\n')
    other.close()
    await turn()
    expect([other.status, other.size, vi.getTimerCount()]).toEqual(['closed', 1, 0])
  })

  it('needs no options where the session is a cookie', async () => {
    vi.stubGlobal('fetch', server.fetch)
    onTestFinished(() => void vi.unstubAllGlobals())
    const map = liveMap<Order>(STREAM_URL)
    await turn()
    await say(record('a', { id: 'a' }), ':ready\n\n')
    expect([[...map.keys()], server.gets()[0]?.headers]).toEqual([['a'], { accept: 'text/event-stream' }])
    map.close()
    await turn()
  })

  it('rejects `ready` when it is closed before', async () => {
    const map = open()
    map.close()
    await expect(map.ready).rejects.toThrow('The live map was closed before it was ready')
    expect(await map.closed).toBeNull()
  })

  it('tells its listeners of each state of its connection, and takes no batch from its frame', async () => {
    const seen: unknown[] = []
    const states: unknown[] = []
    const map = await opened({ onState: ({ state }) => void states.push(state), retryMaxMs: 1_000 })
    map.subscribe(({ size }) => seen.push([map.connection, map.status, size]))
    server.say(record('a', { id: 'a' }))
    server.end()
    await turn()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(seen).toEqual([
      ['waiting', 'ready', 0],
      ['waiting', 'ready', 1],
      ['connecting', 'ready', 0],
      ['open', 'ready', 0],
    ])
    expect(states).toEqual(['connecting', 'open', 'waiting', 'connecting', 'open'])
    map.close()
    expect(seen.at(-1)).toEqual(['closed', 'closed', 0])
  })

  it('ends the wait of its connection on `retryNow`', async () => {
    server.answers = [() => status(503), () => server.stream()]
    const map = open()
    await turn()
    expect([map.connection, map.status]).toEqual(['waiting', 'loading'])
    map.retryNow()
    await turn()
    expect([map.connection, server.gets().length]).toEqual(['open', 2])
  })

  it('opens its streams with `connect` of the options', async () => {
    const opener = vi.fn((url: string | URL, options: ConnectOptions) => connect(url, options))
    await opened({ connect: opener }, record('a', { id: 'a' }))
    expect(opener).toHaveBeenCalledOnce()
    expect(Object.keys(opener.mock.calls[0]?.[1] ?? {})).not.toContain('connect')
  })

  const getToken = () => 'token'
  it.each([
    ['a key that is no function', STREAM_URL, { getToken, key: 'id' }, 'key must be of type function'],
    [
      'a connect that is no function',
      STREAM_URL,
      { getToken, connect: {} },
      'connect must be of type function',
    ],
    ['a parse that is no function', STREAM_URL, { getToken, parse: 1 }, 'parse must be of type function'],
    [
      'a misspelt option',
      STREAM_URL,
      { getToken, deletedkey: () => '' },
      'no option deletedkey: is it deletedKey?',
    ],
    ['null for options', STREAM_URL, null, 'options must be of type object'],
    ['deletedKey without key', STREAM_URL, { getToken, deletedKey: () => '' }, 'deletedKey needs key'],
    ['onEvent', STREAM_URL, { getToken, onEvent: () => {} }, 'A live map has no onEvent'],
    ['lastEventId', STREAM_URL, { getToken, lastEventId: '' }, 'A live map has no lastEventId'],
    ['since', `${STREAM_URL}?since=2026-01-01`, { getToken }, 'its URL must not have since'],
    [
      'an id in the URL',
      `${STREAM_URL}?last_event_id=x`,
      { getToken },
      'its URL must not have last_event_id',
    ],
    [
      'an id in a header',
      STREAM_URL,
      { getToken, headers: { 'Last-Event-ID': 'x' } },
      'A live map needs the whole topic: no header last-event-id',
    ],
    ['from=latest', `${STREAM_URL}?from=latest`, { getToken }, 'its URL must not have from=latest'],
  ])('refuses %s', (_, url, options, message) => {
    expect(() => liveMap(url, options as never)).toThrow(message)
    expect(server.requests).toEqual([])
  })

  it('leaves the checks of other options to connect', () => {
    expect(() => open({ heartbeatMs: 0 })).toThrow('heartbeatMs')
  })
})
