// Keys from a URL: when they are fetched, how long they are used, and what a failed fetch does.

import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import Fastify from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KEY_SET_BYTES_MAX } from '../../../plugins/auth/keys/key-fetch.ts'
import { type RemoteKeyLimits, RemoteKeys, WAITING_MAX } from '../../../plugins/auth/keys/remote-keys.ts'
import { KeysUnavailable } from '../../../src/errors.ts'
import {
  ISSUER,
  jwksOf,
  type KeyServer,
  keyAs,
  makeKey,
  startKeyServer,
} from '../../support/keys-and-tokens.ts'
import { LogLines } from '../../support/printed.ts'
import { eventually } from '../../support/time.ts'

const first = makeKey('ES256', 'first')
const second = keyAs(makeKey('ES256'), { kid: 'second' })
const limits = { jwksTimeoutMs: 2_000, jwksCooldownMs: 30_000, jwksMaxAgeMs: 600_000, jwksStaleMs: 3_600_000 }
const failing: RequestListener = (_request, response) => void response.writeHead(500).end('secret-words')
const log = new LogLines()

let server: KeyServer
let keys: RemoteKeys
let nowMs: number

function open(changes: Partial<RemoteKeyLimits> = {}, url = server.url): RemoteKeys {
  const logger = Fastify({ logger: { level: 'debug', stream: log.stream } }).log
  const around = { issuer: ISSUER, rsaAlgorithm: 'RS256' as const, log: logger, nowMs: () => nowMs }
  keys = new RemoteKeys(new URL(url), { ...limits, ...changes }, around)
  return keys
}

async function knows(kid: string): Promise<boolean> {
  return 'key' in (await keys.find({ alg: 'ES256', kid }))
}

beforeEach(async () => {
  nowMs = 1_000_000
  log.lines.length = 0
  server = await startKeyServer(jwksOf(first))
})

afterEach(async () => {
  keys.close()
  await server.close()
})

describe('keys from a URL', () => {
  it('are fetched once for all who ask at the start', async () => {
    open()
    expect(keys.notReady()).toContain('being fetched')
    expect(await Promise.all(Array.from({ length: 100 }, () => knows('first')))).not.toContain(false)
    expect(server.hits()).toBe(1)
    expect(keys.notReady()).toBeNull()
  })

  it('are looked up at once for the first unknown key: a rotation needs no restart', async () => {
    open()
    expect(await knows('first')).toBe(true)
    server.answer(jwksOf(first, second))
    expect(await knows('second')).toBe(true)
    expect(server.hits()).toBe(2)
  })

  it('are fetched once per cool-down in a flood of unknown keys', async () => {
    open()
    await knows('first')
    const flood = async (): Promise<void> => {
      for (let round = 0; round < 10; round++) {
        const asked = Array.from({ length: 50 }, (_, index) => knows(`unknown-${round}-${index}`))
        expect(await Promise.all(asked)).not.toContain(true)
      }
    }
    await flood()
    expect(server.hits()).toBe(2)
    nowMs += limits.jwksCooldownMs - 1
    await flood()
    expect(server.hits()).toBe(2)
    nowMs += 1
    await flood()
    expect(server.hits()).toBe(3)
  })

  it('are fetched once per cool-down in such a flood while fetching fails, too', async () => {
    open()
    await knows('first')
    server.answer(failing)
    for (let round = 0; round < 100; round++) expect(await knows(`unknown-${round}`)).toBe(false)
    expect(server.hits()).toBe(2)
    expect(await knows('first')).toBe(true)
  })

  it('are not fetched for algorithms that no key may have', async () => {
    open()
    await knows('first')
    for (const alg of ['none', 'HS256', 'ES384']) {
      expect(await keys.find({ alg, kid: 'first' })).toEqual({ refused: 'algorithm' })
    }
    expect(await keys.find({ alg: 'HS256', kid: 'unknown' })).toEqual({ refused: 'algorithm' })
    expect(server.hits()).toBe(1)
  })

  it('that were taken back are refused once the set is past its age', async () => {
    open()
    await knows('first')
    server.answer(jwksOf(second))
    nowMs += limits.jwksMaxAgeMs - 1
    expect(await knows('first')).toBe(true)
    nowMs += 1
    expect(await knows('first')).toBe(false)
  })

  it('stay in use past their age while fetching fails, for the stale time and not longer', async () => {
    open()
    await knows('first')
    server.answer(failing)
    nowMs += limits.jwksMaxAgeMs
    expect(await knows('first')).toBe(true)
    expect(server.hits()).toBe(2)
    expect(await knows('first')).toBe(true)
    expect(server.hits()).toBe(2)
    nowMs += limits.jwksStaleMs - 1
    expect(await knows('first')).toBe(true)
    expect(keys.notReady()).toBeNull()
    nowMs += 1
    await expect(knows('first')).rejects.toThrow(KeysUnavailable)
    expect(keys.notReady()).toContain('too old: it answers 500')
    server.answer(jwksOf(first))
    nowMs += limits.jwksCooldownMs
    expect(await knows('first')).toBe(true)
  })

  it('that were not used for days are simply fetched again', async () => {
    open()
    await knows('first')
    nowMs += 10 * 86_400_000
    expect(keys.notReady()).toBeNull()
    expect(await knows('first')).toBe(true)
  })

  it('are tried again after a failed start without any request, and one line tells of each change', async () => {
    server.answer(failing)
    open({ jwksCooldownMs: 15 })
    await eventually(() => expect(server.hits()).toBeGreaterThan(3))
    expect(keys.notReady()).toContain('it answers 500')
    server.answer(jwksOf(first))
    await eventually(() => expect(keys.notReady()).toBeNull())
    const levels = log.of('key set cannot be read').map((line) => line.level)
    expect(levels.filter((level) => level === 40)).toHaveLength(1)
    expect(log.of('key set read')).toHaveLength(1)
    expect(log.text()).not.toContain('secret-words')
  })

  it('are waited for by so many requests and not by one more', async () => {
    server.answer(() => {})
    open()
    let settled = 0
    const waiting = Array.from({ length: WAITING_MAX }, () => knows('first').catch(() => settled++))
    await expect(knows('first')).rejects.toThrow(KeysUnavailable)
    expect(settled).toBe(0)
    keys.close()
    await Promise.all(waiting)
    expect(settled).toBe(WAITING_MAX)
  })

  it('reject at once while there are none and the cool-down lasts', async () => {
    server.answer(failing)
    open()
    await expect(knows('first')).rejects.toThrow(KeysUnavailable)
    await expect(knows('first')).rejects.toThrow(KeysUnavailable)
    expect(server.hits()).toBe(1)
  })
})

describe('a fetch that does not end well', () => {
  const reasonOf = async (
    answer: string | RequestListener,
    changes: Partial<RemoteKeyLimits> = {},
  ): Promise<string> => {
    server.answer(answer)
    open(changes)
    await expect(knows('first')).rejects.toThrow(KeysUnavailable)
    return String(keys.notReady())
  }

  it('is given up in time when no answer comes', async () => {
    expect(await reasonOf(() => {}, { jwksTimeoutMs: 50 })).toContain('no answer within 50 ms')
  })

  it('is given up in time when the answer stops after its header, or drips', async () => {
    const stop: RequestListener = (_request, response) => void response.writeHead(200).write('{')
    expect(await reasonOf(stop, { jwksTimeoutMs: 50 })).toContain('no answer within 50 ms')
    keys.close()
    expect(await reasonOf(drip, { jwksTimeoutMs: 200 })).toContain('no answer within 200 ms')
  })

  it('is given up when the answer is too large', async () => {
    expect(await reasonOf(' '.repeat(KEY_SET_BYTES_MAX + 1))).toContain('larger than')
    keys.close()
    server.answer(jwksOf(first).padEnd(KEY_SET_BYTES_MAX))
    open()
    expect(await knows('first')).toBe(true)
  })

  it('follows no redirect and takes no other status', async () => {
    const redirect: RequestListener = (_request, response) =>
      void response.writeHead(302, { location: '/other' }).end()
    expect(await reasonOf(redirect)).toContain('cannot be reached')
    expect(server.hits()).toBe(1)
  })

  it('says what the text is not, without quoting it', async () => {
    expect(await reasonOf('<html>secret-words')).toContain('neither PEM nor JSON')
    expect(log.text()).not.toContain('secret-words')
  })

  it('tells the code of a connection that fails', async () => {
    await server.close()
    open()
    await expect(knows('first')).rejects.toThrow(KeysUnavailable)
    expect(keys.notReady()).toContain('ECONNREFUSED')
  })

  it('ends with its owner, without a line', async () => {
    const came = new Promise<ServerResponse>((resolve) =>
      server.answer((_request, response) => resolve(response)),
    )
    open()
    const asked = expect(knows('first')).rejects.toThrow(KeysUnavailable)
    const response = await came
    keys.close()
    await asked
    if (!response.closed) await once(response, 'close')
    expect(log.lines).toEqual([])
  })
})

describe("an issuer's discovery document", () => {
  const discovery = (issuer: string, jwksUri: string): RequestListener => {
    return (request, response) => {
      const isDocument = request.url?.startsWith('/.well-known/') === true
      response.end(isDocument ? JSON.stringify({ issuer, jwks_uri: jwksUri }) : jwksOf(first))
    }
  }
  const documentUrl = (): string => server.url.replace('/jwks.json', '/.well-known/openid-configuration')

  it('leads to the keys', async () => {
    server.answer(discovery(ISSUER, server.url))
    open({}, documentUrl())
    expect(await knows('first')).toBe(true)
  })

  it('of another issuer, or with an address of another kind, leads nowhere', async () => {
    for (const [issuer, uri, words] of [
      ['https://other.example.com', server.url, 'another issuer'],
      [ISSUER, 'file:///etc/passwd', 'no usable jwks_uri'],
      [ISSUER, 'nonsense', 'no usable jwks_uri'],
    ] as const) {
      server.answer(discovery(issuer, uri))
      open({}, documentUrl())
      await expect(knows('first')).rejects.toThrow(KeysUnavailable)
      expect(keys.notReady()).toContain(words)
      keys.close()
    }
  })
})

const drip: RequestListener = (_request, response) => {
  response.writeHead(200)
  const timer = setInterval(() => response.write(' '), 20)
  response.on('close', () => clearInterval(timer))
}
