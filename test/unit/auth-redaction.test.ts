import { describe, expect, it } from 'vitest'
import { errorSerializer, logRedaction } from '../../src/log-redaction.ts'
import { REDACTED, redactText, redactTokens, redactUrl } from '../../src/redaction.ts'
import { makeKey, mintToken } from '../auth-fixtures.ts'

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

  it('loses the value however the name is cased, encoded or nested', () => {
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
    ]) {
      expect(redactUrl(`/x?${name}=opaque-value`)).toBe(`/x?${name}=${REDACTED}`)
    }
  })

  it('holds no token where one stands in an odd place', () => {
    const odd = [
      `/events/${token}`,
      `/events/access_token=${token}`,
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

  it('costs a few passes, however long and odd the URL is', () => {
    const long = [
      'eyJ'.repeat(30_000),
      'a'.repeat(90_000),
      '%25'.repeat(30_000),
      '&='.repeat(45_000),
      'eyJ.'.repeat(22_000),
    ]
    const startMs = performance.now()
    for (const text of long) redactUrl(`/events?${text}`)
    for (const text of long) redactText(text)
    expect(performance.now() - startMs).toBeLessThan(2_000)
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

  it('leaves JSON what it was where only tokens go', () => {
    expect(JSON.parse(redactTokens(JSON.stringify({ a: token, b: [`x ${token}`] })))).toEqual({
      a: REDACTED,
      b: [`x ${REDACTED}`],
    })
  })
})

describe('a logged error', () => {
  it('is its type, code, message and stack, and nothing that hangs on it', () => {
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

  it('lends the line a redacted message when it is logged alone', () => {
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
