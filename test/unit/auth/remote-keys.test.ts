// Keys from a URL: when they are fetched, how long they are used, and what a failed fetch does. By a clock of the test.

import Fastify from 'fastify'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type FetchedKeys, KeyFetchFailed } from '../../../plugins/auth/keys/key-fetch.ts'
import { type RemoteKeyLimits, RemoteKeys, WAITING_MAX } from '../../../plugins/auth/keys/remote-keys.ts'
import { KeysUnavailable } from '../../../src/errors.ts'
import { jwksOf, keyAs, makeKey } from '../../support/keys-and-tokens.ts'
import { LogLines } from '../../support/printed.ts'

const first = makeKey('ES256', 'first')
const second = keyAs(makeKey('ES256'), { kid: 'second' })
const limits = { jwksTimeoutMs: 5_000, jwksCooldownMs: 30_000, jwksMaxAgeMs: 600_000, jwksStaleMs: 3_600_000 }
const REFRESH_MS = 480_000
const EMPTY = '{"keys":[]}'
const log = new LogLines()

/** A provider that answers as the test says: with a text, a failure, or a promise that may never settle. */
class Provider {
  readonly name = 'https://id.example.com/keys'
  hits = 0
  isClosed = false
  maxAgeMs: number | null = null
  answer: string | Error | Promise<string> = jwksOf(first)

  async fetch(signal: AbortSignal): Promise<FetchedKeys> {
    this.hits++
    const { answer, maxAgeMs } = this
    if (answer instanceof Error) throw answer
    const aborted = new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason)),
    )
    return { text: await Promise.race([answer, aborted]), maxAgeMs }
  }

  close(): void {
    this.isClosed = true
  }
}

const HANGS = new Promise<string>(() => {})
const FAILS = new KeyFetchFailed('it answers 500')

let provider: Provider
let keys: RemoteKeys

function open(changes: Partial<RemoteKeyLimits> = {}): RemoteKeys {
  const logger = Fastify({ logger: { level: 'debug', stream: log.stream } }).log
  const parts = { endpoint: provider, rsaAlgorithm: 'RS256' as const, log: logger }
  keys = new RemoteKeys({ ...limits, ...changes }, { ...parts, nowMs: () => performance.now() })
  return keys
}

/** true: there is such a key; false: its token is refused; null: that cannot be told now. */
async function knows(kid: string): Promise<boolean | null> {
  try {
    return 'key' in (await keys.find({ alg: 'ES256', kid }))
  } catch (error) {
    if (error instanceof KeysUnavailable) return null
    throw error
  }
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  log.lines.length = 0
  provider = new Provider()
})

afterEach(() => {
  keys.close()
  vi.useRealTimers()
})

describe('keys from a URL', () => {
  it('are fetched once for all who ask at the start', async () => {
    open()
    expect(keys.notReady()).toBe('no key set from https://id.example.com/keys yet: being fetched')
    expect(await Promise.all(Array.from({ length: 100 }, () => knows('first')))).not.toContain(false)
    expect(provider.hits).toBe(1)
    expect(keys.notReady()).toBeNull()
  })

  it('are fetched again at four fifths of their age, without any request', async () => {
    open()
    await pass(REFRESH_MS - 1)
    expect(provider.hits).toBe(1)
    provider.answer = jwksOf(second)
    await pass(1)
    expect(provider.hits).toBe(2)
    expect([await knows('second'), await knows('first')]).toEqual([true, false])
  })

  it.each([
    ['within bounds', 1_000_000, 1_000_000],
    ['of a second counts as a minute', 1_000, 60_000],
    ['of zero counts as a minute', 0, 60_000],
    ['of a day counts as an hour', 86_400_000, 3_600_000],
  ])('have the age that the answer says: one %s', async (_words, maxAgeMs, ageMs) => {
    provider.maxAgeMs = maxAgeMs
    open()
    await pass(ageMs * 0.8 - 1)
    expect(provider.hits).toBe(1)
    await pass(1)
    expect(provider.hits).toBe(2)
  })

  it('are not waited for while the set has the key: a fetch may hang', async () => {
    open()
    await knows('first')
    provider.answer = HANGS
    await pass(REFRESH_MS)
    expect(provider.hits).toBe(2)
    const find = keys.find({ alg: 'ES256', kid: 'first' })
    // One turn of the microtask queue: nothing was waited for.
    expect(await Promise.race([find.then(() => 'found'), Promise.resolve().then(() => 'waited')])).toBe(
      'found',
    )
    await pass(limits.jwksTimeoutMs)
    expect(await knows('first')).toBe(true)
    expect(log.of('key set cannot be read').map(({ reason }) => reason)).toEqual(['no answer within 5000 ms'])
  })

  it('stay in use past their age while fetching fails, for the stale time and not longer', async () => {
    // No fetch is due when the set is over, so nothing else tells of it.
    const jwksStaleMs = limits.jwksStaleMs + 5_000
    open({ jwksStaleMs })
    await knows('first')
    provider.answer = FAILS
    await pass(limits.jwksMaxAgeMs + jwksStaleMs - 1)
    expect(await knows('first')).toBe(true)
    expect(keys.state).toMatchObject({ set: { keys: [{ kid: 'first' }] }, trouble: null })
    const told = vi.fn()
    keys.onChange(told)
    await pass(11)
    expect(told).toHaveBeenCalled()
    expect(await knows('first')).toBeNull()
    const trouble = `the key set from ${provider.name} is too old: it answers 500`
    expect(keys.state).toEqual({ set: null, trouble })
    provider.answer = jwksOf(first)
    await pass(limits.jwksCooldownMs)
    expect(await knows('first')).toBe(true)
    expect(keys.notReady()).toBeNull()
  })

  it('are fetched again each cool-down while that fails', async () => {
    open()
    await knows('first')
    provider.answer = FAILS
    await pass(REFRESH_MS)
    expect(provider.hits).toBe(2)
    await pass(10 * limits.jwksCooldownMs)
    expect(provider.hits).toBe(12)
  })

  it('are all taken back by an empty set, and by no broken answer', async () => {
    open()
    await knows('first')
    for (const answer of ['', '{}', '{"keys":[{}]}', '<html>', '{"keys":']) {
      provider.answer = answer
      await pass(REFRESH_MS)
      expect(await knows('first'), answer).toBe(true)
    }
    provider.answer = EMPTY
    await pass(REFRESH_MS)
    expect(await knows('first')).toBe(false)
    expect(log.of('the key set is empty: every token is refused')).toHaveLength(1)
    provider.answer = jwksOf(first)
    await pass(REFRESH_MS)
    expect(await knows('first')).toBe(true)
  })

  it('that were not used for days are as young as always', async () => {
    open()
    await pass(10 * 86_400_000)
    const { hits } = provider
    expect(await knows('first')).toBe(true)
    expect(provider.hits).toBe(hits)
  })

  it('are tried again after a failed start, soon and then less often, and one line tells of each change', async () => {
    provider.answer = FAILS
    open()
    await pass(0)
    expect(keys.notReady()).toBe(`no key set from ${provider.name} yet: it answers 500`)
    const hits: number[] = []
    for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
      await pass(seconds * 1000)
      hits.push(provider.hits)
    }
    expect(hits).toEqual([2, 3, 4, 5, 6, 7, 8])
    provider.answer = jwksOf(first)
    await pass(limits.jwksCooldownMs)
    expect(keys.notReady()).toBeNull()
    const levels = log.of('key set cannot be read').map((line) => line.level)
    expect(levels.filter((level) => level === 40)).toHaveLength(1)
    expect(log.of('key set read')).toHaveLength(1)
  })

  it('reject at once while there are none and no fetch is under way', async () => {
    provider.answer = FAILS
    open()
    expect(await knows('first')).toBeNull()
    expect(await knows('first')).toBeNull()
    expect(provider.hits).toBe(1)
  })

  it('count how each fetch ended', async () => {
    open()
    await pass(0)
    provider.answer = FAILS
    await pass(REFRESH_MS + 2 * limits.jwksCooldownMs)
    expect(keys.fetches).toEqual({ read: 1, failed: 3 })
  })

  it('are read again only where the text is another one, and only then told', async () => {
    open()
    await knows('first')
    const { set } = keys.state
    const told = vi.fn()
    keys.onChange(told)
    await pass(REFRESH_MS)
    expect(keys.state.set).toBe(set)
    expect(told).not.toHaveBeenCalled()
    provider.answer = jwksOf(first, second)
    await pass(REFRESH_MS)
    expect(told).toHaveBeenCalledOnce()
    expect(keys.state.set?.keys).toHaveLength(2)
  })

  it('end with their owner, without a line', async () => {
    provider.answer = HANGS
    open()
    const asked = knows('first')
    keys.close()
    expect(await asked).toBeNull()
    expect(provider.isClosed).toBe(true)
    await pass(10 * REFRESH_MS)
    expect(provider.hits).toBe(1)
    expect(log.lines).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('are waited for by so many requests and not by one more', async () => {
    provider.answer = HANGS
    open()
    let settled = 0
    const waiting = Array.from({ length: WAITING_MAX }, () => knows('first').then(() => settled++))
    expect(await knows('first')).toBeNull()
    expect(settled).toBe(0)
    keys.close()
    await Promise.all(waiting)
    expect(settled).toBe(WAITING_MAX)
  })
})

describe('a key that the set lacks', () => {
  it('is looked for at once: a rotation needs no restart', async () => {
    open()
    await knows('first')
    provider.answer = jwksOf(first, second)
    expect(await knows('second')).toBe(true)
    expect(provider.hits).toBe(2)
  })

  it('is found at once although one token with an unknown key comes all the time', async () => {
    open()
    await knows('first')
    for (let n = 0; n < 20; n++) {
      expect(await knows('stray')).toBe(false)
      await pass(limits.jwksCooldownMs)
    }
    expect(await knows('stray')).toBe(false)
    await pass(1_000)
    provider.answer = jwksOf(first, second)
    expect(await knows('second')).toBe(true)
  })

  it('costs two fetches at most for all who ask at once, and none if it was just looked for', async () => {
    open()
    await knows('first')
    // The first one causes a fetch. The others ask when it has begun, so they cause one more, together.
    const flood = await Promise.all(Array.from({ length: 1_000 }, (_, index) => knows(`unknown-${index}`)))
    expect(new Set(flood)).toEqual(new Set([false]))
    expect(provider.hits).toBe(3)
    for (let n = 0; n < 100; n++) expect(await knows(`unknown-${n}`)).toBe(false)
    expect(provider.hits).toBe(3)
    await pass(limits.jwksCooldownMs)
    expect(await knows('unknown-1')).toBe(false)
    expect(provider.hits).toBe(4)
  })

  it('is not decided by a fetch that began before it was asked for', async () => {
    open()
    await knows('first')
    let answer: (text: string) => void = () => {}
    provider.answer = new Promise<string>((resolve) => {
      answer = resolve
    })
    await pass(REFRESH_MS)
    const asked = knows('second')
    provider.answer = jwksOf(first, second)
    answer(jwksOf(first))
    expect(await asked).toBe(true)
    expect(provider.hits).toBe(3)
  })

  it('costs five fetches at once and one more each cool-down; what is not looked for is not refused', async () => {
    open()
    await knows('first')
    const told: (boolean | null)[] = []
    for (let n = 0; n < 8; n++) told.push(await knows(`unknown-${n}`))
    expect(told).toEqual([false, false, false, false, false, null, null, null])
    expect(provider.hits).toBe(6)
    await pass(limits.jwksCooldownMs - 1)
    expect(await knows('later')).toBeNull()
    await pass(1)
    expect([await knows('later'), await knows('latest')]).toEqual([false, null])
    expect(provider.hits).toBe(7)
  })

  it('costs at most a fetch each 6 s, whatever happens: ten thousand names, and fetches that fail', async () => {
    open({ jwksMaxAgeMs: 60_000 })
    await knows('first')
    for (let second = 0; second < 600; second++) {
      if (second % 100 === 0) provider.answer = second % 200 === 0 ? FAILS : jwksOf(first)
      for (let n = 0; n < 17; n++) await knows(`unknown-${second}-${n}`)
      expect(await knows('first')).toBe(true)
      await pass(1_000)
      if (second >= 60) expect(provider.hits / (second + 1), `${second}`).toBeLessThan(1 / 6)
    }
  })

  it('is not refused while the provider cannot be asked', async () => {
    open()
    await knows('first')
    provider.answer = FAILS
    expect(await knows('second')).toBeNull()
    provider.answer = HANGS
    const asked = knows('second')
    await pass(limits.jwksTimeoutMs)
    expect(await asked).toBeNull()
    expect(await knows('first')).toBe(true)
    provider.answer = jwksOf(first, second)
    expect(await knows('second')).toBe(true)
  })

  it('is not looked for under an algorithm that no key may have', async () => {
    open()
    await knows('first')
    for (const alg of ['none', 'HS256', 'ES384']) {
      expect(await keys.find({ alg, kid: 'first' })).toEqual({ refused: 'algorithm' })
    }
    expect(await keys.find({ alg: 'HS256', kid: 'unknown' })).toEqual({ refused: 'algorithm' })
    expect(provider.hits).toBe(1)
  })

  it('may have any name: long ones share a place in the list of those that were looked for', async () => {
    open()
    await knows('first')
    for (const kid of [null, 7, ['first'], { toString: 'first' }, '', 'x'.repeat(8_000), 'y'.repeat(8_000)]) {
      expect(await keys.find({ alg: 'ES256', kid })).toEqual({ refused: 'key' })
    }
    expect(provider.hits).toBe(4)
  })
})
