// What `getToken` is asked with, and what becomes of its answers.

import { describe, expect, it } from 'vitest'
import type { ConnectOptions, TokenRequest } from '../../../client/src/index.ts'
import { CHALLENGE } from '../../support/client-server.ts'
import { forThisTest } from '../../support/scene.ts'
import { pass } from '../../support/time.ts'
import { ClientScene, rejectedBy, status } from './client-scene.ts'

const open = () => forThisTest(ClientScene.open())

/** A getToken that notes why it is called. */
function noting() {
  const asked: [TokenRequest['reason'], number][] = []
  const getToken = ({ reason, attempt }: TokenRequest) => {
    asked.push([reason, attempt])
    return `token-${asked.length}`
  }
  return { asked, getToken }
}

/** What JavaScript may answer. */
const answering = (answer: () => unknown) => answer as NonNullable<ConnectOptions['getToken']>

describe('getToken', () => {
  it('hears why it is asked, and how often since a token was accepted', async () => {
    const scene = await open()
    const { server } = scene
    const { asked, getToken } = noting()
    server.renewal = () => status(server.posts().length === 1 ? 401 : 204)
    scene.connect({ getToken })
    await pass()
    server.say(CHALLENGE)
    await pass(1_000)
    server.say(CHALLENGE)
    await pass(1_000)
    expect(asked).toEqual([
      ['connect', 1],
      ['challenge', 1],
      ['refused', 2],
      ['challenge', 1],
    ])
  })

  it.each([401, 403])('hears that the last token was answered %i, so that a cache is told', async (code) => {
    const scene = await open()
    const { server } = scene
    const { asked, getToken } = noting()
    server.answers = [() => status(code), () => status(503), () => server.stream()]
    scene.connect({ getToken })
    await pass(30_000)
    expect(asked).toEqual([
      ['connect', 1],
      ['refused', 2],
      ['connect', 3],
    ])
    server.breakOff()
    await pass(2_500)
    expect(asked.at(-1)).toEqual(['connect', 1])
  })

  it('hears of a refusal until it has given another token, and not of one that was never answered', async () => {
    const scene = await open()
    const { server } = scene
    const asked: string[] = []
    server.answers = [() => status(401), () => Promise.reject(new Error('reset')), () => server.stream()]
    scene.connect({
      getToken: ({ reason }) => {
        asked.push(reason)
        if (asked.length === 2) throw new Error('sign-in is down')
        return 't'
      },
    })
    await pass(16_000)
    expect(asked).toEqual(['connect', 'refused', 'refused', 'connect'])
  })

  it('is called once at a time: a call that hangs is given up with its connection, and the next one asks', async () => {
    const scene = await open()
    const { server } = scene
    const asked: string[] = []
    let underWay = 0
    let most = 0
    scene.connect({
      getToken: async ({ reason, signal }) => {
        asked.push(reason)
        most = Math.max(most, ++underWay)
        if (reason === 'challenge') await rejectedBy(signal).catch(() => {})
        underWay--
        return `token-${asked.length}`
      },
    })
    await pass()
    server.say(CHALLENGE)
    await pass(1_000)
    server.breakOff()
    await pass(2_000)
    expect([asked, most]).toEqual([['connect', 'challenge', 'connect'], 1])
    expect(server.requests.map(({ method, headers }) => [method, headers.authorization])).toEqual([
      ['GET', 'Bearer token-1'],
      ['GET', 'Bearer token-3'],
    ])
  })

  it.each([
    [undefined, 'undefined'],
    [{ token: 'secret' }, 'object'],
    [42, 'number'],
    [Promise.resolve(undefined), 'undefined'],
  ])('that answers %s closes the stream with an error that says so', async (answer, type) => {
    const scene = await open()
    const { closed } = scene.connect({ getToken: answering(() => answer) })
    await pass()
    expect(await closed).toMatchObject({
      code: 'bad-token',
      message: `getToken returned ${type}, not a text or null`,
    })
    expect(scene.server.requests).toEqual([])
  })

  it('that answers undefined to a challenge is reported, and closes the stream when it ends', async () => {
    const scene = await open()
    const { server, errors } = scene
    const { closed } = scene.connect({ getToken: answering(() => (scene.tokens++ === 0 ? 't' : undefined)) })
    await pass()
    server.say(CHALLENGE)
    await pass(10_000)
    expect(errors).toMatchObject([{ error: { code: 'renewal', cause: { code: 'bad-token' } }, final: false }])
    expect(scene.tokens).toBe(2)
    server.end()
    await pass(5_000)
    expect(await closed).toMatchObject({ code: 'bad-token' })
  })

  it.each([
    ['is parsed', () => JSON.parse('<!doctype html><title>502</title>')],
    ['is taken for the token', () => '<!doctype html>\n<title>secret</title>'],
  ])('whose endpoint answers HTML, which %s, is asked again until it has a token', async (_, html) => {
    const scene = await open()
    const { errors } = scene
    scene.connect({ getToken: () => (++scene.tokens < 4 ? html() : 't') })
    await pass(16_000)
    expect(errors.map(({ error, final }) => [error.code, final])).toEqual(Array(3).fill(['token', false]))
    expect(errors.map(({ error }) => error.message).join()).not.toContain('secret')
    expect(scene.stream?.state).toBe('open')
  })

  it('that answers with the name of the scheme is told so, without its token', async () => {
    const scene = await open()
    const { server, errors } = scene
    scene.connect({ getToken: () => 'Bearer secret' })
    await pass()
    const message = 'getToken returned an invalid token, with Bearer?'
    expect(errors).toMatchObject([{ error: { code: 'token', message }, final: false }])
    expect(server.requests).toEqual([])
  })

  it.each([-1, 1])('keeps a stream open with a clock that is %i h off', async (hours) => {
    const scene = await open()
    const { server, errors } = scene
    const exp = Date.now() / 1_000 + 30 + hours * 3_600
    const payload = Buffer.from(JSON.stringify({ exp })).toString('base64url')
    scene.connect({ getToken: () => `${++scene.tokens}.${payload}.x` })
    await pass()
    for (let challenges = 0; challenges < 5; challenges++) {
      server.say(CHALLENGE)
      await pass(20_000)
    }
    expect([server.gets().length, server.posts().length, errors]).toEqual([1, 5, []])
  })
})
