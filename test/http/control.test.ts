// What clients get for a stream and for a renewal by what the control topic allows: docs/control-topic.md.

import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Control } from '../../src/control/control.ts'
import type { Renewal } from '../../src/stream/holders.ts'
import { HttpScene } from '../support/http-scene.ts'
import { nowSeconds } from '../support/keys-and-tokens.ts'
import { forThisTest } from '../support/scene.ts'
import { eventually, until } from '../support/time.ts'

/** A control topic in memory. */
class ControlInMemory implements Control {
  words: string | null = null
  /** Kafka takes what is written. */
  isWritable = true
  readonly handed: Renewal[] = []

  trouble(): string | null {
    return this.words
  }

  async renew(renewal: Renewal): Promise<void> {
    this.handed.push(renewal)
    if (!this.isWritable) throw new Error('not written')
  }
}

describe('with a control topic', () => {
  let control: ControlInMemory
  let scene: HttpScene

  beforeEach(async () => {
    control = new ControlInMemory()
    scene = await forThisTest(HttpScene.open({ control }))
  })

  async function renew(seconds = 60, claims: Record<string, unknown> = {}) {
    const authorization = `Bearer ${scene.token(seconds, claims)}`
    const { status, headers, text, ended } = await scene.post({ authorization })
    await ended
    return {
      status,
      retryAfter: headers['retry-after'],
      code: text() === '' ? null : JSON.parse(text()).code,
    }
  }

  it('a renewal that finds no stream here is handed over: 202, without a body', async () => {
    expect(await renew()).toEqual({ status: 202, retryAfter: undefined, code: null })
    const [renewal] = control.handed
    expect(renewal).toMatchObject({ route: '/events', params: '[]', granted: expect.any(String) })
    expect(renewal?.session).toMatchObject({ subject: 'example', sessionId: null, client: null })
  })

  it('a renewal that finds one is 204, and handed over all the same', async () => {
    await scene.get()
    expect((await renew()).status).toBe(204)
    expect(control.handed.length).toBe(1)
  })

  it('a renewal that cannot be handed over is 204 if it found one here, else 503 with a time to come again', async () => {
    control.isWritable = false
    const refused = await renew()
    expect(refused).toMatchObject({ status: 503, code: 'FKS_CONTROL_UNWRITABLE' })
    expect(Number(refused.retryAfter)).toBeGreaterThanOrEqual(5)
    await scene.get()
    expect((await renew()).status).toBe(204)
  })

  it('a renewal without a subject is of this replica alone: 404', async () => {
    expect(await renew(60, { sub: undefined })).toMatchObject({ status: 404, code: 'FKS_NO_STREAM' })
    expect(control.handed).toEqual([])
  })

  it('a renewal that is refused is not handed over', async () => {
    expect((await renew(60, { scope: 'other' })).status).toBe(403)
    expect((await renew(-60)).status).toBe(401)
    expect(
      (await scene.post({ authorization: `Bearer ${scene.token()}`, 'content-type': 'text/plain' })).status,
    ).toBe(415)
    expect(control.handed).toEqual([])
  })

  it('a stream is 503 while it is not known what was revoked, before any look at its token', async () => {
    control.words = 'not read'
    const { status, headers, text } = await scene.get('/events', { authorization: 'Bearer x' })
    await eventually(() => expect(JSON.parse(text()).code).toBe('FKS_CONTROL_UNREAD'))
    expect(status).toBe(503)
    expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(5)
  })

  it('an EventSource is told to come again, since it never would after a 503', async () => {
    control.words = 'not read'
    const stream = await scene.get('/events', { accept: 'text/event-stream' })
    expect(stream.status).toBe(200)
    expect(await stream.ended).toBe(0)
    expect(stream.text()).toMatch(/^retry:\d+\n\n:end busy\n\n$/)
  })

  it('a renewal is 503 then, so that no revoked session is renewed, and the stream goes on', async () => {
    const stream = await scene.get()
    control.words = 'silent'
    expect(await renew()).toMatchObject({ status: 503, code: 'FKS_CONTROL_UNREAD' })
    expect(stream.stream.closed).toBe(false)
    expect(control.handed).toEqual([])
    control.words = null
    expect((await renew()).status).toBe(204)
  })

  it('a renewal is 503 whose body ends only after it went silent', async () => {
    const cleartext = await forThisTest(HttpScene.open({ control, isTls: false }))
    const stream = await cleartext.getHttp1()
    const renewal = request({
      ...{ host: '127.0.0.1', port: cleartext.port, path: '/events', method: 'POST' },
      headers: {
        'content-type': 'application/x-challenge-response',
        authorization: `Bearer ${cleartext.token()}`,
        'transfer-encoding': 'chunked',
      },
    })
    renewal.flushHeaders()
    await until(() => cleartext.lines.some((line) => line.includes('"POST"')))
    control.words = 'silent'
    renewal.end()
    const [response]: IncomingMessage[] = await once(renewal, 'response')
    response?.resume()
    expect(response?.statusCode).toBe(503)
    expect(stream.response.closed).toBe(false)
    expect(control.handed).toEqual([])
  })

  it('a renewal is 503, too, where the table of revocations has no room', async () => {
    const stream = await scene.get()
    vi.spyOn(scene.app.kafkaSseStreams.revocations, 'isFull', 'get').mockReturnValue(true)
    const refused = await renew()
    expect(refused).toMatchObject({ status: 503, code: 'FKS_REVOCATIONS_FULL' })
    expect(Number(refused.retryAfter)).toBeGreaterThanOrEqual(5)
    expect(stream.stream.closed).toBe(false)
    expect(control.handed).toEqual([])
  })

  it('a renewal by a revoked token is 401, and handed to no other replica', async () => {
    const token = scene.token(60, { iat: nowSeconds() - 10 })
    await scene.app.kafkaSseStreams.revoke({ sub: 'example' })
    expect((await scene.post({ authorization: `Bearer ${token}` })).status).toBe(401)
    expect(control.handed).toEqual([])
  })
})
