// Options that cannot be meant are refused by name, before the first request. And what each request carries.

import { describe, expect, it } from 'vitest'
import { type ConnectOptions, connect } from '../../../client/src/index.ts'
import { CHALLENGE } from '../../support/client-server.ts'
import { forThisTest } from '../../support/scene.ts'
import { pass } from '../../support/time.ts'
import { ClientScene, STREAM_URL } from './client-scene.ts'

const open = () => forThisTest(ClientScene.open())

/** The error for options as JavaScript may give them; null if there is none. */
function errorOf(options: unknown, url: string = STREAM_URL): Error | null {
  try {
    connect(url, options as ConnectOptions).close() // JavaScript has no types
    return null
  } catch (error) {
    return error as Error // what connect throws
  }
}

const getToken = () => 't'

describe('an option', () => {
  it.each([
    ['getTokens', 'getToken'],
    ['token', 'getToken'],
    ['gettoken', 'getToken'],
    ['onerror', 'onError'],
    ['fecth', 'fetch'],
    ['header', 'headers'],
    ['hearbeatMs', 'heartbeatMs'],
    ['credential', 'credentials'],
  ])('%s is refused, and the nearest name is asked for: %s', (name, nearest) => {
    const error = errorOf({ getToken, [name]: () => 't' })
    expect(error).toBeInstanceOf(TypeError)
    expect(error?.message).toBe(`There is no option ${name}: is it ${nearest}?`)
  })

  it.each(['onMessage', 'withCredentials', 'constructor', '__proto__x', 'x'])(
    '%s is refused without a name that is not near',
    (name) => {
      expect(errorOf({ getToken, [name]: 1 })?.message).toBe(`There is no option ${name}`)
    },
  )

  const types: Record<keyof ConnectOptions, string> = {
    getToken: 'function',
    headers: 'object',
    credentials: 'string',
    lastEventId: 'string',
    signal: 'object',
    challenges: 'boolean',
    onEvent: 'function',
    onState: 'function',
    onOpen: 'function',
    onEnd: 'function',
    onError: 'function',
    onChallenge: 'function',
    onRenewed: 'function',
    fetch: 'function',
    heartbeatMs: 'number',
    retryMaxMs: 'number',
    eventLengthMax: 'number',
    readAheadMax: 'number',
    random: 'function',
  }
  const values = [() => {}, {}, 'a text', 1, true, null, Symbol('s'), 1n]

  it.each(Object.entries(types))('%s of another type than %s is refused by name', (name, type) => {
    for (const value of values.filter((other) => other === null || typeof other !== type)) {
      const error = errorOf({ getToken, [name]: value })
      expect(error).toBeInstanceOf(TypeError)
      expect(error?.message).toBe(`${name} must be of type ${type}`)
    }
  })

  it('may be undefined, but for a getToken that is named and not there', () => {
    expect(errorOf({ getToken, headers: undefined, signal: undefined, onEvent: undefined })).toBeNull()
    expect(errorOf({ getToken: undefined })?.message).toBe('getToken must be of type function')
  })

  it.each([
    [{ signal: {} }, 'signal must be an AbortSignal'],
    [{ credentials: 'all' }, 'credentials must be omit, same-origin or include'],
    [{ heartbeatMs: 0.5 }, 'heartbeatMs must be a whole number from 1 to 2147483647'],
    [{ retryMaxMs: Number.NaN }, 'retryMaxMs must be a whole number from 1 to 2147483647'],
    [{ lastEventId: 'a\n' }, 'lastEventId must be one line'],
    [{ lastEventId: 'a\0' }, 'lastEventId must be one line'],
  ])('%j is refused', (options, words) => {
    expect(errorOf({ getToken, ...options })?.message).toBe(words)
  })

  it('is refused without its value, which may be a secret', () => {
    const said = [
      errorOf({ getToken: 'secret' }),
      errorOf({ getToken, headers: { 'x-key': 'secret\n1' } }),
      errorOf({ getToken }, 'no url?access_token=secret'),
      errorOf({ getToken }, 'https://user:secret@example.test/'),
      errorOf({ getToken }, 'ftp://example.test/?access_token=secret'),
    ].map((error) => error?.message)
    expect(said).toEqual([
      'getToken must be of type function',
      'headers must be valid',
      ...Array(3).fill('url must be absolute http or https without credentials'),
    ])
  })

  it('is refused where the options are none', () => {
    for (const options of [null, 'text', getToken])
      expect(errorOf(options)?.message).toBe('options must be of type object')
  })
})

describe('a request', () => {
  it('carries the caller’s headers and credentials, and so does an answer to a challenge', async () => {
    const scene = await open()
    const { server } = scene
    scene.connect({ headers: { 'X-Tenant': 'acme', 'content-type': 'x' }, credentials: 'include' })
    await pass()
    server.say(CHALLENGE)
    await pass()
    const [get, post] = server.requests
    expect(get).toMatchObject({ credentials: 'include', headers: { 'x-tenant': 'acme' } })
    expect(post).toMatchObject({ method: 'POST', credentials: 'include' })
    expect(post?.headers).toEqual({
      'x-tenant': 'acme',
      'content-type': 'application/x-challenge-response',
      authorization: 'Bearer token-2',
    })
  })

  it('carries the client’s own headers in place of the caller’s of the same name', async () => {
    const scene = await open()
    scene.connect({ headers: { Accept: '*/*', AUTHORIZATION: 'x', 'Last-Event-ID': 'x' }, lastEventId: 'a' })
    await pass()
    expect(scene.server.requests[0]?.headers).toEqual({
      accept: 'text/event-stream',
      authorization: 'Bearer token-1',
      'last-event-id': 'a',
    })
  })

  it('has no Authorization without getToken: the session is the cookie’s, and a challenge is answered with it', async () => {
    const { server } = await open()
    const stream = connect(STREAM_URL, { fetch: server.fetch })
    await pass()
    server.say(CHALLENGE)
    await pass()
    stream.close()
    await pass()
    expect(
      server.requests.map(({ method, headers, credentials }) => ({ method, headers, credentials })),
    ).toEqual([
      { method: 'GET', headers: { accept: 'text/event-stream' }, credentials: 'same-origin' },
      {
        method: 'POST',
        headers: { 'content-type': 'application/x-challenge-response' },
        credentials: 'same-origin',
      },
    ])
  })
})
