// Other clients and ours on one stream of every kind of record: all must report the same.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { EventSource } from 'eventsource'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { connect } from '../../client/src/index.ts'
import { fetchTrusting } from '../../src/commands/trusting-fetch.ts'
import { leaveOut } from '../support/left-out.ts'
import { hasPrograms } from '../support/programs.ts'
import { pythonWithClients } from '../support/python.ts'
import { ServerProcess } from '../support/server-process.ts'
import { StreamReader } from '../support/stream-reader.ts'
import { Curl } from './curl.ts'
import { fetchByAuthority } from './fetch-by-authority.ts'
import { bootstrapServers, Kafka, type TestRecord } from './kafka.ts'

/** What a client tells of an event. */
interface Told {
  id: string
  event: string
  data: string
}

/** A client at work: what it has told so far, and how to end it. */
interface Client {
  readonly told: () => Told[]
  readonly close: () => unknown
}

const TESTS = 'other clients on a real Kafka'

/** A record, and what every client has to tell of it: null for nothing at all. */
type Case = [what: string, record: TestRecord, told: { event: string; data: string } | null]
const message = (data: string) => ({ event: 'message', data })
const text = (what: string, value: string, data = value): Case => [what, { key: what, value }, message(data)]
const CASES: Case[] = [
  text('the tutorial’s', '{ "id": 1, "name": "Hello World!"}'),
  text('an empty value', ''),
  ['a tombstone', { key: 'gone', value: null }, { event: 'delete', data: 'Z29uZQ==' }],
  ['a tombstone of bytes', { key: Buffer.from([0, 255]), value: null }, { event: 'delete', data: 'AP8=' }],
  text('every line end', 'one\ntwo\r\nthree\rfour', 'one\ntwo\nthree\nfour'),
  text('line ends alone', '\n\r\n\r', '\n\n\n'),
  text('a line end last', 'last\n'),
  text('leading spaces', ' one\n  two'),
  text('fields in a value', 'data: x\n\nevent: delete\nid: 7\nretry: 1\n: comment'),
  text('all planes of Unicode', 'žluťoučký kůň 🐎 אבג 漢字'),
  text('line ends that are none', 'a\u2028b\u2029c\u0085d\u000be\u000cf\u001cg'),
  text('control characters', 'nul \0 bell \u0007 tab \t byte order mark \ufeff'),
  ['bytes that are not UTF-8', { key: 'x', value: Buffer.from([0x61, 0xff, 0x62]) }, message('a\ufffdb')],
  text('a large value', 'large '.repeat(50_000)),
  ['no key', { key: null, value: 'no key' }, message('no key')],
  ['neither key nor value', { key: null, value: null }, null],
  text('the last', 'the last'),
]
/** What is told in all, of the replay and of what comes live. */
const EXPECTED = CASES.flatMap(([, , told]) => (told === null ? [] : [told]))

const python = bootstrapServers === null ? { missing: 'no Kafka either' } : await pythonWithClients()
if ('missing' in python) leaveOut('httpx-sse on a real Kafka', python.missing)
const NAMES = ['eventsource 4', 'curl --http1.1', 'our client', ...('program' in python ? ['httpx-sse'] : [])]
const can = bootstrapServers !== null && hasPrograms(TESTS, 'curl')

describe.skipIf(!can)('The same stream, read by other clients', () => {
  let kafka: Kafka
  let server: ServerProcess
  let token: string
  const clients = new Map<string, Client>()
  const running = () => [...clients.values()]

  beforeAll(async () => {
    kafka = new Kafka(bootstrapServers)
    // Not compacted: that topic would refuse records without a key.
    const topic = await kafka.createTopic()
    const records = CASES.map(([, record]) => record)
    const half = Math.floor(CASES.length / 2)
    await kafka.produce(topic, ...records.slice(0, half))
    server = await ServerProcess.open(kafka.bootstrapServers, topic)
    token = (await server.token('+5m')).text
    clients.set('eventsource 4', openEventSource())
    clients.set('curl --http1.1', openCurl())
    clients.set('our client', openOurs())
    if ('program' in python) clients.set('httpx-sse', openPython(python.program))
    await haveTold(half)
    await kafka.produce(topic, ...records.slice(half))
    await haveTold(EXPECTED.length)
  }, 60_000)
  afterAll(async () => {
    await Promise.all(running().map((client) => client.close()))
    await server.close()
    await kafka.close()
  })

  async function haveTold(count: number): Promise<void> {
    await vi
      .waitUntil(() => running().every(({ told }) => told().length >= count), {
        timeout: 20_000,
        interval: 100,
      })
      .catch((cause: unknown) => {
        const counts = [...clients].map(([name, { told }]) => `${name}: ${told().length}`)
        throw new Error(`not everyone told ${count} events: ${counts.join(', ')}`, { cause })
      })
  }

  function openEventSource(): Client {
    const { fetch } = fetchByAuthority(server.ca)
    const source = new EventSource(`${server.url}?access_token=${token}`, { fetch })
    const told: Told[] = []
    for (const event of ['message', 'delete', 'gap']) {
      source.addEventListener(event, ({ lastEventId, data }) => told.push({ id: lastEventId, event, data }))
    }
    return { told: () => told, close: () => source.close() }
  }

  function openPython(program: string): Client {
    const script = join(import.meta.dirname, 'httpx-sse-client.py')
    const child: ChildProcess = spawn(program, [script, server.url, 'test-ca.crt', token], {
      cwd: server.folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'close')
    let printed = ''
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      printed += part
    })
    return {
      told: () =>
        printed
          .split('\n')
          .slice(0, -1)
          .map((line): Told => JSON.parse(line)),
      close: () => child.kill() && ended,
    }
  }

  function openCurl(): Client {
    const curl = Curl.stream(server.folder, server.url, token, '--http1.1')
    return {
      told: () => {
        const reader = new StreamReader()
        reader.feed(Buffer.from(curl.body))
        return reader.events.map(({ id = '', event = 'message', data }) => ({ id, event, data }))
      },
      close: () => curl.kill(),
    }
  }

  function openOurs(): Client {
    const stream = connect(server.url, { getToken: () => token, fetch: fetchTrusting(server.ca) })
    const told: Told[] = []
    const read = async () => {
      for await (const { id, type, data } of stream)
        if (type !== 'ready') told.push({ id, event: type, data })
    }
    const ended = read()
    return {
      told: () => told,
      close: () => {
        stream.close()
        return ended
      },
    }
  }

  it.each(NAMES)('%s reports every event as it was written', (name) => {
    const told = clients.get(name)?.told()
    expect(told?.map(({ event, data }) => ({ event, data }))).toEqual(EXPECTED)
  })

  it('gives them all the same ids', () => {
    const ids = running().map(({ told }) => told().map(({ id }) => id))
    for (const told of ids) expect(told).toEqual(ids[0])
    expect(new Set(ids[0]).size).toBe(EXPECTED.length)
    expect(ids[0]?.[0]).toBe('AQIAAg==')
  })
})
