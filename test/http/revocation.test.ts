// A revocation on a real server: open streams end, tokens that were accepted before are refused, newer ones are not.

import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import kafkaSse from '../../src/plugin.ts'
import { Streams } from '../../src/stream/streams.ts'
import { RedeemedTickets } from '../../src/tickets/redeemed-tickets.ts'
import { SealedTickets } from '../../src/tickets/sealed-tickets.ts'
import { Tickets } from '../../src/tickets/tickets.ts'
import { Revocations } from '../../src/token/revocations.ts'
import { type H2Response, HttpScene, respond } from '../support/http-scene.ts'
import { nowSeconds } from '../support/keys-and-tokens.ts'
import { LogLines } from '../support/printed.ts'
import { forThisTest } from '../support/scene.ts'
import { eventually } from '../support/time.ts'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const isOpen = ({ text }: H2Response) => eventually(() => expect(text()).toContain(':ready\n\n'))

describe('a revocation', () => {
  it('ends the streams of the user on every connection, and refuses their tokens', async () => {
    const scene = await forThisTest(HttpScene.open())
    const old = scene.token(60, { iat: nowSeconds() - 10 })
    const other = scene.token(60, { iat: nowSeconds() - 10, sub: 'bob' })
    const streams = await Promise.all([0, 1].map(() => scene.get('/events', bearer(old))))
    const kept = await scene.get('/events', bearer(other))
    await Promise.all([...streams, kept].map(isOpen))
    const startedAtMs = performance.now()
    await scene.app.kafkaSseStreams.revoke({ sub: 'example' })
    expect(await Promise.all(streams.map(({ ended }) => ended))).toEqual([0, 0])
    expect(performance.now() - startedAtMs).toBeLessThan(1000)
    for (const { text } of streams) expect(text()).toMatch(/:end revoked\n\n$/)
    expect(kept.stream.closed).toBe(false)

    const refused = [await scene.get('/events', bearer(old)), await scene.post(bearer(old))]
    for (const answer of refused) {
      await answer.ended
      expect(answer.status).toBe(401)
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="kafka-sse", error="invalid_token"')
      expect(JSON.parse(answer.text()).code).toBe('FKS_TOKEN_INVALID')
    }
    expect(scene.lines.filter((line) => JSON.parse(line).check === 'revoked')).toHaveLength(2)
    expect((await scene.get('/events', bearer(scene.token(60)))).status).toBe(401)
    const newer = scene.token(60, { iat: nowSeconds() + 1 })
    expect((await scene.get('/events', bearer(newer))).status).toBe(200)
    expect((await scene.get('/events', bearer(other))).status).toBe(200)
  })

  it.each([
    ['its session', { sid: 's1' }],
    ['the token itself', { jti: 't1' }],
    ['the client', { client: 'web' }],
  ])('by %s ends what has that name alone', async (_, name) => {
    const scene = await forThisTest(HttpScene.open())
    const iat = nowSeconds() - 10
    const named = await scene.get(
      '/events',
      bearer(scene.token(60, { iat, sid: 's1', jti: 't1', azp: 'web' })),
    )
    const others = await scene.get(
      '/events',
      bearer(scene.token(60, { iat, sid: 's2', jti: 't2', azp: 'app' })),
    )
    await Promise.all([named, others].map(isOpen))
    await scene.app.kafkaSseStreams.revoke(name)
    expect(await named.ended).toBe(0)
    expect(others.stream.closed).toBe(false)
  })

  it('refuses the tickets of the user, which hold no token', async () => {
    const sealed = new SealedTickets([Buffer.alloc(32, 7)])
    const redeem = new RedeemedTickets(Date.now).redeem
    const tickets = new Tickets({ sealed, redeem, epochMs: Date.now })
    const scene = await forThisTest(HttpScene.open({ tickets }))
    const session = scene.connect()
    const ticketOf = async (claims: Record<string, unknown>) => {
      const authorization = `Bearer ${scene.token(60, { iat: nowSeconds() - 10, ...claims })}`
      const headers = { ':method': 'POST', ':path': '/events/ticket', authorization }
      const answer = await respond(session, headers)
      await answer.ended
      return JSON.parse(answer.text()).ticket
    }
    const [mine, theirs] = [await ticketOf({}), await ticketOf({ sub: 'bob' })]
    await scene.app.kafkaSseStreams.revoke({ sub: 'example' })
    const use = (ticket: string) => respond(session, { ':path': `/events?ticket=${ticket}` })
    expect([(await use(mine)).status, (await use(theirs)).status]).toEqual([401, 200])
    expect(scene.lines.some((line) => JSON.parse(line).check === 'revoked')).toBe(true)
  })

  it('that cannot be meant rejects and says why', async () => {
    const scene = await forThisTest(HttpScene.open())
    await expect(scene.app.kafkaSseStreams.revoke({})).rejects.toMatchObject({
      code: 'FKS_REVOCATION_INVALID',
      message: 'a revocation names one of sub, sid, jti and client',
    })
  })
})

describe('a table of revocations that is full', () => {
  it('answers new streams 503, or as a stream that ends, renews none, and ends none', async () => {
    const scene = await forThisTest(HttpScene.open())
    const stream = await scene.get('/events', bearer(scene.token(30)))
    await isOpen(stream)
    const full = vi.spyOn(Revocations.prototype, 'isFull', 'get').mockReturnValue(true)
    onTestFinished(() => full.mockRestore())
    const refused = await scene.get()
    await refused.ended
    expect(refused.status).toBe(503)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(5)
    expect(JSON.parse(refused.text()).code).toBe('FKS_REVOCATIONS_FULL')
    const asStream = await scene.get('/events', { accept: 'text/event-stream' })
    await asStream.ended
    expect([asStream.status, asStream.text()]).toEqual([200, expect.stringMatching(/:end busy\n\n$/)])
    const renewal = await scene.post(bearer(scene.token(60)))
    await renewal.ended
    expect([renewal.status, JSON.parse(renewal.text()).code]).toEqual([503, 'FKS_REVOCATIONS_FULL'])
    expect(stream.stream.closed).toBe(false)
  })
})

describe('a session of a host', () => {
  it('is revoked by the name that the host has given it, and refused unless it was issued since', async () => {
    const log = new LogLines()
    const app = fastify({ forceCloseConnections: true, logger: { level: 'info', stream: log.stream } })
    onTestFinished(() => app.close())
    let issuedAt: Date | undefined = new Date()
    await app.register(kafkaSse, {
      kafka: { bootstrapServers: '127.0.0.1:1' },
      auth: {
        authenticate: () => ({
          subject: 'alice',
          expiresAt: Date.now() + 60_000,
          ...(issuedAt && { issuedAt }),
        }),
      },
      streams: [{ path: '/events', topic: 'events' }],
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/events`
    const stream = await fetch(url)
    await app.kafkaSse.revoke({ sub: 'alice' })
    expect(await stream.text()).toContain(':end revoked\n\n')
    const refused = await fetch(url)
    expect(refused.status).toBe(401)
    expect(await refused.json()).toMatchObject({ code: 'FKS_NOT_AUTHENTICATED' })
    issuedAt = undefined
    expect((await fetch(url)).status).toBe(401)
    const [dated, undated] = log.of('session refused')
    expect([dated, undated]).toMatchObject([{ check: 'revoked' }, { check: 'revoked' }])
    const reason = 'it has no issuedAt, so that it may be from before the revocation'
    expect([dated, undated]).toMatchObject([expect.not.objectContaining({ reason }), { reason }])
    issuedAt = new Date(Date.now() + 1000)
    const again = await fetch(url)
    expect(again.status).toBe(200)
    await again.body?.cancel()
  })

  it('is refused if it outlives what a revocation is remembered for', async () => {
    const log = new LogLines()
    const app = fastify({ forceCloseConnections: true, logger: { level: 'info', stream: log.stream } })
    onTestFinished(() => app.close())
    let session = { subject: 'alice', issuedAt: Date.now() - 3_000_000, expiresAt: Date.now() + 600_000 }
    await app.register(kafkaSse, {
      kafka: { bootstrapServers: '127.0.0.1:1' },
      auth: { authenticate: () => session, lifetimeSecondsMax: 3_600 },
      streams: [{ path: '/events', topic: 'events' }],
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/events`
    const good = await fetch(url)
    expect(good.status).toBe(200)
    await good.body?.cancel()
    session = { ...session, expiresAt: session.expiresAt + 1 }
    expect((await fetch(url)).status).toBe(401)
    expect(log.of('session refused')).toMatchObject([{ check: 'lifetime' }])
    const revoked = vi.spyOn(Streams.prototype, 'revokeEverywhere')
    onTestFinished(() => revoked.mockRestore())
    await app.kafkaSse.revoke({ sub: 'alice' })
    const { untilMs = 0, beforeMs = 0 } = revoked.mock.calls[0]?.[0] ?? {}
    expect(untilMs - beforeMs).toBe(3_600_000 + 360_000)
  })
})
