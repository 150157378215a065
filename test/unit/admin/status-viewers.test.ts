// One text for many viewers, from one timer, without a queue. Time is the test’s.

import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StatusViewers } from '../../../src/admin/status-viewers.ts'

let made: number
let viewers: StatusViewers

beforeEach(() => {
  vi.useFakeTimers()
  made = 0
  viewers = new StatusViewers({ viewersMax: 2, everyMs: 1000, describe: () => String(++made) })
})

afterEach(() => vi.useRealTimers())

function join(response = new PassThrough()): AsyncIterator<string> {
  const texts = viewers.join(response)
  if (texts === null) throw new Error('no room')
  return texts[Symbol.asyncIterator]()
}

async function left(response: PassThrough): Promise<void> {
  const closed = once(response, 'close')
  response.destroy()
  await closed
}

describe('viewers', () => {
  it('get a text at once, and then the same one every period', async () => {
    const [one, two] = [join(), join()]
    expect((await one.next()).value).toBe('1')
    expect((await two.next()).value).toBe('2')
    const waiting = [one.next(), two.next()]
    vi.advanceTimersByTime(1000)
    expect((await Promise.all(waiting)).map(({ value }) => value)).toEqual(['3', '3'])
  })

  it('miss what came while they did not read, and go on with the next', async () => {
    const slow = join()
    await slow.next()
    vi.advanceTimersByTime(5000)
    const next = slow.next()
    await Promise.resolve()
    vi.advanceTimersByTime(1000)
    expect((await next).value).toBe(String(made))
    expect(made).toBe(7)
  })

  it('are bounded, and make room when they leave', async () => {
    const first = new PassThrough()
    viewers.join(first)
    viewers.join(new PassThrough())
    expect(viewers.join(new PassThrough())).toBeNull()
    await left(first)
    expect(viewers.join(new PassThrough())).not.toBeNull()
    expect(viewers.count).toBe(2)
  })

  it('cost no timer when there are none', async () => {
    expect(vi.getTimerCount()).toBe(0)
    const response = new PassThrough()
    viewers.join(response)
    expect(vi.getTimerCount()).toBe(1)
    await left(response)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('are released when their response closes, even while they wait', async () => {
    const response = new PassThrough()
    const texts = join(response)
    await texts.next()
    const next = texts.next()
    await left(response)
    expect((await next).done).toBe(true)
  })

  it('that come after the last one has left are served again', async () => {
    const response = new PassThrough()
    viewers.join(response)
    await left(response)
    const texts = join()
    await texts.next()
    const next = texts.next()
    vi.advanceTimersByTime(1000)
    expect((await next).done).toBe(false)
  })

  it('all end when it closes, are cut off if they do not, and none comes after', async () => {
    const response = new PassThrough()
    const texts = join(response)
    await texts.next()
    const next = texts.next()
    viewers.close()
    expect((await next).done).toBe(true)
    expect(response.destroyed).toBe(false)
    vi.advanceTimersByTime(500)
    expect(response.destroyed).toBe(true)
    expect(viewers.join(new PassThrough())).toBeNull()
  })

  it('that have left already are not taken', () => {
    const response = new PassThrough()
    response.destroy()
    expect(viewers.join(response)).toBeNull()
  })
})
