// The client against real servers that cannot take its token, or its renewal, at once.

import { afterEach, describe, expect, it, vi } from 'vitest'
import { connect, type EventStream, type Fetch, type StreamError } from '../../client/src/index.ts'
import { HttpScene, type SceneOptions } from '../support/http-scene.ts'
import { mintToken, nowSeconds } from '../support/keys-and-tokens.ts'
import { forThisTest } from '../support/scene.ts'
import { eventually } from '../support/time.ts'

const open = (options: SceneOptions = {}) => forThisTest(HttpScene.open({ isTls: false, ...options }))
let stream: EventStream | null = null
afterEach(() => stream?.close())

interface Told {
  opened: number
  renewed: number
  ends: string[]
  readonly errors: StreamError[]
}

/** Without getToken the session is a cookie's. */
function follow(url: string, getToken: (() => string) | null, fetch?: Fetch): Told {
  const told: Told = { opened: 0, renewed: 0, ends: [], errors: [] }
  stream = connect(url, {
    ...(getToken && { getToken }),
    ...(fetch && { fetch }),
    onEvent: () => {},
    onOpen: () => void told.opened++,
    onRenewed: () => void told.renewed++,
    onEnd: ({ reason }) => told.ends.push(reason),
    onError: ({ error }) => told.errors.push(error),
  })
  return told
}

describe('the client', () => {
  it('comes in with a token that is not valid yet, once it is', async () => {
    const { port, key } = await open()
    const [nbf, exp] = [nowSeconds() + 8, nowSeconds() + 60]
    const token = mintToken(key, { claims: { nbf, exp } })
    const told = follow(`http://127.0.0.1:${port}/events`, () => token)
    await vi.waitFor(() => expect(told.opened).toBe(1), { timeout: 19_000 })
    expect(told.errors.length).toBeGreaterThan(0)
    expect(told.errors.every(({ code, status }) => code === 'unauthorized' && status === 401)).toBe(true)
  }, 20_000)

  it('keeps its stream by a cookie that the page’s server renews, without a token of its own', async () => {
    const { port, key, app } = await open({ auth: { cookie: '__Host-token' }, sse: { challengeSeconds: 3 } })
    const authorizations: unknown[] = []
    // What a browser adds by itself.
    const browser: Fetch = (url, request) => {
      authorizations.push(request.headers.authorization)
      const cookie = `__Host-token=${mintToken(key, { claims: { exp: nowSeconds() + 5 } })}`
      return fetch(url, {
        ...request,
        headers: { ...request.headers, cookie, 'sec-fetch-site': 'same-origin' },
      })
    }
    const told = follow(`http://127.0.0.1:${port}/events`, null, browser)
    await eventually(() => expect(told.renewed).toBe(2))
    expect([told.opened, told.ends, told.errors]).toEqual([1, [], []])
    expect(app.kafkaSseStreams.figures.streamsOpened).toBe(1)
    expect(authorizations).toEqual([undefined, undefined, undefined])
  }, 20_000)

  it('keeps a stream whose renewals come to another server first, as behind a balancer', async () => {
    const here = await open({ sse: { challengeSeconds: 3 } })
    const there = await open({ auth: { keys: here.key.publicPem } })
    let posts = 0
    const balanced: Fetch = (url, request) => {
      const { port } = request.method === 'POST' && ++posts % 2 === 1 ? there : here
      return fetch(Object.assign(new URL(url), { port }), request)
    }
    const token = () => mintToken(here.key, { claims: { exp: nowSeconds() + 5 } })
    const told = follow('http://127.0.0.1/events', token, balanced)
    await eventually(() => expect(told.renewed).toBe(2))
    expect([told.opened, told.ends]).toEqual([1, []])
    expect(here.app.kafkaSseStreams.figures.streamsOpened).toBe(1)
    expect(posts).toBeGreaterThanOrEqual(4)
  }, 20_000)
})
