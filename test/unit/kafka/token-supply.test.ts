// Tokens for brokers with SASL OAUTHBEARER, which a function of the options makes.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BlockingLock } from '../../../plugins/kafka/client/blocking-lock.ts'
import { Consumer } from '../../../plugins/kafka/client/consumer.ts'
import { TokenSupply, tokenSupply } from '../../../plugins/kafka/client/token-supply.ts'
import { hasKafkaFeatures } from '../../support/programs.ts'
import { NO_EVENTS } from './no-events.ts'

const CAN_LOG_IN = hasKafkaFeatures('a client that has to have a token', 'sasl_oauthbearer')
const LIFE_MS = 100_000

class Taker {
  readonly tokens: string[] = []
  readonly troubles: (string | null)[] = []
  readonly note = (words: string | null) => this.troubles.push(words)
  setOauthBearerToken(token: string): void {
    if (token === 'unfit') throw new Error('it has no form')
    this.tokens.push(token)
  }
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 })
})
afterEach(() => {
  vi.useRealTimers()
})

const numbered = () => {
  let count = 0
  return vi.fn(async () => ({ token: `t${++count}`, expiresAt: Date.now() + LIFE_MS }))
}

describe('a supply of tokens', () => {
  it('asks once for clients that connect together, and gives each another token in time', async () => {
    const make = numbered()
    const supply = new TokenSupply(make)
    const takers = [new Taker(), new Taker()]
    await Promise.all(takers.map((taker) => supply.give(taker)))
    expect(make).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(0.8 * LIFE_MS - 1)
    expect(make).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(takers.map(({ tokens }) => tokens)).toEqual([
      ['t1', 't2'],
      ['t1', 't2'],
    ])
  })

  it('asks no more once no client is left', async () => {
    const make = numbered()
    const supply = new TokenSupply(make)
    const taker = new Taker()
    await supply.give(taker)
    supply.release(taker)
    await vi.advanceTimersByTimeAsync(10 * LIFE_MS)
    expect(make).toHaveBeenCalledTimes(1)
  })

  it('asks once in a token’s life, also if its clients change while it asks', async () => {
    const make = numbered()
    const supply = new TokenSupply(make)
    const [first, second] = [new Taker(), new Taker()]
    await supply.give(first)
    let answer = (_: { token: string; expiresAt: number }): void => {}
    make.mockReturnValueOnce(
      new Promise((resolve) => {
        answer = resolve
      }),
    )
    await vi.advanceTimersByTimeAsync(0.8 * LIFE_MS)
    supply.release(first)
    await supply.give(second)
    answer({ token: 'later', expiresAt: Date.now() + LIFE_MS })
    await vi.advanceTimersByTimeAsync(0.8 * LIFE_MS - 1)
    expect([make.mock.calls.length, second.tokens]).toEqual([2, ['t1', 'later']])
    await vi.advanceTimersByTimeAsync(1)
    expect(make).toHaveBeenCalledTimes(3)
  })

  it('takes a token that is in use for a client that comes later, unless it ends soon', async () => {
    const make = vi.fn(async () => ({ token: 't', expiresAt: new Date(Date.now() + 8_000) }))
    const supply = new TokenSupply(make)
    await supply.give(new Taker())
    await supply.give(new Taker())
    expect(make).toHaveBeenCalledTimes(1)
    vi.setSystemTime(Date.now() + 4_000)
    await supply.give(new Taker())
    expect(make).toHaveBeenCalledTimes(2)
  })

  it('tells a failure, leaves the clients their token, and asks again after 5 s', async () => {
    const make = numbered()
    const supply = new TokenSupply(make)
    const taker = new Taker()
    await supply.give(taker, taker.note)
    make.mockRejectedValueOnce(new Error('no credentials\n    at secret'))
    await vi.advanceTimersByTimeAsync(0.8 * LIFE_MS)
    expect(taker.troubles).toEqual(['kafka.token failed: no credentials'])
    expect(taker.tokens).toEqual(['t1'])
    await vi.advanceTimersByTimeAsync(5_000)
    expect(taker.tokens).toEqual(['t1', 't2'])
  })

  it('tells no credential that the error of the function quotes', async () => {
    const error = new Error(
      'https://me:s3cr3t@id.example answers {"access_token":"s3cr3t"} to client_secret=s3cr3t',
    )
    const supply = new TokenSupply(() => Promise.reject(error))
    const words = await supply.give(new Taker()).catch(String)
    expect(words).toBe(
      'Error: kafka.token failed: https://[redacted]@id.example answers {"access_token":"[redacted]"} to ' +
        '[redacted]',
    )
  })

  it('is not asked again for 5 s after a failure, however often clients come', async () => {
    const make = numbered()
    const supply = new TokenSupply(make)
    make.mockRejectedValueOnce(new Error('no credentials'))
    await expect(supply.give(new Taker())).rejects.toThrow('no credentials')
    await vi.advanceTimersByTimeAsync(4_999)
    await expect(supply.give(new Taker())).rejects.toThrow('kafka.token failed: no credentials')
    expect(make).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(1)
    await supply.give(new Taker())
    expect(make).toHaveBeenCalledTimes(2)
  })

  it('is asked in time for a token that lives 5 s', async () => {
    const make = vi.fn(async () => ({ token: `t${make.mock.calls.length}`, expiresAt: Date.now() + 5_000 }))
    const supply = new TokenSupply(make)
    const taker = new Taker()
    await supply.give(taker, taker.note)
    await vi.advanceTimersByTimeAsync(4_000)
    expect(taker.tokens).toEqual(['t1', 't2'])
  })

  it('refuses a new token that lives less than 5 s, with its life, and asks again after 5 s', async () => {
    const make = numbered()
    const supply = new TokenSupply(make)
    const taker = new Taker()
    make.mockResolvedValueOnce({ token: 'brief', expiresAt: Date.now() + 4_999 })
    const words = 'kafka.token has answered with a token that lives 4.9 s more: 5 s are needed'
    await expect(supply.give(taker)).rejects.toThrow(words)
    await vi.advanceTimersByTimeAsync(5_000)
    await supply.give(taker, taker.note)
    make.mockResolvedValueOnce({ token: 'brief', expiresAt: Date.now() + 0.8 * LIFE_MS + 10 })
    await vi.advanceTimersByTimeAsync(0.8 * LIFE_MS)
    expect([taker.tokens, taker.troubles.length]).toEqual([['t1'], 1])
    await vi.advanceTimersByTimeAsync(5_000)
    expect(taker.tokens).toEqual(['t1', 't2'])
  })

  it('goes on with a token that the function keeps until it ends, and asks once a second then', async () => {
    let kept = { token: 'k1', expiresAt: Date.now() + 20_000 }
    const make = vi.fn(async () => {
      if (kept.expiresAt <= Date.now()) kept = { token: 'k2', expiresAt: Date.now() + 20_000 }
      return kept
    })
    const supply = new TokenSupply(make)
    const taker = new Taker()
    await supply.give(taker, taker.note)
    await vi.advanceTimersByTimeAsync(21_000)
    expect([new Set(taker.tokens), taker.troubles.filter((words) => words !== null)]).toEqual([
      new Set(['k1', 'k2']),
      [],
    ])
    // After 16, 19.2, 20.2 s.
    expect(make).toHaveBeenCalledTimes(4)
  })

  it('tells a token that librdkafka refuses', async () => {
    const make = numbered()
    const supply = new TokenSupply(make)
    const taker = new Taker()
    await supply.give(taker, taker.note)
    make.mockResolvedValueOnce({ token: 'unfit', expiresAt: Date.now() + 2 * LIFE_MS })
    await vi.advanceTimersByTimeAsync(0.8 * LIFE_MS)
    expect(taker.troubles).toEqual(['librdkafka refuses the token: it has no form'])
  })

  it('gives up a function that does not answer within 30 s, and a client that is closed at once', async () => {
    const supply = new TokenSupply(() => new Promise(() => {}))
    const [first, second] = [new Taker(), new Taker()]
    const given = Promise.allSettled([supply.give(first), supply.give(second)])
    supply.release(second)
    await vi.advanceTimersByTimeAsync(30_000)
    const [late, left] = await given
    expect(String((late as PromiseRejectedResult).reason)).toBe(
      'Error: kafka.token failed: it has not answered within 30 s',
    )
    expect(String((left as PromiseRejectedResult).reason)).toBe('Error: the client was closed')
  })

  it.each<[unknown, string]>([
    ['eyJ', 'without a token'],
    [{ token: '' }, 'without a token'],
    [{ token: 't' }, 'without expiresAt'],
    [{ token: 't', expiresAt: '2027' }, 'without expiresAt'],
    [{ token: 't', expiresAt: new Date(Number.NaN) }, 'without expiresAt'],
    [{ token: 't', expiresAt: 999_999 }, 'with a token that has expired'],
  ])('refuses the answer %j', async (answer, words) => {
    const supply = new TokenSupply(() => answer as never) // as from JavaScript
    await expect(supply.give(new Taker())).rejects.toThrow(`kafka.token has answered ${words}`)
  })
})

it('all clients of a function have one supply', () => {
  const token = numbered()
  expect(tokenSupply({ token })).toBe(tokenSupply({ token }))
  expect(tokenSupply({ token })).not.toBe(tokenSupply({ token: numbered() }))
  expect(tokenSupply({})).toBeNull()
})

describe('a consumer', () => {
  const consumer = (config: Record<string, string>, token?: () => Promise<never>) => {
    const lock = new BlockingLock(() => performance.now())
    return new Consumer({ bootstrapServers: '127.0.0.1:1', config, ...(token && { token }) }, NO_EVENTS, lock)
  }
  beforeEach(() => {
    vi.useRealTimers()
  })

  it('says why librdkafka makes no client, in its whole words', async () => {
    const config = { 'security.protocol': 'sasl_plaintext', 'sasl.mechanism': 'AWS_MSK_IAM' }
    await expect(consumer(config).connect()).rejects.toThrow(/^Unsupported SASL mechanism: AWS_MSK_IAM$/)
  })

  it.skipIf(!CAN_LOG_IN)('does not start without a token', async () => {
    const config = { 'security.protocol': 'sasl_plaintext', 'sasl.mechanism': 'OAUTHBEARER' }
    const fail = async () => {
      throw new Error('no credentials')
    }
    await expect(consumer(config, fail).connect()).rejects.toThrow('kafka.token failed: no credentials')
  })
})
