// How the client answers challenges, and what it does without a consumer that keeps up.

import { describe, expect, it, vi } from 'vitest'
import { CHALLENGE } from '../../support/client-server.ts'
import { forThisTest } from '../../support/scene.ts'
import { pass } from '../../support/time.ts'
import { ClientScene, rejectedBy, STREAM_URL, status } from './client-scene.ts'

const open = () => forThisTest(ClientScene.open())

describe('the client', () => {
  it('answers a challenge with a fresh token, at the stream’s own URL, with the headers that it names', async () => {
    const scene = await open()
    const { server, events } = scene
    const renewed = vi.fn()
    scene.connect({ onRenewed: renewed })
    await pass()
    server.say(CHALLENGE)
    await pass()
    expect(server.requests[1]).toMatchObject({ url: STREAM_URL, method: 'POST', redirect: 'manual' })
    expect(server.posts()[0]?.headers).toEqual({
      'content-type': 'application/x-challenge-response',
      authorization: 'Bearer token-2',
    })
    expect(renewed).toHaveBeenCalledOnce()
    expect(events).toEqual([])
    expect(server.gets()).toHaveLength(1)
  })

  it('answers any challenge as the protocol says, though it names another request', async () => {
    const scene = await open()
    const { server } = scene
    scene.connect()
    await pass()
    server.say(
      'event:challenge\ndata:{"method":"DELETE","headers":{"Authorization":"x","host":"evil.test"}}\n\n',
    )
    await pass()
    server.say('event:challenge\ndata:{\n\n')
    await pass(1_000)
    expect(server.posts().map(({ method, headers }) => ({ method, headers }))).toEqual(
      ['token-2', 'token-3'].map((token) => ({
        method: 'POST',
        headers: { 'content-type': 'application/x-challenge-response', authorization: `Bearer ${token}` },
      })),
    )
  })

  it('answers challenges one at a time, and not twice within a second', async () => {
    const scene = await open()
    const { server } = scene
    scene.connect()
    await pass()
    server.say(CHALLENGE.repeat(3))
    await pass()
    expect(server.posts()).toHaveLength(1)
    server.say(CHALLENGE)
    await pass(999)
    expect(server.posts()).toHaveLength(1)
    await pass(1)
    expect(server.posts()).toHaveLength(2)
  })

  it.each([401, 404, 503])(
    'goes on trying a renewal that is answered %i, reports the third try, and keeps the stream',
    async (code) => {
      const scene = await open()
      const { server, errors } = scene
      const renewed = vi.fn()
      server.renewal = () => status(server.posts().length < 5 ? code : 204)
      scene.connect({ onRenewed: renewed })
      await pass()
      server.say(CHALLENGE)
      await pass(3_000)
      expect(server.posts()).toHaveLength(3)
      expect(errors).toMatchObject([
        { error: { code: 'renewal', status: code }, retryInMs: null, final: false },
      ])
      expect(renewed).not.toHaveBeenCalled()
      await pass(3_000 + 4_000)
      expect(renewed).toHaveBeenCalledOnce()
      await pass(15_000)
      expect([server.posts().length, server.gets().length, errors.length]).toEqual([5, 1, 1])
      const tokens = server.posts().map(({ headers }) => headers.authorization)
      expect(tokens).toEqual([2, 3, 4, 5, 6].map((number) => `Bearer token-${number}`))
    },
  )

  it('tries no longer than a clock may be wrong, though the server goes on', async () => {
    const scene = await open()
    const { server } = scene
    server.renewal = () => status(404)
    scene.connect({ heartbeatMs: 1_000_000 })
    await pass()
    server.say(CHALLENGE)
    await pass(60_000)
    const tries = server.posts().length
    expect(tries).toBeLessThanOrEqual(15)
    await pass(600_000)
    expect(server.posts()).toHaveLength(tries)
    expect(scene.stream?.state).toBe('open')
  })

  it('counts a 202 as a renewal, and does not send it again', async () => {
    const scene = await open()
    const { server, errors } = scene
    const renewed = vi.fn()
    server.renewal = () => status(202)
    scene.connect({ onRenewed: renewed, heartbeatMs: 1_000_000 })
    await pass()
    server.say(CHALLENGE)
    await pass(60_000)
    expect(server.posts()).toHaveLength(1)
    expect(renewed).toHaveBeenCalledOnce()
    expect(errors).toEqual([])
  })

  it('waits as Retry-After says before it tries a renewal again', async () => {
    const scene = await open()
    const { server } = scene
    server.renewal = () => status(server.posts().length === 1 ? 503 : 204, { 'retry-after': '7' })
    scene.connect()
    await pass()
    server.say(CHALLENGE)
    await pass(6_999)
    expect(server.posts()).toHaveLength(1)
    await pass(1)
    expect(server.posts()).toHaveLength(2)
  })

  it('does not wait for a Retry-After until its token has expired', async () => {
    const scene = await open()
    const { server } = scene
    const expiresAtSeconds = Math.floor(Date.now() / 1_000) + 10
    const token = `x.${Buffer.from(JSON.stringify({ exp: expiresAtSeconds })).toString('base64url')}.x`
    server.renewal = () => status(503, { 'retry-after': '30' })
    scene.connect({ getToken: () => token })
    await pass()
    server.say(CHALLENGE)
    await pass(6_900)
    expect(server.posts()).toHaveLength(1)
    await pass(1_100)
    expect(server.posts()).toHaveLength(2)
  })

  it('gives a renewal that is never answered five seconds', async () => {
    const scene = await open()
    const { server } = scene
    server.renewal = ({ signal }) => rejectedBy(signal)
    scene.connect({ heartbeatMs: 60_000 })
    await pass()
    server.say(CHALLENGE)
    await pass(5_000 + 1_000)
    expect(server.posts()).toHaveLength(2)
    expect(server.posts()[0]?.signal.aborted).toBe(true)
  })

  it.each([400, 403, 415])('reports that a renewal was refused with %i, and stays', async (code) => {
    const scene = await open()
    const { server, errors } = scene
    server.renewal = () => status(code)
    scene.connect()
    await pass()
    server.say(CHALLENGE)
    await pass(8_000)
    expect(server.posts()).toHaveLength(1)
    expect(errors).toMatchObject([{ error: { code: 'renewal', status: code }, final: false }])
    expect(scene.stream?.state).toBe('open')
  })

  it('tells of no challenge once it is closed, though one came in the same chunk', async () => {
    const scene = await open()
    const onChallenge = vi.fn(() => scene.stream?.close())
    scene.connect({ onChallenge })
    await pass()
    scene.server.say(CHALLENGE.repeat(2))
    await pass()
    expect(onChallenge).toHaveBeenCalledOnce()
    expect(scene.server.posts()).toEqual([])
  })

  it('leaves challenges unanswered when told to, while it is open, too', async () => {
    const scene = await open()
    const { server } = scene
    const challenges: boolean[] = []
    scene.connect({ challenges: false, onChallenge: ({ answered }) => challenges.push(answered) })
    await pass()
    server.say(CHALLENGE)
    await pass(2_000)
    expect(server.posts()).toEqual([])
    if (scene.stream) scene.stream.challenges = true
    server.say(CHALLENGE)
    await pass()
    expect(server.posts()).toHaveLength(1)
    expect(challenges).toEqual([false, true])
  })

  it('reads no further than its limit ahead of a slow consumer, loses nothing, and renews in time', async () => {
    const scene = await open()
    const { server } = scene
    const expiresAtSeconds = Math.floor(Date.now() / 1_000) + 30
    const payload = Buffer.from(JSON.stringify({ exp: expiresAtSeconds })).toString('base64url')
    const taken: string[] = []
    scene.connect({
      getToken: () => `${++scene.tokens}.${payload}.x`,
      readAheadMax: 10_000,
      onEvent: async ({ data }) => {
        taken.push(data.trim())
        await new Promise((resolve) => setTimeout(resolve, 2_000))
      },
    })
    await pass()
    const chunksBefore = server.chunksRead
    for (let record = 0; record < 20; record++)
      server.say(`data:${record}${' '.repeat(1_000)}\nid:${record}\n\n`)
    await pass(1_000)
    expect(server.chunksRead - chunksBefore).toBeLessThan(13)
    await pass(24_000)
    expect(server.posts()).toHaveLength(0)
    for (let record = 20; record < 60; record++) server.say(`data:${record}${' '.repeat(1_000)}\n\n`)
    await pass(5_000)
    expect(server.posts().length).toBeGreaterThanOrEqual(1)
    expect(server.posts().length).toBeLessThanOrEqual(2)
    await pass(120_000)
    expect(taken).toEqual(Array.from({ length: 60 }, (_, record) => `${record}`))
  })

  it('asks for no more tokens, while its consumer has stopped, once the server has no such stream', async () => {
    const scene = await open()
    const { server } = scene
    const payload = Buffer.from(JSON.stringify({ exp: Math.floor(Date.now() / 1_000) + 30 })).toString(
      'base64url',
    )
    server.renewal = () => status(404)
    scene.connect({
      getToken: () => `${++scene.tokens}.${payload}.x`,
      readAheadMax: 1,
      onEvent: () => new Promise(() => {}),
    })
    await pass()
    server.say('data:1\n\ndata:2\n\n')
    await pass(240_000)
    const { tokens } = scene
    expect(tokens).toBeGreaterThan(2)
    await pass(3_600_000)
    expect([scene.tokens, server.gets().length]).toEqual([tokens, 1])
  })
})
