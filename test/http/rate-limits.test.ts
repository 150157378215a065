// Too many connects, renewals and bad signatures: what a client gets, what is counted, and who is not affected.

import { once } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { RedeemedTickets } from '../../src/tickets/redeemed-tickets.ts'
import { SealedTickets } from '../../src/tickets/sealed-tickets.ts'
import { Tickets } from '../../src/tickets/tickets.ts'
import { HttpScene, type SceneOptions } from '../support/http-scene.ts'
import { exampleClaims, makeKey, mintToken, nowSeconds } from '../support/keys-and-tokens.ts'

let scene: HttpScene
/** One connection for all: a rate is by the second, and a handshake takes some of it. */
let session: ReturnType<HttpScene['connect']>

afterEach(async () => {
  await scene.close()
})

async function open(sse: SceneOptions['sse'] = {}, more: SceneOptions = {}): Promise<void> {
  scene = await HttpScene.open({
    ...more,
    sse: { streamsPerSubjectMax: 1, streamsPerAddressMax: 1, streamsMax: 1, ...sse },
  })
  session = scene.connect()
  await once(session, 'remoteSettings')
}

const limited = () => scene.app.kafkaSseStreams.figures.limited

function bearer(token: string) {
  return { authorization: `Bearer ${token}` }
}

/** A GET that opens no stream, because the client accepts none: it counts as a connect all the same. */
async function knock(token: string, accept = 'application/json'): Promise<number> {
  const { status } = await scene.get('/events', { accept, ...bearer(token) }, session)
  return status
}

/** A token that another key has signed, under the name of the right one. */
function forged(subject = 'example'): string {
  return mintToken(makeKey('ES256'), {
    claims: { ...exampleClaims(), sub: subject, exp: nowSeconds() + 60 },
  })
}

describe('too many connects', () => {
  it('of one subject are 429 with Retry-After, and other subjects are not affected', async () => {
    await open({ connectsPerSecondPerSubjectMax: 1 })
    const alice = scene.token(60, { sub: 'alice' })
    expect([await knock(alice), await knock(alice)]).toEqual([406, 406])
    const refused = await scene.get('/events', { accept: '*/*', ...bearer(alice) }, session)
    expect(refused.status).toBe(429)
    await refused.ended
    expect(JSON.parse(refused.text())).toMatchObject({ code: 'FKS_TOO_MANY_REQUESTS', statusCode: 429 })
    const seconds = Number(refused.headers['retry-after'])
    expect(seconds).toBeGreaterThanOrEqual(5)
    expect(seconds).toBeLessThanOrEqual(30)
    expect(await knock(scene.token(60, { sub: 'bob' }))).toBe(406)
    expect(limited()).toMatchObject({ 'connects-subject': 1, 'connects-address': 0 })
    expect(scene.app.kafkaSseStreams.figures.refusals.FKS_TOO_MANY_REQUESTS).toBe(1)
  })

  it('of one address are refused before any token is read', async () => {
    await open({ connectsPerSecondPerAddressMax: 1 })
    expect([await knock('x'), await knock('y')]).toEqual([401, 401])
    expect(await knock('z')).toBe(429)
    expect(await knock(scene.token())).toBe(429)
    expect(limited()).toMatchObject({ 'connects-address': 2, 'connects-subject': 0 })
  })

  it('are a stream that ends, for a client that names event streams', async () => {
    await open({ connectsPerSecondPerAddressMax: 1 })
    await knock('x')
    await knock('x')
    const headers = { accept: 'text/event-stream', ...bearer(scene.token()) }
    const answer = await scene.get('/events', headers, session)
    expect(answer.status).toBe(200)
    await answer.ended
    expect(answer.text()).toMatch(/^retry:\d{4,5}\n\n:end busy\n\n$/)
  })

  it('are not there again when their time has passed', async () => {
    await open({ connectsPerSecondPerAddressMax: 1 })
    for (let at = 0; at < 2; at++) await knock('x')
    expect(await knock('x')).toBe(429)
    await vi.waitUntil(async () => (await knock('x')) === 401, { timeout: 5000, interval: 100 })
  })
})

describe('too many renewals', () => {
  const renew = async (token: string) => (await scene.post(bearer(token), '', '/events', session)).status

  it('of one subject are 429, and its streams and other subjects go on', async () => {
    await open({ renewalsPerSecondPerSubjectMax: 1 })
    const stream = await scene.get('/events', bearer(scene.token()))
    expect([await renew(scene.token(70)), await renew(scene.token(80))]).toEqual([204, 204])
    const refused = await scene.post(bearer(scene.token(90)), '', '/events', session)
    await refused.ended
    expect([refused.status, JSON.parse(refused.text()).code]).toEqual([429, 'FKS_TOO_MANY_REQUESTS'])
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(5)
    expect(await renew(scene.token(60, { sub: 'bob' }))).toBe(404)
    expect(scene.app.kafkaSseStreams.figures.streamsOpen).toBe(1)
    expect(limited()).toMatchObject({ 'renewals-subject': 1, 'renewals-address': 0 })
    stream.stream.close()
  })

  it('of one address are refused before any token is read, and do not count as connects', async () => {
    await open({ renewalsPerSecondPerAddressMax: 1 })
    expect([await renew('x'), await renew('y'), await renew(scene.token())]).toEqual([401, 401, 429])
    expect(await knock(scene.token())).toBe(406)
    expect(limited()).toMatchObject({ 'renewals-address': 1, 'connects-address': 0 })
  })
})

describe('too many tickets', () => {
  function openWithTickets(sse: SceneOptions['sse']): Promise<void> {
    const sealed = new SealedTickets([Buffer.alloc(32, 7)])
    const { redeem } = new RedeemedTickets(Date.now)
    return open(sse, { tickets: new Tickets({ sealed, redeem, epochMs: Date.now }) })
  }
  const ask = (token: string) => scene.post(bearer(token), '', '/events/ticket', session)
  const asked = async (token: string) => (await ask(token)).status

  it('of one subject are 429 with Retry-After, so that it cannot redeem more; other subjects are not affected', async () => {
    await openWithTickets({ connectsPerSecondPerSubjectMax: 1 })
    const alice = scene.token(60, { sub: 'alice' })
    expect([await asked(alice), await asked(alice)]).toEqual([200, 200])
    const refused = await ask(alice)
    await refused.ended
    expect([refused.status, JSON.parse(refused.text()).code]).toEqual([429, 'FKS_TOO_MANY_REQUESTS'])
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(5)
    expect(await asked(scene.token(60, { sub: 'bob' }))).toBe(200)
    expect(limited()).toMatchObject({ 'tickets-subject': 1, 'connects-subject': 0 })
  })

  it('of one address are refused before any token is read, and do not count as connects', async () => {
    await openWithTickets({ connectsPerSecondPerAddressMax: 1 })
    expect([await asked('x'), await asked('y'), await asked(scene.token())]).toEqual([401, 401, 429])
    expect(await knock(scene.token())).toBe(406)
    expect(limited()).toMatchObject({ 'tickets-address': 1, 'connects-address': 0 })
  })
})

describe('too many bad signatures', () => {
  it('of one address: no further token is verified for it, but those that were go on', async () => {
    await open({ failuresPerSecondPerAddressMax: 1 })
    const known = scene.token(600)
    expect(await knock(known)).toBe(406)
    expect([await knock(forged('a')), await knock(forged('b'))]).toEqual([401, 401])
    expect(await knock(forged('c'))).toBe(429)
    expect(await knock(scene.token(601))).toBe(429)
    expect(await knock(known)).toBe(406)
    expect(limited()['failures-address']).toBe(2)
    await vi.waitUntil(async () => (await knock(scene.token(602))) === 406, { timeout: 5000, interval: 100 })
  })

  it('are not made by one token that is sent again and again, nor by tokens that fail before', async () => {
    await open({ failuresPerSecondPerAddressMax: 1 })
    const bad = forged()
    for (let at = 0; at < 20; at++) expect(await knock(bad)).toBe(401)
    for (let at = 0; at < 20; at++) expect(await knock(scene.token(-60 - at))).toBe(401)
    expect(await knock(forged('another'))).toBe(401)
    expect(limited()['failures-address']).toBe(0)
  })

  it('of a renewal are 429 with Retry-After, too', async () => {
    await open({ failuresPerSecondPerAddressMax: 1 })
    await knock(forged('a'))
    await knock(forged('b'))
    const refused = await scene.post(bearer(forged('c')), '', '/events', session)
    expect(refused.status).toBe(429)
    expect(refused.headers['retry-after']).toBeDefined()
  })

  it('of a ticket that is asked for are the same', async () => {
    const sealed = new SealedTickets([Buffer.alloc(32, 7)])
    const { redeem } = new RedeemedTickets(Date.now)
    const tickets = new Tickets({ sealed, redeem, epochMs: Date.now })
    await open({ failuresPerSecondPerAddressMax: 1 }, { tickets })
    await knock(forged('a'))
    await knock(forged('b'))
    const refused = await scene.post(bearer(forged('c')), '', '/events/ticket', session)
    expect(refused.status).toBe(429)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(5)
  })

  it('are named in the log, without the token', async () => {
    await open({ failuresPerSecondPerAddressMax: 1 })
    const tokens = ['a', 'b', 'c'].map(forged)
    for (const token of tokens) await knock(token)
    const lines = scene.lines.join('')
    expect(lines).toContain('"check":"too many failures"')
    for (const token of tokens) expect(lines).not.toContain(token.split('.')[2])
  })
})
