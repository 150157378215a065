// The end of a renewal's body, for which the server waits if no length is named: one that does not come, one that comes
// while the event loop is held up, and a client that leaves.

import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { HttpScene } from '../support/http-scene.ts'
import { forThisTest } from '../support/scene.ts'
import { until } from '../support/time.ts'

const WAIT_MS = 10_000
const CHALLENGE_RESPONSE = { 'content-type': 'application/x-challenge-response' }

/** Holds back the timer of the wait alone. Resolves with what ends the wait, once it has begun. */
function holdWait(): Promise<() => void> {
  const real = globalThis.setTimeout
  return new Promise((resolve) => {
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(((call: () => void, ms?: number) => {
      if (ms === WAIT_MS) resolve(call)
      return real(call, ms)
    }) as typeof setTimeout)
  })
}

/** A scene in which a subject has one stream open, and its token. */
async function holder(isTls: boolean) {
  const scene = await forThisTest(HttpScene.open({ isTls }))
  if (isTls) expect((await scene.get()).status).toBe(200)
  else expect((await scene.getHttp1()).response.statusCode).toBe(200)
  return { scene, authorization: `Bearer ${scene.token()}` }
}

/** Begins a renewal over HTTP/1.1, up to its body. `answer` is what came in return. */
async function beginHttp1({ scene, authorization }: Awaited<ReturnType<typeof holder>>) {
  const socket = connectTcp(scene.port, '127.0.0.1')
  const renewal = { socket, answer: '' }
  socket.on('data', (bytes) => {
    renewal.answer += bytes
  })
  socket.on('error', () => socket.destroy()) // it may be cut off
  const head = [
    'POST /events HTTP/1.1',
    'host: localhost',
    'transfer-encoding: chunked',
    `authorization: ${authorization}`,
    `content-type: ${CHALLENGE_RESPONSE['content-type']}`,
  ]
  const waiting = holdWait()
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  return Object.assign(renewal, { endWait: await waiting })
}

/** What goes out is with the system when this resolves, and the server has not read it. */
function sent(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.write('0\r\n\r\n')
    process.nextTick(resolve)
  })
}

const errors = (scene: HttpScene) => scene.lines.filter((line) => JSON.parse(line).level >= 50)

afterEach(() => vi.restoreAllMocks())

describe('the body of a renewal', () => {
  it('that has no end counts as one that is not empty, on HTTP/2', async () => {
    const { scene, authorization } = await holder(true)
    const session = scene.connect()
    const waiting = holdWait()
    const headers = { ':method': 'POST', ':path': '/events', authorization, ...CHALLENGE_RESPONSE }
    const stream = session.request(headers, { endStream: false })
    const endWait = await waiting
    endWait()
    const [answer] = await once(stream.resume(), 'response')
    await once(stream, 'close')
    expect([answer[':status'], stream.rstCode]).toEqual([413, 0])
    expect(session.destroyed).toBe(false)
    expect(errors(scene)).toEqual([])
  })

  it('that goes on after its first byte is refused on HTTP/2, and its stream closed', async () => {
    const { scene, authorization } = await holder(true)
    const headers = { ':method': 'POST', ':path': '/events', authorization, ...CHALLENGE_RESPONSE }
    const stream = scene.connect().request(headers, { endStream: false })
    stream.write('[')
    const [answer] = await once(stream.resume(), 'response')
    await once(stream, 'close')
    expect([answer[':status'], stream.rstCode]).toEqual([413, 0])
  })

  it('that has no end counts as one that is not empty, on HTTP/1.1, and ends the connection', async () => {
    const held = await holder(false)
    const renewal = await beginHttp1(held)
    renewal.endWait()
    await once(renewal.socket, 'close')
    expect(renewal.answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(errors(held.scene)).toEqual([])
  })

  it('that has ended is found so, even if the event loop was held up for longer', async () => {
    const renewal = await beginHttp1(await holder(false))
    await sent(renewal.socket)
    renewal.endWait()
    await until(() => renewal.answer !== '')
    expect(renewal.answer).toMatch(/^HTTP\/1\.1 204 /)
    renewal.socket.destroy()
  })

  it('whose sender leaves is no error', async () => {
    const held = await holder(false)
    const renewal = await beginHttp1(held)
    renewal.socket.destroy()
    await until(() => held.scene.lines.some((line) => line.includes('FKS_REQUEST_ABORTED')))
    expect(errors(held.scene)).toEqual([])
  })
})
