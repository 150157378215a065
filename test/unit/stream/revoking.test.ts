// Revocations end the streams that they name, refuse such sessions from then on, and win over renewals in any order.

import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { RevokedStreams } from '../../../src/stream/drain.ts'
import type { Revocation } from '../../../src/token/revocation.ts'
import type { Session } from '../../../src/token/session.ts'
import { type MemorySink, StreamsScene, said, sessionFor } from '../../support/streams-scene.ts'
import { pass, useFakeTime } from '../../support/time.ts'

const ISSUER = 'https://auth.example.com'
const HOUR_MS = 3_600_000

useFakeTime()

const of = (changes: Partial<Revocation> = {}): Revocation => ({
  issuer: ISSUER,
  on: { sub: 'example' },
  beforeMs: Date.now(),
  untilMs: Date.now() + HOUR_MS,
  jti: null,
  reason: null,
  ...changes,
})
const issued = (agoMs: number, changes: Partial<Session> = {}, seconds = 60): Session =>
  sessionFor(seconds, { issuedAtMs: Date.now() - agoMs, ...changes })
const isRevoked = (sink: MemorySink) => sink.text.endsWith(':end revoked\n\n')

describe('a revocation', () => {
  it.each<[string, Revocation['on'], Partial<Session>]>([
    ['a subject', { sub: 'alice' }, { subject: 'alice' }],
    ["a provider's session", { sid: 's1' }, { sessionId: 's1' }],
    ['a token', { jti: 't1' }, { tokenId: 't1' }],
    ['a client', { client: 'web' }, { client: 'web' }],
  ])('of %s ends its streams cleanly, within 10 ms, and no others', async (_, on, named) => {
    const scene = new StreamsScene()
    const sinks = [0, 1].map(() => scene.open({ session: issued(1000, named) }))
    const other = scene.open({ session: issued(1000, { subject: 'bob', sessionId: 's2', tokenId: 't2' }) })
    const elsewhere = scene.open({ session: issued(1000, { ...named, issuer: 'https://b.example' }) })
    await pass(100)
    scene.streams.revokeHere(of({ on }))
    await pass(10)
    for (const sink of sinks) {
      expect(said(sink)).toBe(':ready\n\n:end revoked\n\n')
      expect(sink.ended).toBe('clean')
    }
    expect([other.ended, elsewhere.ended]).toEqual([null, null])
    expect(scene.streams.figures.streamsEnded.revoked).toBe(2)
    expect(scene.streams.figures.streamsOpen).toBe(2)
  })

  it('says so as an event, if signals are asked for', async () => {
    const scene = new StreamsScene()
    const sink = scene.open({ signals: true })
    scene.streams.revokeHere(of())
    await pass(10)
    expect(sink.text).toContain(':end revoked\nevent:end\ndata:{"reason":"revoked","reconnect":true}\n\n')
  })

  it('ends streams whose token was issued in its second or earlier, or does not say when', async () => {
    const scene = new StreamsScene()
    await pass(500)
    const sinks = [-400, -600, 0, 5000, null].map((agoMs) => {
      const issuedAtMs = agoMs === null ? null : Date.now() - agoMs
      return scene.open({ session: sessionFor(60, { issuedAtMs }) })
    })
    scene.streams.revokeHere(of())
    await pass(10)
    expect(sinks.map(isRevoked)).toEqual([true, false, true, true, true])
  })

  it('counts for the present token of a stream, not for those that it replaced', async () => {
    const scene = new StreamsScene()
    const sink = scene.open({ session: issued(5000, { tokenId: 't1' }) })
    expect(scene.renew({ session: issued(1000, { tokenId: 't2' }, 120) })).toBe(1)
    scene.streams.revokeHere(of({ on: { jti: 't1' } }))
    scene.streams.revokeHere(of({ beforeMs: Date.now() - 2000 }))
    await pass(10)
    expect(sink.ended).toBe(null)
    scene.streams.revokeHere(of({ on: { jti: 't2' } }))
    await pass(10)
    expect(isRevoked(sink)).toBe(true)
  })

  it('wins over a renewal that comes after it', async () => {
    const scene = new StreamsScene()
    const sink = scene.open({ session: issued(5000) })
    scene.streams.revokeHere(of({ beforeMs: Date.now() - 6000 }))
    expect(scene.renewal({ session: issued(6000, {}, 120) })).toEqual({ renewed: 0, others: 0 })
    await pass(61_000)
    expect(sink.text.endsWith(':end expired\n\n')).toBe(true)
  })

  it('leaves a stream that is renewed before its turn by a token that is not revoked', async () => {
    const scene = new StreamsScene()
    const sinks = [scene.open({ session: issued(5000) }), scene.open({ session: issued(5000, {}, 600) })]
    scene.streams.revokeHere(of({ beforeMs: Date.now() - 2000 }))
    scene.renew({ session: issued(1000, {}, 120) })
    await pass(10)
    expect(sinks.map(isRevoked)).toEqual([false, true])
  })

  it('of one name twice in a turn counts with the later moment', async () => {
    const scene = new StreamsScene()
    const sinks = [5000, 3000, 1000].map((agoMs) => scene.open({ session: issued(agoMs) }))
    for (const agoMs of [4000, 2000, 4000]) scene.streams.revokeHere(of({ beforeMs: Date.now() - agoMs }))
    await pass(10)
    expect(sinks.map(isRevoked)).toEqual([true, true, false])
  })

  it('refuses a stream whose request waited while it came', async () => {
    const scene = new StreamsScene()
    const session = issued(5000)
    scene.streams.revokeHere(of())
    const sink = scene.open({ session })
    await pass(10)
    expect(said(sink)).toBe(':end revoked\n\n')
    expect(scene.streams.figures.streamsOpen).toBe(0)
  })

  it('is asked for by name: the issuer and the moment are found by themselves', async () => {
    const scene = new StreamsScene()
    const sinks = [scene.open({ session: issued(0) }), scene.open({ session: issued(-1000) })]
    await scene.streams.revoke({ sub: 'example' })
    await pass(10)
    expect(sinks.map(isRevoked)).toEqual([true, false])
    await expect(scene.streams.revoke({ sub: 'a', sid: 'b' })).rejects.toThrow(
      'one of sub, sid, jti and client',
    )
  })

  it('leaves nothing behind of streams that are over', async () => {
    const scene = new StreamsScene()
    const sink = scene.open({ session: issued(1000, { sessionId: 's1', tokenId: 't1', client: 'web' }) })
    scene.renew({ session: issued(500, { sessionId: 's1', tokenId: 't2', client: 'web' }, 120) })
    sink.close('cancelled')
    const add = vi.spyOn(RevokedStreams.prototype, 'add')
    onTestFinished(() => add.mockRestore())
    for (const on of [{ sub: 'example' }, { sid: 's1' }, { jti: 't1' }, { jti: 't2' }, { client: 'web' }])
      scene.streams.revokeHere(of({ on }))
    expect(add).not.toHaveBeenCalled()
  })

  it('has no room in a table that is full, which opens no more streams and says why', async () => {
    const scene = new StreamsScene(undefined, { revocationsMax: 1 })
    expect(await scene.streams.refusal('::1')).toBe(null)
    const sink = scene.open({ session: issued(0, { subject: 'bob' }) })
    scene.streams.revokeHere(of())
    expect(await scene.streams.refusal('::1')).toBe(null)
    scene.streams.revokeHere(of({ on: { sub: 'bob' } }))
    expect(await scene.streams.refusal('::1')).toBe('revocations')
    await pass(10)
    expect(isRevoked(sink)).toBe(true)
    await pass(HOUR_MS)
    expect(await scene.streams.refusal('::1')).toBe(null)
  })
})

describe('a revocation that there is no room for', () => {
  it('lets no session in that was authenticated before it, for it may be one of them', async () => {
    const scene = new StreamsScene(undefined, { revocationsMax: 1 })
    const session = issued(0, { subject: 'bob' })
    const place = await scene.streams.admit('::1', session)
    scene.streams.revokeHere(of())
    scene.streams.revokeHere(of({ on: { sub: 'bob' } }))
    expect(await scene.streams.admit('::1', session)).toBe(null)
    const sink = scene.open({ session, ...(place && { admitted: place }) })
    await pass(10)
    expect(sink.text).toMatch(/:end busy\n\n$/)
    expect(scene.streams.figures).toMatchObject({ streamsOpen: 0, streamsEnded: { busy: 1 } })
  })
})

describe('a revocation of a session that a host made', () => {
  it('leaves its place in the table when no such session can be left', async () => {
    const scene = new StreamsScene(undefined, { revocationsMax: 1, lifetimes: HOUR_MS })
    await scene.streams.revoke({ sub: 'alice' })
    await pass(HOUR_MS + 360_000)
    await scene.streams.revoke({ sub: 'bob' })
    expect(await scene.streams.refusal('::1')).toBe(null)
    await scene.streams.revoke({ sub: 'carol' })
    expect(await scene.streams.refusal('::1')).toBe('revocations')
  })
})

describe('streams, revocations and renewals', () => {
  const second = fc.integer({ min: 0, max: 6 })
  const id = fc.constantFrom('a', 'b')
  const names = fc.record({ sessionId: fc.option(id), tokenId: fc.option(id), client: fc.option(id) })
  const on = fc.oneof(
    fc.record({ sid: id }),
    fc.record({ jti: id }),
    fc.record({ client: id }),
    fc.constant({ sub: 'example' }),
  )
  const step = fc.oneof(
    fc.record({ open: fc.record({ issued: second, names }) }),
    fc.record({ renew: fc.record({ issued: second, seconds: fc.integer({ min: 30, max: 90 }), names }) }),
    fc.record({ revoke: fc.record({ before: second, on }) }),
  )

  it('leave no stream open whose present token a revocation names, in any order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const scene = new StreamsScene(undefined, { renewBy: 'subject', streamsPerSubjectMax: 100 })
        const startMs = Date.now()
        const at = (seconds: number) => startMs - 10_000 + seconds * 1000
        const revocations: Revocation[] = []
        /** With its session, by the contract: a renewal that ends later replaces it, unless it is refused itself. */
        const opened: { sink: MemorySink; session: Session; hasEnded: boolean }[] = []
        const isNamed = (session: Session, revocation: Revocation) => {
          const { sessionId, tokenId, client, subject, issuedAtMs } = session
          const has = { sub: subject, sid: sessionId, jti: tokenId, client }
          const [[kind, name] = ['', '']] = Object.entries(revocation.on)
          return has[kind as keyof typeof has] === name && (issuedAtMs ?? 0) <= revocation.beforeMs
        }
        const isRefused = (session: Session) => revocations.some((each) => isNamed(session, each))
        for (const one of steps) {
          if ('open' in one) {
            const session = sessionFor(60, { ...one.open.names, issuedAtMs: at(one.open.issued) })
            opened.push({ sink: scene.open({ session }), session, hasEnded: isRefused(session) })
          } else if ('renew' in one) {
            const { seconds, issued: issuedAt, names: named } = one.renew
            const session = sessionFor(seconds, { ...named, issuedAtMs: at(issuedAt) })
            scene.renewal({ session })
            for (const stream of opened)
              if (!isRefused(session) && session.expiresAtMs > stream.session.expiresAtMs && !stream.hasEnded)
                stream.session = session
          } else {
            const revocation = of({ on: one.revoke.on, beforeMs: at(one.revoke.before) })
            revocations.push(revocation)
            scene.streams.revokeHere(revocation)
            for (const stream of opened) stream.hasEnded ||= isNamed(stream.session, revocation)
            await pass(1)
          }
        }
        await pass(10)
        expect(opened.map(({ sink }) => isRevoked(sink))).toEqual(opened.map(({ hasEnded }) => hasEnded))
        for (const { session, hasEnded } of opened) if (!hasEnded) expect(isRefused(session)).toBe(false)
        const closed = scene.streams.close()
        await pass(200)
        await closed
      }),
    )
  })
})
