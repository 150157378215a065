// docs/protocol.md, "Answers other than a stream": of several faults, the first in the table is answered. Each request
// has every fault from its answer on down.

import { afterEach, describe, expect, it } from 'vitest'
import { HttpScene, respond } from '../support/http-scene.ts'

const BAD = 'Bearer no.good.token'
let scene: HttpScene

afterEach(() => scene.close())

/** The code of an answer that is no stream. */
async function codeOf(answer: Promise<{ text: () => string; ended: Promise<number> }>): Promise<string> {
  const { text, ended } = await answer
  await ended
  return JSON.parse(text()).code
}

describe('a GET', () => {
  const wrong = { authorization: BAD, accept: 'text/html' }

  it('with every fault is answered by path, method, limit, token, Accept, parameter, in this order', async () => {
    scene = await HttpScene.open({ sse: { streamsMax: 1 } })
    const last = '/events?from=tomorrow&since=never'
    expect(await codeOf(scene.get(last, wrong))).toBe('FKS_TOKEN_INVALID')
    expect(await codeOf(scene.get(last, { accept: 'text/html' }))).toBe('FKS_NOT_ACCEPTABLE')
    const from = scene.get(last)
    expect(await codeOf(from)).toBe('FKS_PARAMETER_INVALID')
    expect((await from).text()).toContain('from is')
    await scene.get()
    expect(await codeOf(scene.get(last, wrong))).toBe('FKS_BUSY')
    expect(await codeOf(respond(scene.connect(), { ...wrong, ':path': last, ':method': 'PUT' }))).toBe(
      'FKS_METHOD_NOT_ALLOWED',
    )
    expect((await respond(scene.connect(), { ...wrong, ':path': '/nowhere', ':method': 'PUT' })).status).toBe(
      404,
    )
  })

  it('of a subject at its limit is answered so before Accept, and after the token', async () => {
    scene = await HttpScene.open({ sse: { streamsPerSubjectMax: 1 } })
    await scene.get()
    expect(await codeOf(scene.get('/events?from=tomorrow', wrong))).toBe('FKS_TOKEN_INVALID')
    expect(await codeOf(scene.get('/events?from=tomorrow', { accept: 'text/html' }))).toBe('FKS_BUSY')
  })
})

describe('a POST', () => {
  it('with every fault is answered by token, content type, body, stream, in this order, at any limit', async () => {
    scene = await HttpScene.open({ sse: { streamsMax: 1 } })
    const holder = `Bearer ${scene.token(60, { sub: 'another' })}`
    await scene.get('/events', { authorization: holder })
    const authorization = `Bearer ${scene.token()}`
    const type = { 'content-type': 'text/plain' }
    expect(await codeOf(scene.post({ authorization: BAD, ...type }, 'x'))).toBe('FKS_TOKEN_INVALID')
    expect(await codeOf(scene.post({ authorization, ...type }, 'x'))).toBe('FKS_MEDIA_TYPE_UNSUPPORTED')
    expect(await codeOf(scene.post({ authorization }, 'x'))).toBe('FKS_BODY_NOT_EMPTY')
    expect(await codeOf(scene.post({ authorization }))).toBe('FKS_NO_STREAM')
    expect((await scene.post({ authorization: holder })).status).toBe(204)
  })
})
