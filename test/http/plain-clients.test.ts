// Clients of npm that know nothing of this protocol, side by side on one server: what each shows of heartbeats and
// challenges, and whether it comes back. docs/compatibility.md has it as a table.

import { createRequire } from 'node:module'
import { fetchEventSource } from '@microsoft/fetch-event-source'
import { EventSource as EventSource4 } from 'eventsource'
import { EventSource as EventSource3 } from 'eventsource3'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { HttpScene } from '../support/http-scene.ts'
import { forThisTest } from '../support/scene.ts'
import { TopicInMemory } from '../support/topic-in-memory.ts'

/** An event as a client tells of it: its type, its data. */
type Receive = (type: string, data: string) => void
/** Opens a client; returns how to close it. */
type OpenClient = (url: string, receive: Receive) => () => void
interface EventSourceLike {
  addEventListener(type: string, listener: (event: { data: string }) => void): void
  close(): void
}
type EventSourceClass = new (url: string) => EventSourceLike

const require = createRequire(import.meta.url) // 1 and 2 are CommonJS without types
const EVENT_SOURCES: Record<string, OpenClient> = {
  'eventsource 1': eventSource(require('eventsource1') as EventSourceClass),
  'eventsource 2': eventSource(require('eventsource2') as EventSourceClass),
  'eventsource 3': eventSource(EventSource3 as EventSourceClass),
  'eventsource 4': eventSource(EventSource4 as EventSourceClass),
}
const RETURNING: Record<string, OpenClient> = {
  ...EVENT_SOURCES,
  'fetch-event-source whose onclose throws': (url, receive) =>
    fetchSource(url, receive, () => {
      throw new Error('the stream has ended')
    }),
}
const CLIENTS: Record<string, OpenClient> = {
  ...RETURNING,
  'fetch-event-source': (url, receive) => fetchSource(url, receive, () => {}),
}
const RECORDS = ['message one', 'message ', 'delete Z29uZQ==']
const CHALLENGE = 'challenge {"method":"POST","headers":{"content-type":"application/x-challenge-response"}}'
const TIMEOUT_MS = 45_000

describe('A client of npm', () => {
  it('shows records, and resumes after a clean end', { timeout: 2 * TIMEOUT_MS }, async () => {
    const { scene, clients } = await open(CLIENTS, { ageMaxSeconds: 2 })
    const each = Object.values(clients)
    scene.topic.produce('one', '1')
    scene.topic.produce('', '2')
    scene.topic.produce(null, 'gone')
    await until(() => each.every(({ shown }) => RECORDS.every((record) => shown.includes(record))))
    const returning = Object.keys(RETURNING).flatMap((name) => clients[name] ?? [])
    await until(() => returning.every(({ resumed }) => resumed.length > 1))
    scene.topic.produce('two', '3')
    await until(() => returning.every(({ shown }) => shown.includes('message two')))

    for (const [name, { shown, resumed }] of Object.entries(clients)) {
      const records = shown.filter((event) => event !== 'nothing')
      const isReturning = Object.hasOwn(RETURNING, name)
      expect(records, name).toEqual(isReturning ? [...RECORDS, 'message two'] : RECORDS)
      // The id of the delete, whose offset is 2.
      expect(resumed.slice(0, 2), name).toEqual(isReturning ? [undefined, 'AQIABg=='] : [undefined])
      // Of `retry:`.
      expect(shown.includes('nothing'), name).toBe(name.startsWith('fetch-event-source'))
    }
  })

  it('shows a challenge by its type', { timeout: TIMEOUT_MS }, async () => {
    const { clients } = await open(CLIENTS, {})
    const isChallenged = ({ shown }: { shown: string[] }) => shown.includes(CHALLENGE)
    await until(() => Object.values(clients).every(isChallenged))
    for (const { shown } of Object.values(clients))
      expect(shown.filter((event) => event !== 'nothing')).toEqual([CHALLENGE])
  })

  it('leaves after a 401, but for fetch-event-source', { timeout: TIMEOUT_MS }, async () => {
    const { clients } = await open(CLIENTS, {}, 'no-token')
    await until(() => Object.values(clients).every(({ resumed }) => resumed.length > 0))
    const patient = Object.entries(clients).filter(([name]) => name.startsWith('fetch-event-source'))
    await until(() => patient.every(([, { resumed }]) => resumed.length > 2))
    for (const name of Object.keys(EVENT_SOURCES)) expect(clients[name]?.resumed, name).toEqual([undefined])
  })
})

/** Each client on a stream of its own: heartbeats all the time, and the challenge at once if its token ends it. */
async function open(opened: Record<string, OpenClient>, sse: { ageMaxSeconds?: number }, token?: string) {
  vi.stubGlobal('window', globalThis) // fetch-event-source is written for pages
  vi.stubGlobal('document', new EventTarget())
  onTestFinished(() => void vi.unstubAllGlobals())
  const asked: { url: string; id: string | string[] | undefined }[] = []
  const scene = await forThisTest(
    HttpScene.open({
      topic: new TopicInMemory(1, { keeps: 'all' }),
      replay: 'all',
      isTls: false,
      sse: { heartbeatSeconds: 0.1, challengeSeconds: 3600, ...sse },
      host: async (app) => {
        app.addHook(
          'onRequest',
          async ({ url, headers }) => void asked.push({ url, id: headers['last-event-id'] }),
        )
      },
    }),
  )
  const start = (name: string, openClient: OpenClient) => {
    const path = `/events?case=${encodeURIComponent(name)}&access_token=`
    const shown: string[] = []
    const receive: Receive = (type, data) => shown.push(type === '' ? 'nothing' : `${type} ${data}`)
    onTestFinished(openClient(`http://127.0.0.1:${scene.port}${path}${token ?? scene.token(300)}`, receive))
    return {
      shown,
      /** The id of each of its requests. */
      get resumed() {
        return asked.filter(({ url }) => url.startsWith(path)).map(({ id }) => id)
      },
    }
  }
  const clients = Object.fromEntries(
    Object.entries(opened).map(([name, client]) => [name, start(name, client)]),
  )
  return { scene, clients }
}

function eventSource(EventSource: EventSourceClass): OpenClient {
  return (url, receive) => {
    const source = new EventSource(url)
    for (const type of ['message', 'delete', 'challenge', 'error'])
      source.addEventListener(type, ({ data }) => {
        if (type !== 'error') receive(type, data)
      })
    return () => source.close()
  }
}

/** With signals, since a heartbeat may have an id, and would look like a record with an empty value. */
function fetchSource(url: string, receive: Receive, onclose: () => void): () => void {
  const controller = new AbortController()
  const ended = fetchEventSource(`${url}&signals=1`, {
    signal: controller.signal,
    openWhenHidden: true,
    onclose,
    onmessage: ({ id, event, data }) => {
      if (event === '') receive(id === '' ? '' : 'message', data)
      else if (['delete', 'challenge'].includes(event)) receive(event, data)
    },
  })
  return () => {
    controller.abort()
    return ended
  }
}

function until(condition: () => boolean): Promise<unknown> {
  return vi.waitUntil(condition, { timeout: TIMEOUT_MS, interval: 20 })
}
