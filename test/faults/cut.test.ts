// Connections that are cut after every byte of three records, and clients that come back by themselves:
// docs/compatibility.md, "Quirks", holds for npm `eventsource` 1 to 4 and for our own client.

import { once } from 'node:events'
import { createRequire } from 'node:module'
import { EventSource as EventSource4 } from 'eventsource'
import { EventSource as EventSource3 } from 'eventsource3'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { connect, type Fetch } from '../../client/src/index.ts'
import { HttpScene } from '../support/http-scene.ts'
import { forThisTest } from '../support/scene.ts'
import { CutCase, CuttingProxy } from './cutting-proxy.ts'

/** What a client shows: the event's type and its data. */
type Receive = (type: string, data: string) => void
/** Opens a client that comes back by itself; returns how to close it. */
type OpenClient = (url: string, token: string, receive: Receive) => () => void
interface EventSourceLike {
  addEventListener(type: string, listener: (event: { data: string }) => void): void
  close(): void
}
type EventSourceClass = new (url: string) => EventSourceLike

const require = createRequire(import.meta.url) // 1 and 2 are CommonJS without types
const clients: Record<string, OpenClient> = {
  'eventsource 1': eventSource(require('eventsource1') as EventSourceClass),
  'eventsource 2': eventSource(require('eventsource2') as EventSourceClass),
  'eventsource 3': eventSource(EventSource3 as EventSourceClass),
  'eventsource 4': eventSource(EventSource4 as EventSourceClass),
  'our client': (url, token, receive) => ourClient(url, token, receive),
}
const FRAMES = [
  'data:{"id":1,"name":"Hello World!"}\nid:AQIAAg==\n\n',
  'data:two\ndata:lines\nid:AQIABA==\n\n',
  'event:delete\ndata:Mw==\nid:AQIABg==\n\n',
] as const
const RECORDS = ['message {"id":1,"name":"Hello World!"}', 'message two\nlines', 'delete Mw==']
const produceRecord = [
  (scene: HttpScene) => scene.topic.produce('{"id":1,"name":"Hello World!"}', '1'),
  (scene: HttpScene) => scene.topic.produce('two\nlines', '2'),
  (scene: HttpScene) => scene.topic.produce(null, '3'),
]
/** Produced when all clients are back: one that shows it has shown all that came before. */
const LAST = 'message last'
const TIMEOUT_MS = 45_000

interface Run {
  readonly client: string
  readonly cut: CutCase
  readonly shown: string[]
}

describe('a connection cut after any byte of three records', () => {
  it('loses nothing on the way back over HTTP/1.1', { timeout: 2 * TIMEOUT_MS }, async () => {
    const whole = await play(() => [Number.POSITIVE_INFINITY])
    for (const { shown } of whole) expect(shown).toEqual([...RECORDS, LAST])
    const bytes = new Map(whole.map(({ client, cut }) => [client, bytesOfRecords(cut)]))

    const runs = await play((client) => upTo(bytes.get(client) ?? 0))
    expect(runs.length).toBeGreaterThan(Object.keys(clients).length * FRAMES.join('').length)
    for (const { client, cut, shown } of runs) {
      const takesIdsEarly = client === 'eventsource 1' || client === 'eventsource 2'
      expect(shown, `${client}, cut after ${JSON.stringify(cut.text)}`).toEqual([
        ...(takesIdsEarly ? shownByEarlyTakers(cut.text) : RECORDS),
        LAST,
      ])
      expect(cut.resumedFrom).toBe(takesIdsEarly ? lastIdLine(cut.text) : lastId(cut.text))
    }
  })

  it('loses nothing on the way back over HTTP/2, with our client', { timeout: TIMEOUT_MS }, async () => {
    const scene = await openScene(true)
    for (const produce of produceRecord) produce(scene)
    const token = scene.token(300)
    const start = (bodyBytesMax: number): Run => {
      const cut = new CutCase(bodyBytesMax)
      const shown: string[] = []
      const receive: Receive = (type, data) => shown.push(`${type} ${data}`)
      onTestFinished(ourClient('https://localhost/events', token, receive, cutHttp2Fetch(scene, cut)))
      return { client: 'our client', cut, shown }
    }
    // retry:NNNN and the three records; :ready comes behind them
    const runs = upTo('retry:NNNN\n\n'.length + FRAMES.join('').length).map(start)
    await until(() => runs.every(({ cut }) => cut.connections === 2))
    scene.topic.produce('last', 'last')
    await until(() => runs.every(({ shown }) => shown.at(-1) === LAST))
    for (const { shown } of runs) expect(shown).toEqual([...RECORDS, LAST])
  })
})

/** A case for each client and cut, all at once; resolves when all that were cut are back and have the last record. */
async function play(cutsOf: (client: string) => readonly number[]): Promise<Run[]> {
  const scene = await openScene(false)
  const proxy = await CuttingProxy.open(scene.port)
  onTestFinished(() => proxy.close())
  const token = scene.token(300)
  const runs = Object.keys(clients).flatMap((client) =>
    cutsOf(client).map((bodyBytesMax) => start(proxy, token, client, bodyBytesMax)),
  )
  await produceEach(scene, runs)
  await until(() => runs.every(({ cut }) => cut.connections === 2 || !Number.isFinite(cut.bodyBytesMax)))
  scene.topic.produce('last', 'last')
  await until(() => runs.every(({ shown }) => shown.at(-1) === LAST))
  return runs
}

async function openScene(isTls: boolean): Promise<HttpScene> {
  return await forThisTest(HttpScene.open({ isTls }))
}

function start(proxy: CuttingProxy, token: string, client: string, bodyBytesMax: number): Run {
  const name = `${client.replace(' ', '-')}-${bodyBytesMax}`
  const cut = new CutCase(bodyBytesMax)
  proxy.cases.set(name, cut)
  const url = `http://127.0.0.1:${proxy.port}/events?case=${name}&access_token=${token}`
  const shown: string[] = []
  const close = clients[client]?.(url, token, (type, data) => shown.push(`${type} ${data}`))
  onTestFinished(() => close?.())
  return { client, cut, shown }
}

/** Produces each record when all clients that are not cut have the one before, so that it is a chunk of its own. */
async function produceEach(scene: HttpScene, runs: readonly Run[]): Promise<void> {
  const have = (mark: string) => until(() => runs.every(({ cut }) => cut.isCut || cut.text.includes(mark)))
  await have(':ready\n\n')
  for (const [record, produce] of produceRecord.entries()) {
    produce(scene)
    await have(FRAMES[record] ?? '')
  }
}

function upTo(bytes: number): number[] {
  return Array.from({ length: bytes + 1 }, (_, n) => n)
}

/** Bytes of a body that was not cut, up to the end of the chunk in which the third record stands. */
function bytesOfRecords({ body }: CutCase): number {
  return body.indexOf(FRAMES[2]) + FRAMES[2].length + '\r\n'.length
}

/** Id of the last event that is whole. */
function lastId(text: string): string {
  return [...text.matchAll(/^id:(.*)\n\n/gm)].at(-1)?.[1] ?? ''
}

/** Id of the last line that is whole. */
function lastIdLine(text: string): string {
  return [...text.matchAll(/^id:(.*)\n/gm)].at(-1)?.[1] ?? ''
}

/**
 * `eventsource` 1 and 2 keep the lines of an event that was cut, and show them at the next blank line: the one behind
 * `retry:`. Where they had its id by then that is all they show of it, else it comes again, whole.
 */
function shownByEarlyTakers(text: string): string[] {
  const cutOff = text.slice(text.lastIndexOf('\n\n') + 2)
  const had = FRAMES.filter((frame) => text.includes(frame)).length
  const data = [...cutOff.matchAll(/^data:(.*)\n/gm)].map((match) => match[1])
  if (data.length === 0 || /^id:.*\n/m.test(cutOff)) return RECORDS
  const type = cutOff.startsWith('event:delete\n') ? 'delete' : 'message'
  return [...RECORDS.slice(0, had), `${type} ${data.join('\n')}`, ...RECORDS.slice(had)]
}

function eventSource(EventSource: EventSourceClass): OpenClient {
  return (url, _token, receive) => {
    const source = new EventSource(url)
    for (const type of ['message', 'delete']) source.addEventListener(type, ({ data }) => receive(type, data))
    return () => source.close()
  }
}

function ourClient(url: string, token: string, receive: Receive, fetch?: Fetch): () => void {
  const stream = connect(url, {
    getToken: () => token,
    onEvent: ({ type, data }) => {
      if (type !== 'ready') receive(type, data)
    },
    ...(fetch === undefined ? {} : { fetch }),
  })
  return () => stream.close()
}

/** A connection for each request. The first gives exactly the bytes that the case allows, and is destroyed. */
function cutHttp2Fetch(scene: HttpScene, cut: CutCase): Fetch {
  return async (url, { method, headers, signal }) => {
    const bytesMax = cut.connections++ === 0 ? cut.bodyBytesMax : Number.POSITIVE_INFINITY
    const session = scene.connect()
    const request = session.request({ ':method': method, ':path': new URL(url).pathname, ...headers })
    request.on('error', () => request.destroy()) // it is cut on purpose
    signal.addEventListener('abort', () => session.destroy())
    const [answer] = (await once(request, 'response')) as [Record<string, string | undefined>]
    const chunks = request[Symbol.asyncIterator]()
    let bytes = 0
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      if (bytes < bytesMax) {
        const next = await chunks.next()
        if (next.done) return controller.close()
        const allowed = (next.value as Buffer).subarray(0, bytesMax - bytes)
        bytes += allowed.length
        return controller.enqueue(allowed)
      }
      session.destroy()
      controller.error(new Error('cut'))
    }
    return {
      status: Number(answer[':status']),
      headers: { get: (name) => answer[name] ?? null },
      body: new ReadableStream<Uint8Array>({ pull, cancel: () => session.destroy() }, { highWaterMark: 0 }),
    }
  }
}

function until(condition: () => boolean): Promise<unknown> {
  return vi.waitUntil(condition, { timeout: TIMEOUT_MS, interval: 20 })
}
