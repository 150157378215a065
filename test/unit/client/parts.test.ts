// Parts of the client by themselves, for what a whole stream reaches too slowly or does not show.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Backoff } from '../../../client/src/backoff.ts'
import { Connection } from '../../../client/src/connection.ts'
import { EventQueue } from '../../../client/src/event-queue.ts'
import { type ConnectOptions, connect, type Fetch } from '../../../client/src/index.ts'
import { readLimits } from '../../../client/src/option-checks.ts'
import { Renewal } from '../../../client/src/renewal.ts'
import { sendingTo } from '../../../client/src/request.ts'
import { TokenSource } from '../../../client/src/token-source.ts'

const URL_TEXT = 'https://example.test/events'

beforeEach(() => vi.useFakeTimers())
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

describe('the backoff', () => {
  it('lets a server ask for ten minutes at most, and keeps to what it asked for last', () => {
    const backoff = new Backoff(30_000, () => 1 - Number.EPSILON)
    const broken = { openMs: 0, retryMs: null, retryAfterMs: null }
    expect(backoff.waitMs({ ...broken, retryMs: 1e300 })).toBe(600_000)
    expect(backoff.waitMs({ ...broken, openMs: 5_000 })).toBe(600_000)
    expect(backoff.waitMs({ ...broken, openMs: 5_000, retryMs: 3_000 })).toBe(3_000)
    expect(backoff.waitMs({ ...broken, openMs: 4_999 })).toBe(6_000)
  })
})

describe('the queue', () => {
  it('keeps the order of thousands that wait, and the position of each', async () => {
    const queue = new EventQueue('', 1_000_000)
    for (let index = 0; index < 5_000; index++) queue.push({ type: 'message', data: '', id: `${index}` })
    for (let index = 0; index < 5_000; index++) {
      expect((await queue.take())?.id).toBe(`${index}`)
      expect(queue.position).toBe(`${index}`)
    }
    queue.end()
    expect(await queue.take()).toBeNull()
  })

  it('is full at its length and no longer full below it', async () => {
    const queue = new EventQueue('', 2 * 64)
    queue.push({ type: 'message', data: '', id: '' })
    expect(queue.full).toBe(false)
    queue.push({ type: 'message', data: '', id: '' })
    expect(queue.full).toBe(true)
    const room = queue.room(null)
    await queue.take()
    expect(await room).toBe(true)
    expect(queue.full).toBe(false)
  })
})

describe('a renewal that no challenge asked for', () => {
  let send: ReturnType<typeof vi.fn<() => Promise<{ status: number; headers: Headers; body: null }>>>

  async function renewalOf(secondsToLive: number | null, isWanted = true): Promise<Renewal> {
    const exp = secondsToLive === null ? null : Date.now() / 1_000 + secondsToLive
    const token = `x.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.x`
    const { signal } = new AbortController()
    const tokens = new TokenSource(() => token, signal)
    send = vi.fn(async () => ({ status: 204, headers: new Headers(), body: null }))
    const renewal = new Renewal({ send, tokens, handlers: {}, isWanted: () => isWanted, signal })
    renewal.opened(await tokens.take('connect'))
    return renewal
  }

  it('is due 5 s before the token expires, in a second at the soonest and in ten minutes at the latest', async () => {
    expect((await renewalOf(30)).dueInMs()).toBe(25_000)
    expect((await renewalOf(5)).dueInMs()).toBe(1_000)
    expect((await renewalOf(-60)).dueInMs()).toBe(1_000)
    expect((await renewalOf(86_400)).dueInMs()).toBe(600_000)
    expect((await renewalOf(1e300)).dueInMs()).toBe(600_000)
  })

  it('is never due for a token whose end cannot be read, or where challenges are not answered', async () => {
    expect((await renewalOf(null)).dueInMs()).toBeNull()
    expect((await renewalOf(30, false)).dueInMs()).toBeNull()
  })

  it('is due when it was, and as far from the last one, however the clock is set meanwhile', async () => {
    const renewal = await renewalOf(30)
    renewal.renewNow()
    await vi.advanceTimersByTimeAsync(10_000)
    vi.setSystemTime(Date.now() - 3_600_000)
    expect(renewal.dueInMs()).toBe(15_000)
    await vi.advanceTimersByTimeAsync(15_000)
    renewal.renewNow()
    await vi.advanceTimersByTimeAsync(0)
    expect(send).toHaveBeenCalledTimes(2)
    vi.setSystemTime(Date.now() - 3_600_000)
    renewal.renewNow()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(send).toHaveBeenCalledTimes(3)
  })

  it('comes every 5 s at most, though every token looks expired to a clock that is ahead', async () => {
    const renewal = await renewalOf(-3_600)
    renewal.renewNow()
    await vi.advanceTimersByTimeAsync(0)
    expect(send).toHaveBeenCalledOnce()
    expect(renewal.dueInMs()).toBe(5_000)
  })
})

describe('a connection', () => {
  function connectionOf(fetch: Fetch, controller = new AbortController()): Connection {
    const options: ConnectOptions = { getToken: () => 't', fetch }
    return new Connection({
      send: sendingTo(URL_TEXT, options),
      handlers: options,
      limits: readLimits(options),
      tokens: new TokenSource(options.getToken, new AbortController().signal),
      queue: new EventQueue('', 1_000),
      lastEventId: 'a',
      isWanted: () => true,
      onOpen: () => {},
      onHeard: () => {},
      controller,
    })
  }

  it('aborts its signal when it has ended, so that nothing of it is left', async () => {
    const controller = new AbortController()
    const end = await connectionOf(() => Promise.reject(new Error('refused')), controller).run()
    expect(end).toMatchObject({ failure: { code: 'lost' }, lastEventId: 'a', retryMs: null, openMs: 0 })
    expect(controller.signal.aborted).toBe(true)
  })

  it('was silent, no matter how fetch names the aborted request', async () => {
    const fetch: Fetch = (_, request) =>
      new Promise((_, reject) => {
        request.signal.addEventListener('abort', () => reject(new Error('socket closed')))
      })
    const ending = connectionOf(fetch).run()
    await vi.advanceTimersByTimeAsync(27_000)
    expect((await ending).failure).toMatchObject({ code: 'silent' })
  })
})

describe('a stream that was closed by hand', () => {
  it('reports neither the end nor the loss of its connection', async () => {
    const [onEnd, onError] = [vi.fn(), vi.fn()]
    const body = () => new ReadableStream<Uint8Array>()
    const headers = new Headers({ 'content-type': 'text/event-stream' })
    const fetch: Fetch = async () => ({ status: 200, headers, body: body() })
    const hanging: Fetch = (_, { signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    for (const way of [fetch, hanging]) {
      const stream = connect(URL_TEXT, { getToken: () => 't', fetch: way, onEnd, onError })
      await vi.advanceTimersByTimeAsync(0)
      stream.close()
      // A body that no abort ends is given up when it has been silent for long enough.
      await vi.advanceTimersByTimeAsync(27_000)
      expect(await stream.closed).toBeNull()
    }
    expect(onEnd).not.toHaveBeenCalled()
    expect(onError).not.toHaveBeenCalled()
  })
})
