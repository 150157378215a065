// Answers of the server that are final for the client, and those that are not.

import { describe, expect, it } from 'vitest'
import { forThisTest } from '../../support/scene.ts'
import { pass } from '../../support/time.ts'
import { ClientScene, status } from './client-scene.ts'

const open = () => forThisTest(ClientScene.open())

describe('the client', () => {
  it('tries a fresh token once after a 403; the second in a row is final', async () => {
    const scene = await open()
    const { server, errors } = scene
    server.answers = [() => status(403)]
    const { closed } = scene.connect()
    await pass(60_000)
    expect(server.gets().map(({ headers }) => headers.authorization)).toEqual([
      'Bearer token-1',
      'Bearer token-2',
    ])
    expect(errors.map(({ final }) => final)).toEqual([false, true])
    expect(await closed).toMatchObject({ code: 'unauthorized', status: 403 })
  })

  it('forgets a refused token once one was taken', async () => {
    const scene = await open()
    const { server } = scene
    server.answers = [() => status(401), () => server.stream(), () => status(401), () => server.stream()]
    scene.connect()
    await pass(10_000)
    server.breakOff()
    await pass(60_000)
    expect(scene.stream?.state).toBe('open')
  })

  it.each([204, 302, 400, 404, 405, 406, 410, 0])('takes a %i for final', async (code) => {
    const scene = await open()
    const { server } = scene
    server.answers = [() => status(code)]
    const { closed } = scene.connect()
    await pass(60_000)
    expect(await closed).toMatchObject({ code: 'refused', status: code })
    expect(server.requests).toHaveLength(1)
  })

  describe('says why it was refused, in the words of the server', () => {
    const JSON_TYPE = 'application/json; charset=utf-8'
    const error = (message: string, code = 'FKS_PARAMETER_INVALID') => JSON.stringify({ code, message })

    async function messageAfter(body: string, { code = 400, type = JSON_TYPE, ends = true } = {}) {
      const scene = await open()
      const { server } = scene
      server.answers = [
        () => {
          const response = server.stream(body)
          if (ends) server.end()
          return Object.assign(response, { status: code, headers: new Headers({ 'content-type': type }) })
        },
      ]
      const { closed } = scene.connect()
      await pass(60_000)
      return (await closed)?.message
    }

    it.each([
      [400, 'The server answered 400: key is empty'],
      [403, 'The token was refused with 403: key is empty'],
      [404, 'The server answered 404: key is empty'],
    ])('after a %i', async (code, words) => {
      expect(await messageAfter(error('key is empty'), { code })).toBe(words)
    })

    it.each([
      ['another program’s error', error('key is empty', 'E_NOTHING'), {}],
      ['no object', '"FKS_"', {}],
      ['no JSON', '{"code":"FKS_X","message":"', {}],
      ['a message that is no text', '{"code":"FKS_X","message":[1]}', {}],
      ['the token', error('no right for token-1'), {}],
      ['a control character', error('two\nlines'), {}],
      ['too long a message', error('x'.repeat(201)), {}],
      ['a body without a byte', '', { ends: false }],
    ])('and not of %s', async (_, body, how) => {
      expect(await messageAfter(body, how)).toBe('The server answered 400')
    })
  })

  it('takes another content type for final, and a parameter for none', async () => {
    const scene = await open()
    const { server } = scene
    server.answers = [
      () => Object.assign(server.stream(), { headers: new Headers({ 'content-type': 'text/html' }) }),
    ]
    expect(await scene.connect().closed).toMatchObject({ code: 'not-an-event-stream' })
    server.answers = [
      () => {
        const response = server.stream()
        const headers = new Headers({ 'content-type': 'Text/Event-Stream; charset=utf-8' })
        return Object.assign(response, { headers })
      },
    ]
    scene.connect()
    await pass()
    expect(scene.stream?.state).toBe('open')
  })

  it('ends with an event that is too large, which would only come again, after what came before it', async () => {
    const scene = await open()
    const { server, events } = scene
    server.answers = [() => server.stream(`data:1\nid:a\n\ndata:${'x'.repeat(200)}\n\n`)]
    const { closed } = scene.connect({ eventLengthMax: 100 })
    await pass(60_000)
    expect(await closed).toMatchObject({ code: 'event-too-large' })
    expect(events).toHaveLength(1)
    expect(server.requests).toHaveLength(1)
  })
})
