// The client against a server of one function and a clock that the test turns: when it comes back, when it gives up,
// what it answers, what it holds.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  type ConnectOptions,
  connect,
  type EventStream,
  type FetchRequest,
  type FetchResponse,
  type StreamError,
  type StreamEvent,
} from '../../../src/client/index.ts'

const URL_TEXT = 'https://example.test/events'
const CHALLENGE =
  'event:challenge\ndata:{"method":"POST","headers":{"content-type":"application/x-challenge-response"}}\n\n'

/** Answers in turn; the last one answers all that follow. */
type Answer = (request: FetchRequest) => FetchResponse | Promise<FetchResponse>

class Server {
  readonly requests: (FetchRequest & { url: string; atMs: number })[] = []
  readonly streams: ReadableStreamDefaultController<Uint8Array>[] = []
  chunksRead = 0
  renewal: Answer = () => status(204)
  answers: Answer[] = [() => this.stream()]

  readonly fetch = async (url: string, request: FetchRequest): Promise<FetchResponse> => {
    this.requests.push({ ...request, url, atMs: Date.now() })
    if (request.method !== 'GET') return this.renewal(request)
    const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0]
    if (answer === undefined) throw new Error('no answer')
    const response = await answer(request)
    request.signal.addEventListener('abort', () => this.#break(response, request.signal.reason))
    return response
  }

  readonly #controllers = new WeakMap<FetchResponse, ReadableStreamDefaultController<Uint8Array>>()

  stream(...parts: string[]): FetchResponse {
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined
    const body = new ReadableStream<Uint8Array>({
      start: (started) => {
        controller = started
      },
      pull: () => {
        this.chunksRead++
      },
    })
    if (controller === undefined) throw new Error('not started')
    for (const part of parts) controller.enqueue(Buffer.from(part))
    this.streams.push(controller)
    const response = { status: 200, headers: new Headers({ 'content-type': 'text/event-stream' }), body }
    this.#controllers.set(response, controller)
    return response
  }

  say(text: string): void {
    this.streams.at(-1)?.enqueue(Buffer.from(text))
  }

  end(): void {
    this.streams.at(-1)?.close()
  }

  breakOff(): void {
    this.streams.at(-1)?.error(new Error('reset'))
  }

  gets(): FetchRequest[] {
    return this.requests.filter(({ method }) => method === 'GET')
  }

  posts(): FetchRequest[] {
    return this.requests.filter(({ method }) => method !== 'GET')
  }

  #break(response: FetchResponse, reason: unknown): void {
    try {
      this.#controllers.get(response)?.error(reason)
    } catch (error) {
      // A stream that has been closed cannot fail any more.
      if (!(error instanceof TypeError)) throw error
    }
  }
}

function status(code: number, headers: Record<string, string> = {}): FetchResponse {
  return { status: code, headers: new Headers(headers), body: null }
}

describe('the client', () => {
  let server: Server
  let events: StreamEvent[]
  let errors: { error: StreamError; retryInMs: number | null; final: boolean }[]
  let ends: { reason: string; retryInMs: number }[]
  let tokens: number
  let stream: EventStream | null

  beforeEach(() => {
    vi.useFakeTimers()
    server = new Server()
    events = []
    errors = []
    ends = []
    tokens = 0
    stream = null
  })

  afterEach(async () => {
    stream?.close()
    await vi.advanceTimersByTimeAsync(0)
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
  })

  function open(options: Partial<ConnectOptions> = {}): EventStream {
    stream = connect(URL_TEXT, {
      getToken: () => `token-${++tokens}`,
      fetch: server.fetch,
      random: () => 0,
      onEvent: (event) => {
        events.push(event)
      },
      onError: (failure) => errors.push(failure),
      onEnd: (end) => ends.push(end),
      ...options,
    })
    return stream
  }

  const settle = (timeMs = 0) => vi.advanceTimersByTimeAsync(timeMs)

  it('asks with the token as bearer, and hands out records, tombstones, gaps and readiness in order', async () => {
    open()
    await settle()
    server.say(':gap too-old\n\ndata:1\nid:a\n\nevent:delete\ndata:MQ==\nid:b\n\n:\n\n:ready\n\n')
    await settle()
    expect(server.requests[0]?.headers).toEqual({
      accept: 'text/event-stream',
      authorization: 'Bearer token-1',
    })
    expect(events).toEqual([
      { type: 'gap', data: 'too-old', id: 'AQA=' },
      { type: 'message', data: '1', id: 'a' },
      { type: 'delete', data: 'MQ==', id: 'b' },
      { type: 'ready', data: '', id: 'b' },
    ])
  })

  it('says a signal once where it comes as a comment and as an event', async () => {
    open()
    await settle()
    server.say(':gap too-old\nevent:gap\ndata:{"reason":"too-old"}\n\n:\nevent:ping\ndata:{}\nid:c\n\n')
    await settle()
    expect(events).toEqual([{ type: 'gap', data: 'too-old', id: 'AQA=' }])
    expect(stream?.lastEventId).toBe('c')
  })

  it('comes back after a broken connection, with a fresh token and the id of the last whole event', async () => {
    open()
    await settle()
    server.say('retry:3000\n\ndata:1\nid:a\n\ndata:2\nid:b\n')
    await settle()
    server.breakOff()
    await settle(2_999)
    expect(errors).toMatchObject([{ error: { code: 'lost' }, retryInMs: 3_000, final: false }])
    expect(server.gets()).toHaveLength(1)
    await settle(1)
    expect(server.gets()[1]?.headers).toMatchObject({ authorization: 'Bearer token-2', 'last-event-id': 'a' })
  })

  it('says why the server ended the stream, and comes back', async () => {
    open({ lastEventId: 'before' })
    await settle()
    server.say(':end shutdown\n\n')
    server.end()
    await settle()
    expect(ends).toEqual([{ reason: 'shutdown', retryInMs: 2_000 }])
    await settle(2_000)
    expect(server.gets().map(({ headers }) => headers['last-event-id'])).toEqual(['before', 'before'])
    expect(errors).toEqual([])
  })

  it('waits twice as long after each failure, up to the bound, and starts over after a good connection', async () => {
    server.answers = [() => Promise.reject(new Error('refused'))]
    open({ retryMaxMs: 10_000 })
    await settle(2_000 + 4_000 + 8_000 + 10_000 + 10_000)
    expect(errors.map(({ retryInMs }) => retryInMs)).toEqual([2_000, 4_000, 8_000, 10_000, 10_000, 10_000])
    server.answers = [() => server.stream()]
    await settle(10_000)
    await settle(5_000)
    server.breakOff()
    await settle()
    expect(errors.at(-1)?.retryInMs).toBe(2_000)
  })

  it('starts over after a connection that lasted, and after no other, however the clock is set meanwhile', async () => {
    server.answers = [() => server.stream()]
    open()
    await settle(5_000)
    vi.setSystemTime(Date.now() - 3_600_000)
    server.breakOff()
    await settle(2_000)
    vi.setSystemTime(Date.now() + 7_200_000)
    server.breakOff()
    await settle(4_000)
    server.breakOff()
    await settle()
    expect(errors.map(({ retryInMs }) => retryInMs)).toEqual([2_000, 4_000, 8_000])
  })

  it('does not start over for connections that break at once, nor hurry where retry is 0', async () => {
    server.answers = [() => server.stream('retry:0\n\n')]
    open({ retryMaxMs: 5_000 })
    for (let times = 0; times < 14; times++) {
      await settle(5_000)
      server.breakOff()
      await settle(0)
      vi.setSystemTime(Date.now() - 5_000)
    }
    expect(errors.map(({ retryInMs }) => retryInMs).slice(-2)).toEqual([4_096, 5_000])
  })

  it('adds up to a quarter of jitter', async () => {
    server.answers = [() => Promise.reject(new Error('refused'))]
    open({ random: () => 0.999999 })
    await settle()
    expect(errors[0]?.retryInMs).toBe(2_500)
  })

  it.each([
    [429, '7', 7_000],
    [503, '0', 2_000],
    [503, '99999999', 600_000],
    [500, 'soon', 2_000],
  ])('waits at least what a %i says with Retry-After: %s', async (code, retryAfter, waitMs) => {
    server.answers = [() => status(code, { 'retry-after': retryAfter })]
    open()
    await settle()
    expect(errors).toMatchObject([{ error: { code: 'unavailable', status: code }, retryInMs: waitMs }])
  })

  it('reads a Retry-After that is a date', async () => {
    vi.setSystemTime(Date.parse('2026-01-01T00:00:00Z'))
    server.answers = [() => status(503, { 'retry-after': 'Thu, 01 Jan 2026 00:00:20 GMT' })]
    open()
    await settle()
    expect(errors[0]?.retryInMs).toBe(20_000)
  })

  it.each([401, 403])('tries a fresh token once after a %i; the second in a row is final', async (code) => {
    server.answers = [() => status(code)]
    const { closed } = open()
    await settle(60_000)
    expect(server.gets().map(({ headers }) => headers.authorization)).toEqual([
      'Bearer token-1',
      'Bearer token-2',
    ])
    expect(errors.map(({ final }) => final)).toEqual([false, true])
    expect(await closed).toMatchObject({ code: 'unauthorized', status: code })
  })

  it('forgets a refused token once one was taken', async () => {
    server.answers = [() => status(401), () => server.stream(), () => status(401), () => server.stream()]
    open()
    await settle(10_000)
    server.breakOff()
    await settle(60_000)
    expect(stream?.state).toBe('open')
  })

  it.each([204, 302, 400, 404, 405, 406, 410, 0])('takes a %i for final', async (code) => {
    server.answers = [() => status(code)]
    const { closed } = open()
    await settle(60_000)
    expect(await closed).toMatchObject({ code: 'refused', status: code })
    expect(server.requests).toHaveLength(1)
  })

  it('takes another content type for final, and a parameter for none', async () => {
    server.answers = [
      () => Object.assign(server.stream(), { headers: new Headers({ 'content-type': 'text/html' }) }),
    ]
    expect(await open().closed).toMatchObject({ code: 'not-an-event-stream' })
    server.answers = [
      () => {
        const response = server.stream()
        const headers = new Headers({ 'content-type': 'Text/Event-Stream; charset=utf-8' })
        return Object.assign(response, { headers })
      },
    ]
    open()
    await settle()
    expect(stream?.state).toBe('open')
  })

  it('ends with an event that is too large, which would only come again, after what came before it', async () => {
    server.answers = [() => server.stream(`data:1\nid:a\n\ndata:${'x'.repeat(200)}\n\n`)]
    const { closed } = open({ eventLengthMax: 100 })
    await settle(60_000)
    expect(await closed).toMatchObject({ code: 'event-too-large' })
    expect(events).toHaveLength(1)
    expect(server.requests).toHaveLength(1)
  })

  it('takes the longest event that a server sends, its id merged with the one that it came with', async () => {
    const data = 'x'.repeat(16 * 1024 * 1024 - 'data:\nid:\n\n'.length)
    const id = 'A'.repeat(128 * 1024 - 'id:'.length)
    server.answers = [() => server.stream(`data:${data}\nid:${id}\n\n`)]
    open()
    await vi.waitUntil(() => events.length === 1)
    expect(events[0]?.id.length).toBe(id.length)
    expect(events[0]?.data.length).toBe(data.length)
    expect(stream?.state).toBe('open')
  })

  it('counts a connection without a byte for three heartbeats as lost, and one with heartbeats as alive', async () => {
    open()
    for (let seconds = 0; seconds < 90; seconds += 9) {
      await settle(9_000)
      server.say(':\n\n')
    }
    expect(errors).toEqual([])
    await settle(26_999)
    expect(errors).toEqual([])
    await settle(1)
    expect(errors).toMatchObject([{ error: { code: 'silent' }, retryInMs: 2_000 }])
    await settle(2_000)
    expect(server.gets()).toHaveLength(2)
  })

  it('counts a server that takes the connection and says nothing as silent', async () => {
    server.answers = [({ signal }) => rejectedBy(signal), () => server.stream()]
    open()
    await settle(27_000)
    expect(errors).toMatchObject([{ error: { code: 'silent' } }])
    await settle(2_000)
    expect(stream?.state).toBe('open')
  })

  it('answers a challenge with a fresh token, at the stream’s own URL, with the headers that it names', async () => {
    const renewed = vi.fn()
    open({ onRenewed: renewed })
    await settle()
    server.say(CHALLENGE)
    await settle()
    expect(server.requests[1]).toMatchObject({ url: URL_TEXT, method: 'POST', redirect: 'manual' })
    expect(server.posts()[0]?.headers).toEqual({
      'content-type': 'application/x-challenge-response',
      authorization: 'Bearer token-2',
    })
    expect(renewed).toHaveBeenCalledOnce()
    expect(events).toEqual([])
    expect(server.gets()).toHaveLength(1)
  })

  it('takes neither an authorization header nor a method of the challenge’s own making', async () => {
    open()
    await settle()
    server.say(
      'event:challenge\ndata:{"method":"POST","headers":{"Authorization":"x","host":"evil.test"}}\n\n',
    )
    await settle()
    expect(server.posts()[0]?.headers).toEqual({ authorization: 'Bearer token-2' })
    server.say('event:challenge\ndata:{"method":"DELETE","headers":{}}\n\nevent:challenge\ndata:{\n\n')
    await settle()
    expect(server.posts()).toHaveLength(1)
    expect(errors).toMatchObject([
      { error: { code: 'renewal' }, final: false },
      { error: { code: 'renewal' } },
    ])
  })

  it('answers challenges one at a time, and not twice within a second', async () => {
    open()
    await settle()
    server.say(CHALLENGE.repeat(3))
    await settle()
    expect(server.posts()).toHaveLength(1)
    server.say(CHALLENGE)
    await settle(999)
    expect(server.posts()).toHaveLength(1)
    await settle(1)
    expect(server.posts()).toHaveLength(2)
  })

  it('tries a renewal three times where the server cannot take it now, then says so and stays', async () => {
    server.renewal = () => status(503)
    open()
    await settle()
    server.say(CHALLENGE)
    await settle(8_000)
    expect(server.posts()).toHaveLength(3)
    expect(errors).toMatchObject([{ error: { code: 'renewal', status: 503 }, retryInMs: null, final: false }])
    expect(stream?.state).toBe('open')
  })

  it('gives a renewal that is never answered five seconds', async () => {
    server.renewal = ({ signal }) => rejectedBy(signal)
    open({ heartbeatMs: 60_000 })
    await settle()
    server.say(CHALLENGE)
    await settle(5_000 + 1_000)
    expect(server.posts()).toHaveLength(2)
    expect(server.posts()[0]?.signal.aborted).toBe(true)
  })

  it.each([401, 403, 415])('says that a renewal was refused with %i, and stays', async (code) => {
    server.renewal = () => status(code)
    open()
    await settle()
    server.say(CHALLENGE)
    await settle(8_000)
    expect(server.posts()).toHaveLength(1)
    expect(errors).toMatchObject([{ error: { code: 'renewal', status: code }, final: false }])
    expect(stream?.state).toBe('open')
  })

  it('connects anew when the server knows no stream to renew', async () => {
    server.renewal = () => status(404)
    open()
    await settle()
    server.say(`data:1\nid:a\n\n${CHALLENGE}`)
    await settle(2_000)
    expect(server.gets()[1]?.headers).toMatchObject({ authorization: 'Bearer token-3', 'last-event-id': 'a' })
    expect(errors).toMatchObject([{ error: { code: 'renewal', status: 404 }, retryInMs: 2_000 }])
  })

  it('leaves challenges unanswered when told to, while it is open, too', async () => {
    const challenges: boolean[] = []
    open({ challenges: false, onChallenge: ({ answered }) => challenges.push(answered) })
    await settle()
    server.say(CHALLENGE)
    await settle(2_000)
    expect(server.posts()).toEqual([])
    if (stream) stream.challenges = true
    server.say(CHALLENGE)
    await settle()
    expect(server.posts()).toHaveLength(1)
    expect(challenges).toEqual([false, true])
  })

  it('reads no further than its bound ahead of a slow consumer, loses nothing, and renews unasked', async () => {
    const expiresAtSeconds = Math.floor(Date.now() / 1_000) + 30
    const payload = Buffer.from(JSON.stringify({ exp: expiresAtSeconds })).toString('base64url')
    const taken: string[] = []
    open({
      getToken: () => `${++tokens}.${payload}.x`,
      readAheadMax: 10_000,
      onEvent: async ({ data }) => {
        taken.push(data.trim())
        await new Promise((resolve) => setTimeout(resolve, 2_000))
      },
    })
    await settle()
    const chunksBefore = server.chunksRead
    for (let record = 0; record < 20; record++)
      server.say(`data:${record}${' '.repeat(1_000)}\nid:${record}\n\n`)
    await settle(1_000)
    expect(server.chunksRead - chunksBefore).toBeLessThan(13)
    await settle(24_000)
    expect(server.posts()).toHaveLength(0)
    for (let record = 20; record < 60; record++) server.say(`data:${record}${' '.repeat(1_000)}\n\n`)
    await settle(5_000)
    expect(server.posts().length).toBeGreaterThanOrEqual(1)
    expect(server.posts().length).toBeLessThanOrEqual(2)
    await settle(120_000)
    expect(taken).toEqual(Array.from({ length: 60 }, (_, record) => `${record}`))
  })

  it('tells the position of what was handed out, not of what was read ahead', async () => {
    open({ onEvent: () => new Promise((resolve) => setTimeout(resolve, 1_000)) })
    await settle()
    server.say('data:1\nid:a\n\ndata:2\nid:b\n\n:\nid:c\n\n')
    await settle()
    expect(stream?.lastEventId).toBe('a')
    await settle(1_000)
    expect(stream?.lastEventId).toBe('c')
    await settle(1_000)
  })

  it('iterates, ends with the loop, and throws the error that ended it after the events before', async () => {
    server.answers = [() => server.stream('data:1\n\ndata:2\n\ndata:3\n\n')]
    const first = connect(URL_TEXT, { getToken: () => 't', fetch: server.fetch })
    for await (const { data } of first) if (data === '2') break
    expect(first.state).toBe('closed')
    expect(await first.closed).toBeNull()

    server.answers = [() => server.stream('data:1\n\n'), () => status(404)]
    const second = connect(URL_TEXT, { getToken: () => 't', fetch: server.fetch })
    const seen: string[] = []
    const loop = (async () => {
      for await (const { data } of second) seen.push(data)
    })()
    const outcome = expect(loop).rejects.toMatchObject({ code: 'refused', status: 404 })
    await settle()
    server.end()
    await settle(5_000)
    await outcome
    expect(seen).toEqual(['1'])
  })

  it('hands out nothing more once it is closed', async () => {
    const seen: string[] = []
    server.answers = [() => server.stream('data:1\n\ndata:2\n\n')]
    const closing = connect(URL_TEXT, {
      getToken: () => 't',
      fetch: server.fetch,
      onEvent: ({ data }) => {
        seen.push(data)
        closing.close()
      },
    })
    await settle()
    expect(seen).toEqual(['1'])
  })

  it('has one consumer', async () => {
    const iterator = open()[Symbol.asyncIterator]()
    await expect(iterator.next()).rejects.toThrow('has its consumer already')
  })

  it('reports a token that cannot be had and tries again; one that is null is final', async () => {
    let answer: () => string | null = () => {
      throw new Error('sign-in is down')
    }
    const { closed } = open({ getToken: () => answer() })
    await settle()
    expect(errors).toMatchObject([{ error: { code: 'token' }, retryInMs: 2_000 }])
    expect(errors[0]?.error.message).toContain('sign-in is down')
    answer = () => null
    await settle(2_000)
    expect(await closed).toMatchObject({ code: 'no-token' })
    expect(server.requests).toEqual([])
  })

  it('does not quote a token that cannot be sent', async () => {
    open({ getToken: () => 'secret\u0000part' })
    await settle()
    expect(errors[0]?.error.message).not.toContain('secret')
    expect(errors).toMatchObject([{ error: { code: 'token' } }])
  })

  it('waits half a minute for a token, and tells who makes it', async () => {
    let given: AbortSignal | undefined
    open({
      getToken: (signal) => {
        given = signal
        return new Promise(() => {})
      },
    })
    await settle(30_000)
    expect(given?.aborted).toBe(true)
    expect(errors).toMatchObject([{ error: { code: 'token' } }])
  })

  it.each([
    ['before it begins', 0, () => {}],
    ['while the token is made', 10, () => {}],
    ['while it connects', 60, () => {}],
    ['while it is open', 1_000, () => {}],
    ['while a renewal is under way', 1_000, () => server.say(CHALLENGE)],
    ['while it waits to come back', 1_000, () => server.breakOff()],
  ])('leaves no timer, no request and no listener when aborted %s', async (_, afterMs, happen) => {
    const controller = new AbortController()
    const remove = vi.spyOn(controller.signal, 'removeEventListener')
    const wait = (timeMs: number) => new Promise<void>((resolve) => setTimeout(resolve, timeMs))
    server.answers = [async () => wait(50).then(() => server.stream())]
    server.renewal = async () => wait(50).then(() => status(204))
    const { closed } = open({ signal: controller.signal, getToken: () => wait(50).then(() => 't') })
    await settle(afterMs)
    happen()
    await settle()
    controller.abort()
    expect(await closed).toBeNull()
    await settle(50)
    expect(vi.getTimerCount()).toBe(0)
    expect(server.requests.every(({ signal }) => signal.aborted)).toBe(true)
    expect(remove).toHaveBeenCalled()
    const requests = server.requests.length
    await settle(60_000)
    expect(server.requests).toHaveLength(requests)
    expect(errors.filter(({ final }) => final)).toEqual([])
  })

  it('refuses URLs, ids and limits that nobody could mean', () => {
    const options = { getToken: () => 't', fetch: server.fetch }
    expect(() => connect('file:///etc/passwd', options)).toThrow(TypeError)
    expect(() => connect('https://user:secret@example.test/', options)).toThrow(TypeError)
    expect(() => connect(URL_TEXT, { ...options, lastEventId: 'a\r\nb' })).toThrow(TypeError)
    expect(() => connect(URL_TEXT, { ...options, heartbeatMs: 2 ** 31 })).toThrow(RangeError)
    expect(() => connect(URL_TEXT, { ...options, readAheadMax: 0 })).toThrow(RangeError)
    expect(server.requests).toEqual([])
  })

  it('sends an id beyond ASCII as UTF-8', async () => {
    open({ lastEventId: '["é","水"]' })
    await settle()
    const sent = server.requests[0]?.headers['last-event-id'] ?? ''
    expect(Buffer.from(sent, 'latin1').toString()).toBe('["é","水"]')
  })
})

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}
