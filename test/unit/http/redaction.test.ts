// What log lines may show of URLs, texts, requests and errors.

import fc from 'fast-check'
import fastify from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import * as errors from '../../../src/errors.ts'
import { errorSerializer, logRedaction, requestSerializer } from '../../../src/http/log-redaction.ts'
import {
  CUT,
  LOGGED_CHARACTERS_MAX,
  REDACTED,
  redactText,
  redactTokens,
  redactUrl,
} from '../../../src/http/redaction.ts'
import { printableInJson } from '../../../src/text/printable.ts'
import { makeKey, mintToken } from '../../support/keys-and-tokens.ts'

const token = mintToken(makeKey('ES256'))
const [, payload = '', signature = ''] = token.split('.')

function expectNoToken(text: string): void {
  expect(text).not.toContain(payload)
  expect(text).not.toContain(signature)
}

describe('a redacted URL', () => {
  it('keeps everything but the token', () => {
    expect(redactUrl(`/events?from=latest&access_token=${token}&lastEventId=AQIAAg==`)).toBe(
      `/events?from=latest&access_token=${REDACTED}&lastEventId=AQIAAg==`,
    )
    for (const url of [
      '/',
      '/events',
      '/events?',
      '/events?a&b=&=c&since=2024-01-01T00:00:00Z',
      '/o%20x/%zz?key=1%2C2',
    ]) {
      expect(redactUrl(url)).toBe(url)
    }
  })

  it('loses the value with any case, encoding or nesting of the name', () => {
    for (const name of [
      'access_token',
      'ACCESS_TOKEN',
      'access%5Ftoken',
      '%61ccess_token',
      'access%255Ftoken',
      'Token',
    ]) {
      expect(redactUrl(`/events?a=1&${name}=opaque-value&b=2`)).toBe(`/events?a=1&${name}=${REDACTED}&b=2`)
    }
  })

  it('loses other credentials, too', () => {
    for (const name of [
      'id_token',
      'refresh_token',
      'client_secret',
      'api_key',
      'apiKey',
      'password',
      'jwt',
      'code',
      'ticket',
    ]) {
      expect(redactUrl(`/x?${name}=opaque-value`)).toBe(`/x?${name}=${REDACTED}`)
    }
  })

  it('loses the value even if the equals sign is encoded', () => {
    expect(redactUrl('/events/access_token%3Dopaque-value')).toBe(`/events/${REDACTED}`)
  })

  it('has no token, even from an odd place', () => {
    const odd = [
      `/events/${token}`,
      `/events/access_token=${token}`,
      `/events/${percentEncoded(token)}`,
      `/events%3Faccess_token=${token}`,
      `/events%3Faccess_token%3D${token}`,
      `/events?${token}`,
      `/events?a=1;access_token=${token}`,
      `/events?b=${token}`,
      `/events?b=${token.replaceAll('.', '%2E')}`,
      `/events?redirect=${encodeURIComponent(`/x?access_token=${token}`)}`,
      `/events?redirect=/x?access_token=${token}`,
      `/events?access_token=${token}#${token}`,
      `/events?access_token=;${token}`,
      `/events?${token}=1`,
    ]
    for (const url of odd) expectNoToken(redactUrl(url))
  })

  it('has no ticket, from an odd place or cut', () => {
    const ticket = `kst_${'aB3-_'.repeat(60)}`
    const odd = [
      `/events?ticket=${ticket}`,
      `/events?TICKET=${ticket}`,
      `/events?a=${ticket}`,
      `/events/${ticket}`,
    ]
    const texts = [...odd.map(redactUrl), redactText(`no ${ticket}.`), redactTokens(`{"a":"${ticket}"}`)]
    texts.push(redactUrl(`/${'a'.repeat(LOGGED_CHARACTERS_MAX - 100)}?b=${ticket}`))
    texts.push(redactTokens(`${token}.${ticket}`), redactTokens(`${ticket}.${token}`))
    for (const text of texts) {
      expect(text).not.toContain('aB3-')
      expectNoToken(text)
    }
    expect(redactUrl(`/events?from=latest&ticket=${ticket}`)).toBe(`/events?from=latest&ticket=${REDACTED}`)
  })

  it('is cut at 2 KiB, with a mark, and whole up to there', () => {
    const whole = `/${'a'.repeat(LOGGED_CHARACTERS_MAX - 1)}`
    expect(redactUrl(whole)).toBe(whole)
    expect(redactUrl(`${whole}b`)).toBe(whole + CUT)
    expect(redactText(`${whole} b`)).toBe(whole + CUT)
  })

  it('costs less than 2 ms of CPU, however long and odd it is, in any place of a line', () => {
    const long = [
      '%25'.repeat(20_000),
      'a=%25&'.repeat(10_000),
      '&='.repeat(30_000),
      '/'.repeat(60_000),
      'a'.repeat(60_000),
      'eyJ'.repeat(20_000),
      'eyJ.'.repeat(15_000),
      'bearer '.repeat(9_000),
      'kst_'.repeat(15_000),
    ]
    const costs = long.flatMap((text) => [
      cpuMs(() => redactUrl(`/events?${text}`)),
      cpuMs(() => redactText(`Route GET:/events?${text} not found`)),
      cpuMs(() => errorSerializer(new Error(text))),
      cpuMs(() => requestSerializer({ method: text, url: '/', host: text, ip: text, socket: null })),
    ])
    expect(Math.max(...costs)).toBeLessThan(2)
  })
})

/** CPU time of this thread for one call, in ms: what one call of many takes, so that other processes do not count. */
/** Every character of it. */
function percentEncoded(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
}

function cpuMs(call: () => unknown): number {
  const calls = 10
  for (let i = 0; i < calls; i++) call()
  const before = process.cpuUsage()
  for (let i = 0; i < calls; i++) call()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / calls
}

describe('a credential anywhere in a text of any length', () => {
  /** Stands nowhere but in credentials, however often the text is decoded. */
  const SECRET = 'Z'
  const levels = fc.array(fc.nat(3), { minLength: 1, maxLength: 40 })
  const secrets = fc
    .tuple(fc.integer({ min: 1, max: 900 }), fc.integer({ min: 1, max: 900 }))
    .map(([first, second]) => `eyJ${SECRET.repeat(first)}.${SECRET.repeat(second)}.${SECRET.repeat(first)}`)
  const carried = fc.oneof(
    secrets,
    secrets.map((jwt) => `b=${jwt}`),
    fc
      .tuple(fc.constantFrom('access_token', 'code', 'apiKey', 'x-signature'), fc.nat(2000))
      .map(([name, length]) => `${name}=${SECRET.repeat(length + 1)}`),
  )
  const filler = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'gh01-_.%25=&/? '), maxLength: LOGGED_CHARACTERS_MAX + 50 }),
    fc.nat(LOGGED_CHARACTERS_MAX + 50).map((length) => 'a=1&'.repeat(length / 4)),
    fc.nat(LOGGED_CHARACTERS_MAX + 50).map((length) => '/a'.repeat(length / 2)),
  )

  /** Each character percent-encoded as often as its turn in `depths` says. */
  function encoded(text: string, depths: readonly number[]): string {
    return [...text].map((character, i) => encodedOnce(character, depths[i % depths.length] ?? 0)).join('')
  }

  function encodedOnce(character: string, depth: number): string {
    if (depth === 0) return character
    return `%${'25'.repeat(depth - 1)}${character.charCodeAt(0).toString(16)}`
  }

  function plain(text: string): string {
    let decoded = text
    for (let pass = 0; pass < 5; pass++)
      decoded = decoded.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    return decoded
  }

  it('does not survive, in a URL or in a sentence', () => {
    const cases = fc.tuple(filler, fc.constantFrom('&', '?', '/', ';', ' '), carried, levels, filler)
    fc.assert(
      fc.property(cases, ([before, separator, credential, depths, after]) => {
        const text = `/events?a=1${before}${separator}${encoded(credential, depths)}&${after}`
        expect(plain(redactUrl(text))).not.toContain(SECRET)
        expect(plain(redactText(`Route GET:${text} not found`))).not.toContain(SECRET)
        expect(plain(errorSerializer(new Error(text)).stack)).not.toContain(SECRET)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('redacted text', () => {
  it('loses tokens in URLs, headers and sentences', () => {
    expect(redactText('Route GET:/events?access_token=opaque not found')).toBe(
      `Route GET:/events?access_token=${REDACTED} not found`,
    )
    expect(redactText('authorization: Bearer opaque, accept: */*')).toBe(
      `authorization: Bearer ${REDACTED}, accept: */*`,
    )
    expectNoToken(redactText(`cannot read ${token}, sorry`))
  })

  it('keeps every sentence that clients are answered with', () => {
    const sentences = Object.values(errors).flatMap((made) => {
      if (typeof made !== 'function' || !(made.prototype instanceof Error)) return []
      const error = new (made as new (words: string) => Error)('since is an ISO 8601 date and time')
      return [error.message, `refused: ${error.message}`]
    })
    expect(sentences.length).toBeGreaterThan(50)
    expect(sentences.map(redactText)).toEqual(sentences)
    expect(redactText('a bearer token: none')).toBe('a bearer token: none')
    expect(redactText('bearer tokens')).toBe('bearer tokens')
    expect(redactText('Bearer token-x')).toBe(`Bearer ${REDACTED}`)
    expect(redactText('Bearer token.x')).toBe(`Bearer ${REDACTED}`)
  })

  it.each([
    [
      'no token from "https://client:s3cr3t@id.example/token": (401)',
      'no token from "https://#@id.example/token": (401)',
    ],
    ['ECONNREFUSED http://s3cr3t@a.example:4318/v1', 'ECONNREFUSED http://#@a.example:4318/v1'],
    ['amqp://u:s3@cr3t@a.example, http://b.example/@c', 'amqp://#@a.example, http://b.example/@c'],
    ['got {"access_token":"s3cr3t \\" s3cr3t","expires_in":3}', 'got {"access_token":"#","expires_in":3}'],
    ['got {"client_secret" : "s3cr3t s3cr3t', 'got {"client_secret" : "#'],
    [
      JSON.stringify(JSON.stringify({ code: 'a', idToken: 's3cr3t s3' })),
      String.raw`"{\"code\":\"a\",\"idToken\":\"#\"}"`,
    ],
    ['Authorization: Basic czNjcjN0', 'Authorization: #'],
    ['sent authorization: s3cr3t, accept: */*', 'sent authorization: #, accept: */*'],
  ])('loses what others write into their errors: %s', (text, left) => {
    expect(redactText(text)).toBe(left.replaceAll('#', REDACTED))
  })

  it('keeps addresses and members that hold no credential', () => {
    for (const text of [
      'mail to a@example.com, or https://a.example/@b?c#d@e',
      '{"code":"FKS_TOKEN_MISSING","message":"a bearer token is required"}',
      'Broker: Topic authorization failed: no right',
    ])
      expect(redactText(text)).toBe(text)
  })

  it('stays valid JSON without the tokens', () => {
    expect(JSON.parse(redactTokens(JSON.stringify({ a: token, b: [`x ${token}`] })))).toEqual({
      a: REDACTED,
      b: [`x ${REDACTED}`],
    })
  })
})

describe('a logged request', () => {
  it('is logged even if its client has left, and nothing is known of the connection', () => {
    const gone = { method: 'GET', url: '/events', host: '', ip: undefined, socket: null }
    expect(requestSerializer(gone)).toEqual({ method: 'GET', url: '/events', host: '' })
  })
})

describe('a logged error', () => {
  it('keeps its stack after a message of any length', () => {
    const { message, stack } = errorSerializer(new Error('a'.repeat(60_000)))
    expect(message).toBe('a'.repeat(LOGGED_CHARACTERS_MAX) + CUT)
    expect(stack).toContain('redaction.test')
    expect(stack.length).toBeLessThan(2 * LOGGED_CHARACTERS_MAX + 20)
  })

  it('has its type, code, message and stack, and no other property', () => {
    const error = Object.assign(new TypeError(`no ${token}`), {
      code: 'E_X',
      rawPacket: Buffer.from(token),
      payload: token,
    })
    const line = errorSerializer(error)
    expect(Object.keys(line).sort()).toEqual(['code', 'message', 'stack', 'type'])
    expect(line).toMatchObject({ type: 'TypeError', code: 'E_X', message: `no ${REDACTED}` })
    expectNoToken(JSON.stringify(line))
    expect(errorSerializer(`no ${token}`).message).toBe(`no ${REDACTED}`)
  })

  it('gives the line a redacted message when it is logged alone', () => {
    const seen: unknown[][] = []
    const method = (...parts: unknown[]): void => void seen.push(parts)
    const error = new Error(`GET /?access_token=opaque`)
    logRedaction.hooks.logMethod([error], method)
    logRedaction.hooks.logMethod([{ err: error }], method)
    expect(seen.map((parts) => parts[1])).toEqual([
      `GET /?access_token=${REDACTED}`,
      `GET /?access_token=${REDACTED}`,
    ])
  })
})

describe('a line of the log', () => {
  const OBEYED = /[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

  it('of a logger without our hooks has no character that a terminal obeys, in any part of a request', () => {
    const sent = 'a\x9b2J\x9d52;c;cm0=\x7f\x85\u202e\u2066'
    const request = { method: sent, url: `/a/${sent}?b=${sent}`, host: sent, ip: sent, socket: null }
    const lines = JSON.stringify([requestSerializer(request), errorSerializer(new Error(sent))])
    expect(lines).not.toMatch(OBEYED)
    expect(requestSerializer(request).method).toBe('a\\u009b2J\\u009d52;c;cm0=\\u007f\\u0085\\u202e\\u2066')
  })

  it('has no character that a terminal obeys, also in what its callers did not redact', async () => {
    const lines: string[] = []
    const stream = { write: (line: string) => lines.push(line) }
    const app = fastify({ logger: { level: 'info', stream, ...logRedaction } })
    onTestFinished(() => app.close())
    const host = 'a\x9b2J\x9d52;c;cm0=\x7f\x85\u202e\u2066.test'
    app.log.info({ of: { host } }, `asked for ${host}`)
    await app.inject({ url: '/events', headers: { host } })
    expect(lines.join('')).not.toMatch(OBEYED)
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { of: { host }, msg: `asked for ${printableInJson(host)}` },
      { req: { host: printableInJson(host) } },
      {},
      {},
    ])
  })
})
