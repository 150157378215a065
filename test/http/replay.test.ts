// Where a stream begins and what it says of gaps, over HTTP: docs/protocol.md, "Where a stream starts".

import { afterEach, describe, expect, it, vi } from 'vitest'
import type { BusOptions } from '../../src/bus/bus.ts'
import type { Replay } from '../../src/bus/record.ts'
import { HttpScene } from '../support/http-scene.ts'
import { until } from '../support/time.ts'
import { TopicInMemory } from '../support/topic-in-memory.ts'

let scene: HttpScene
afterEach(() => scene.close())

async function open(replay: Replay = 'latest', options: Partial<BusOptions> = {}): Promise<TopicInMemory> {
  const topic = new TopicInMemory(1, { keeps: replay === 'latest' ? 'latest' : 'all', ...options })
  scene = await HttpScene.open({ topic, replay })
  return topic
}

/** Values that a new stream at this path gets until it is ready. */
async function begins(path = '/events', headers: Record<string, string> = {}): Promise<string[]> {
  const { reader } = await scene.get(path, headers)
  await until(() => reader.comments.includes('ready'))
  return reader.records
}

describe('a stream without an id', () => {
  const write = (topic: TopicInMemory) => {
    topic.produce('a, superseded', 'a')
    topic.produce('b', 'b')
    topic.produce('a', 'a')
  }

  it.each([
    ['latest', '/events', ['b', 'a']],
    ['all', '/events', ['a, superseded', 'b', 'a']],
    ['none', '/events', []],
    ['latest', '/events?from=latest', []],
    ['all', '/events?from=latest', []],
    ['none', '/events?from=earliest', ['a, superseded', 'b', 'a']],
    ['none', '/events?from=earliest&lastEventId=AQIABA==', ['a']],
    ['none', '/events?lastEventId=AQIABA==', ['a']],
    ['latest', '/events?from=latest&since=1970-01-01', ['a, superseded', 'b', 'a']],
  ] as const)('with replay %s begins at %s with %j, and goes on live', async (replay, path, expected) => {
    const topic = await open(replay)
    write(topic)
    const { reader } = await scene.get(path)
    await until(() => reader.comments.includes('ready'))
    expect(reader.records).toEqual(expected)
    topic.produce('live', 'b')
    await until(() => reader.records.includes('live'))
  })
})

describe('?since=', () => {
  it('takes ISO 8601 and epoch ms, with a + as it is written by hand', async () => {
    const topic = await open()
    const at = Date.parse('2026-11-25T10:00:00Z')
    vi.spyOn(Date, 'now').mockReturnValueOnce(at - 1)
    topic.produce('before')
    vi.spyOn(Date, 'now').mockReturnValueOnce(at)
    topic.produce('at')
    vi.restoreAllMocks()
    for (const since of [`${at}`, '2026-11-25T10:00:00Z', '2026-11-25T11:00+01:00', '20261125T110000%2B0100'])
      expect(await begins(`/events?since=${since}`)).toEqual(['at'])
    expect(await begins('/events?since=2026-11-25')).toEqual(['before', 'at'])
    expect(await begins('/events?since=-1')).toEqual(['before', 'at'])
    expect(await begins('/events?since=2999-01-01')).toEqual([])
  })

  it.each(['', 'yesterday', '2026-02-30', '2026-13-01', '1e3', '10:00'])(
    'is answered 400 where it is %j, also beside an id',
    async (since) => {
      await open()
      const response = await scene.get(`/events?since=${since}&lastEventId=AQIAAg==`)
      expect(response.status).toBe(400)
    },
  )
})

describe('a query that a host parses in its own way', () => {
  it('is read as it was sent', async () => {
    const topic = new TopicInMemory(1)
    scene = await HttpScene.open({
      topic,
      host: async (app) => {
        app.addHook('preValidation', async (request) => {
          request.query = { since: { ms: '1' }, lastEventId: { of: 'AQIABA==' }, from: ['latest'] }
        })
      },
    })
    topic.produce('first', 'a')
    topic.produce('second', 'b')
    expect(await begins()).toEqual(['first', 'second'])
    expect(await begins('/events?since[ms]=1&lastEventId[of]=AQIABA==&from[]=latest')).toHaveLength(2)
    expect(await begins('/events?lastEventId=AQIAAg%3D%3D&lastEventId=AQIABA==')).toEqual(['second'])
    expect((await scene.get('/events?since=')).status).toBe(400)
  })
})

describe('a gap', () => {
  it('is sent for an id from before what is retained', async () => {
    const topic = await open('all', { retainedRecordsMax: 2 })
    for (let count = 0; count < 6; count++) topic.produce('x'.repeat(600_000))
    const { reader } = await scene.get('/events', { 'last-event-id': 'AQIAAg==' })
    await until(() => reader.comments.includes('ready'))
    expect(reader.comments).toEqual(['gap too-old', 'ready'])
    expect(reader.records).toHaveLength(topic.bus.retainedRecords)
  })

  it('is sent if tombstones are gone, and the newest of every key follows', async () => {
    const topic = await open('latest', { deleteRetentionMs: 1 })
    topic.produce('deleted', 'a')
    topic.produce(null, 'a')
    topic.produce('kept', 'b')
    while (topic.bus.maintain(Date.now(), performance.now() + 1));
    const { reader } = await scene.get('/events?signals=1', { 'last-event-id': 'AQIAAg==' })
    await until(() => reader.comments.includes('ready'))
    expect(reader.events.map(({ event, data, id }) => [event, data, id])).toEqual([
      ['gap', '{"reason":"deletes-dropped"}', 'AQA='],
      [undefined, 'kept', 'AQIABg=='],
      ['ready', '{}', 'AQIABg=='],
    ])
  })

  it('is sent on an open stream whose topic is recreated, then the new topic and another ready', async () => {
    const topic = await open()
    topic.produce('old')
    const plain = await scene.get()
    const signals = await scene.get('/events?signals=1')
    await until(() => plain.reader.comments.includes('ready') && signals.reader.comments.includes('ready'))
    topic.bus.recreate()
    await until(() => plain.reader.comments.includes('gap recreated'))
    topic.bus.setPartition(0, 0)
    topic.produce('new')
    topic.bus.markCaughtUp()
    for (const { reader } of [plain, signals]) {
      await until(() => reader.comments.filter((comment) => comment === 'ready').length === 2)
      expect(reader.records).toEqual(['old', 'new'])
    }
    expect(plain.reader.comments).toEqual(['ready', 'gap recreated', '', 'ready'])
    expect(signals.reader.events.map(({ event, id }) => [event, id])).toEqual([
      [undefined, 'AQIAAg=='],
      ['ready', 'AQIAAg=='],
      ['gap', 'AQA='],
      [undefined, 'AQIAAg=='],
      ['ready', 'AQIAAg=='],
    ])
  })

  it('for an id beyond the end of a recreated topic is beyond-end', async () => {
    const topic = await open()
    topic.bus.recreate()
    topic.bus.setPartition(0, 0)
    topic.bus.markCaughtUp()
    topic.answer({ 0: { start: 0, end: 0 } })
    const { reader } = await scene.get('/events', { 'last-event-id': 'AQIA0A8=' })
    await until(() => reader.comments.includes('ready'))
    expect(reader.comments[0]).toBe('gap recreated')
  })

  it('is not sent for the id of a client that has nothing, in either form', async () => {
    const topic = await open()
    topic.produce('one')
    for (const id of ['AQA=', 'AQA', 'AQIAAw==']) {
      const { reader } = await scene.get('/events?from=latest', { 'last-event-id': id })
      await until(() => reader.comments.includes('ready'))
      expect([reader.comments, reader.records]).toEqual([['ready'], ['one']])
    }
  })
})

describe('a stream that has lost what it had yet to read', () => {
  it('ends as too-old, and the gap follows when its id comes back', async () => {
    const topic = await open()
    topic.produce('read')
    const { reader, ended } = await scene.get()
    await until(() => reader.comments.includes('ready'))
    topic.bus.skip(0, 10)
    topic.bus.publish()
    await ended
    expect(reader.comments.at(-1)).toBe('end too-old')
    expect(await begins('/events', { 'last-event-id': reader.lastId })).toEqual([])
    const again = await scene.get('/events', { 'last-event-id': reader.lastId })
    await until(() => again.reader.comments.includes('ready'))
    expect(again.reader.comments).toEqual(['gap too-old', 'ready'])
  })
})

describe('a table that has outgrown its bus', () => {
  it('turns every snapshot away as busy, and goes on with live streams and later ids', async () => {
    const topic = await open('latest', { retainedRecordsMax: 2 })
    for (let key = 0; key < 6; key++) topic.produce('x'.repeat(600_000), `${key}`)
    for (const path of [
      '/events',
      '/events?lastEventId=AQIAAg==',
      '/events?lastEventId=====',
      '/events?since=0',
    ]) {
      const { reader, ended } = await scene.get(path)
      await ended
      expect(reader.comments.at(-1)).toBe('end busy')
      expect(reader.records).toEqual([])
    }
    expect(await begins('/events?lastEventId=AQIACg==')).toHaveLength(1)
    expect(await begins('/events?from=latest')).toEqual([])
  })
})
