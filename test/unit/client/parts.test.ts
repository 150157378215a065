// Parts of the client by themselves, for what a whole stream reaches too slowly or does not show.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type ConnectionEnd, runConnection } from '../../../client/src/connection.ts'
import { createEventQueue } from '../../../client/src/event-queue.ts'
import { connect, type Fetch } from '../../../client/src/index.ts'
import { readOptions } from '../../../client/src/option-checks.ts'
import { createRenewal, type Renewal } from '../../../client/src/renewal.ts'
import { sendingTo } from '../../../client/src/request.ts'
import { createRetries } from '../../../client/src/retries.ts'
import { createTokenSource } from '../../../client/src/token-source.ts'
import { pause } from '../../../client/src/waiting.ts'

const URL_TEXT = 'https://example.test/events'

beforeEach(() => vi.useFakeTimers())
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

describe('the backoff', () => {
  it('lets a server ask for ten minutes at most, and keeps to what it asked for last', () => {
    const retries = createRetries(30_000, () => 1 - Number.EPSILON)
    const broken = { failure: null, openMs: 0, retryMs: null }
    expect(retries({ ...broken, retryMs: 1e300 }, false)).toBe(600_000)
    expect(retries({ ...broken, openMs: 5_000 }, false)).toBe(600_000)
    expect(retries({ ...broken, openMs: 5_000, retryMs: 3_000 }, false)).toBe(3_000)
    expect(retries({ ...broken, openMs: 4_999 }, false)).toBe(6_000)
  })
})

describe('the queue', () => {
  it('keeps the order of thousands that wait, and the position of each', async () => {
    const queue = createEventQueue('', 1_000_000)
    const events = queue.events()
    for (let index = 0; index < 5_000; index++) queue.push({ type: 'message', data: '', id: `${index}` })
    for (let index = 0; index < 5_000; index++) {
      expect((await events.next()).value?.id).toBe(`${index}`)
      expect(queue.position()).toBe(`${index}`)
    }
    queue.end(false)
    expect((await events.next()).done).toBe(true)
  })

  it('is full at its length and no longer full below it', async () => {
    const queue = createEventQueue('', 2 * 64)
    queue.push({ type: 'message', data: '', id: '' })
    expect(queue.isFull()).toBe(false)
    queue.push({ type: 'message', data: '', id: '' })
    expect(queue.isFull()).toBe(true)
    const room = queue.room(Infinity)
    await queue.events().next()
    await room
    expect(queue.isFull()).toBe(false)
  })

  it('tells all that wait for room, and leaves no timer behind', async () => {
    const queue = createEventQueue('', 1)
    queue.push({ type: 'message', data: '', id: '' })
    let told = 0
    for (let times = 0; times < 2; times++) void queue.room(Infinity).then(() => told++)
    queue.end(true)
    await vi.advanceTimersByTimeAsync(0)
    expect([told, vi.getTimerCount()]).toEqual([2, 0])
  })

  it('ends a wait for room after its time, or with its signal, and leaves no timer behind', async () => {
    const queue = createEventQueue('', 1)
    queue.push({ type: 'message', data: '', id: '' })
    const waiting = queue.room(1_000)
    await vi.advanceTimersByTimeAsync(1_000)
    await waiting
    const controller = new AbortController()
    const aborted = queue.room(Infinity, controller.signal)
    controller.abort()
    await aborted
    expect([queue.isFull(), vi.getTimerCount()]).toEqual([true, 0])
  })
})

describe('a pause', () => {
  it('longer than a timer can be does not end at once', async () => {
    const controller = new AbortController()
    let isOver = false
    const pausing = pause(Infinity, controller.signal).then(() => {
      isOver = true
    })
    await vi.advanceTimersByTimeAsync(86_400_000)
    expect(isOver).toBe(false)
    controller.abort()
    await pausing
  })
})

describe('a renewal that no challenge asked for', () => {
  let send: ReturnType<typeof vi.fn<() => Promise<{ status: number; headers: Headers; body: null }>>>

  async function renewalOf(secondsToLive: number | null, isWanted = true): Promise<Renewal> {
    const exp = secondsToLive === null ? null : Date.now() / 1_000 + secondsToLive
    const token = `x.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.x`
    const { signal } = new AbortController()
    const tokens = createTokenSource(() => token)
    send = vi.fn(async () => ({ status: 204, headers: new Headers(), body: null }))
    const renewal = createRenewal({
      send,
      tokens,
      settings: readOptions({}),
      stream: { challenges: isWanted },
      signal,
    })
    renewal.opened(await tokens.take('connect', signal))
    return renewal
  }

  it('is due 5 s before the token expires, in a second at the soonest', async () => {
    expect((await renewalOf(30)).dueInMs()).toBe(25_000)
    expect((await renewalOf(5)).dueInMs()).toBe(1_000)
    expect((await renewalOf(-60)).dueInMs()).toBe(1_000)
    expect((await renewalOf(86_400)).dueInMs()).toBe(86_395_000)
  })

  it('is never due for a token whose end cannot be read, or where challenges are not answered', async () => {
    expect((await renewalOf(null)).dueInMs()).toBe(Infinity)
    expect((await renewalOf(30, false)).dueInMs()).toBe(Infinity)
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
  function connectionOf(fetch: Fetch, controller = new AbortController()): Promise<ConnectionEnd> {
    const settings = readOptions({ getToken: () => 't', fetch })
    return runConnection({
      send: sendingTo(URL_TEXT, settings),
      settings,
      tokens: createTokenSource(settings.getToken),
      queue: createEventQueue('', 1_000),
      lastEventId: 'a',
      stream: { challenges: true },
      onOpen: () => {},
      onHeard: () => {},
      controller,
    })
  }

  it('aborts its signal when it has ended, so that nothing of it is left', async () => {
    const controller = new AbortController()
    const end = await connectionOf(() => Promise.reject(new Error('refused')), controller)
    expect(end).toMatchObject({
      failure: { code: 'lost' },
      lastEventId: 'a',
      retryMs: null,
      openMs: -Infinity,
    })
    expect(controller.signal.aborted).toBe(true)
  })

  it('is lost by a fetch that throws at once, and leaves no timer behind', async () => {
    const end = await connectionOf(() => {
      throw new Error('no network stack')
    })
    expect(end.failure).toMatchObject({ code: 'lost', message: 'The connection was lost: no network stack' })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('resumes after an id of any length', async () => {
    const fetch = vi.fn<Fetch>(() => Promise.reject(new Error('refused')))
    const id = 'é'.repeat(100_000)
    const settings = readOptions({ fetch, lastEventId: id })
    const tokens = createTokenSource(undefined)
    await runConnection({
      send: sendingTo(URL_TEXT, settings),
      settings,
      tokens,
      queue: createEventQueue('', 1_000),
      lastEventId: id,
      stream: { challenges: true },
      onOpen: () => {},
      onHeard: () => {},
      controller: new AbortController(),
    })
    expect(fetch.mock.calls[0]?.[1].headers['last-event-id']).toHaveLength(200_000)
  })

  it('was silent, no matter how fetch names the aborted request', async () => {
    const fetch: Fetch = (_, request) =>
      new Promise((_, reject) => {
        request.signal.addEventListener('abort', () => reject(new Error('socket closed')))
      })
    const ending = connectionOf(fetch)
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
