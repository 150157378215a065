// The client over real sockets, with the fetch that Node has: what a fake would get wrong.

import { createServer } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connect, type EventStream, type StreamError, type StreamEvent } from '../../client/src/index.ts'
import { CHALLENGE, ClientServer } from '../support/client-server.ts'
import { until } from '../support/time.ts'

describe('the client with Node’s fetch', () => {
  let server: ClientServer
  let url: string
  let stream: EventStream | null
  let tokens: number
  let errors: StreamError[]

  beforeEach(async () => {
    server = new ClientServer(createServer)
    url = `http://127.0.0.1:${await server.listen()}/events`
    stream = null
    tokens = 0
    errors = []
  })

  afterEach(async () => {
    stream?.close()
    await server.close()
  })

  function open(options: Partial<Parameters<typeof connect>[1]> = {}): EventStream {
    stream = connect(url, {
      getToken: async () => `token-${++tokens}`,
      onError: ({ error }) => errors.push(error),
      ...options,
    })
    return stream
  }

  async function take(from: EventStream, count: number): Promise<StreamEvent[]> {
    const events: StreamEvent[] = []
    for await (const event of from) if (events.push(event) === count) break
    return events
  }

  it('resumes after a reset connection, a clean end and a stop, with a fresh token and the last id', async () => {
    const events: string[] = []
    open({
      onEvent: ({ data }) => {
        events.push(data)
      },
    })
    await server.seen(1)
    server.say('data:1\nid:a\n\ndata:2\nid:b')
    await until(() => events.length === 1)
    server.breakOff()
    await server.seen(2)
    server.end('data:2\nid:b\n\n:end expired\n\n')
    await server.seen(3)
    server.say('data:3\nid:c\n\n')
    await until(() => events.length === 3)
    expect(events).toEqual(['1', '2', '3'])
    expect(server.gets().map(({ token }) => token)).toEqual(['token-1', 'token-2', 'token-3'])
    expect(server.gets().map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'a', 'b'])
    expect(errors.map(({ code }) => code)).toEqual(['lost'])
  })

  it('keeps trying a server that is gone, and goes on when it is back', async () => {
    const port = Number(new URL(url).port)
    open({ lastEventId: 'a', retryMaxMs: 50 })
    await server.seen(1)
    await server.close()
    await until(() => errors.length >= 3)
    expect(errors.at(-1)?.message).toContain('ECONNREFUSED')
    server = new ClientServer(createServer)
    await server.listen(port)
    await server.seen(1)
    expect(server.gets()[0]?.headers['last-event-id']).toBe('a')
  })

  it('answers a challenge on the open stream, without a body', async () => {
    open()
    await server.seen(1)
    server.say(CHALLENGE)
    await server.seen(1, 1)
    expect(server.posts()[0]).toMatchObject({
      path: '/events',
      token: 'token-2',
      headers: { 'content-type': 'application/x-challenge-response', 'content-length': '0' },
    })
  })

  it('gives up after two fresh tokens lacked the scope', async () => {
    server.answer = (_, response) => response.writeHead(403).end()
    expect(await open().closed).toMatchObject({ code: 'unauthorized', status: 403 })
    expect(server.gets().map(({ token }) => token)).toEqual(['token-1', 'token-2'])
  })

  it('waits as Retry-After says', async () => {
    server.answer = (_, response) => {
      if (server.gets().length > 1) server.open(response)
      else response.writeHead(503, { 'retry-after': '3' }).end()
    }
    const beganAtMs = performance.now()
    open({ retryMaxMs: 1, random: () => 0 })
    await server.seen(2)
    expect(performance.now() - beganAtMs).toBeGreaterThan(2_990)
  })

  it('follows no redirect: the token stays where it was meant to go', async () => {
    const other = new ClientServer(createServer)
    const port = await other.listen()
    server.answer = (_, response) =>
      response.writeHead(307, { location: `http://127.0.0.1:${port}/events` }).end()
    expect(await open().closed).toMatchObject({ code: 'refused', status: 307 })
    expect(other.requests).toEqual([])
    await other.close()
  })

  it('slows the server down for a slow consumer, answers challenges meanwhile, and loses nothing', async () => {
    const record = (index: number) => `data:${index} ${'x'.repeat(65_536)}\nid:${index}\n\n`
    const iterator = open({ readAheadMax: 262_144 })[Symbol.asyncIterator]()
    await server.seen(1)
    server.say(record(0))
    await iterator.next()
    server.say(CHALLENGE)
    let said = 1
    let taken = true
    // 256 MB would fit into no buffer in between.
    for (; said < 4_000 && taken; said++) {
      taken = server.say(record(said))
      if (!taken) taken = await drained(server)
    }
    expect(said).toBeLessThan(1_000)
    await server.seen(1, 1)
    for (let index = 1; index < said; index++) {
      const { value } = await iterator.next()
      expect(value?.id).toBe(`${index}`)
    }
    await iterator.return()
  })

  it('closes its connection at once when aborted', async () => {
    const controller = new AbortController()
    const { closed } = open({ signal: controller.signal })
    await server.seen(1)
    const gone = new Promise((resolve) => server.streams[0]?.on('close', resolve))
    controller.abort()
    expect(await closed).toBeNull()
    await gone
  })

  it('reads a value of 12 MiB with every kind of line end whole', async () => {
    const value = `${'line\n'.repeat(3)}${'é'.repeat(6 * 1_048_576)}`
    const reading = take(open(), 1)
    await server.seen(1)
    server.say(
      `${value
        .split('\n')
        .map((line) => `data:${line}\r\n`)
        .join('')}\r\n`,
    )
    const [event] = await reading
    expect(event?.data === value).toBe(true)
  })
})

/** False where the client takes nothing more for half a second. */
async function drained(server: ClientServer): Promise<boolean> {
  const stream = server.streams.at(-1)
  return await new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), 500)
    stream?.once('drain', () => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}
