// The session that a host’s own `authenticate` returns.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SessionFault, sessionOfHost } from '../../../src/config/host-session.ts'
import { holderOf } from '../../../src/stream/holders.ts'
import { EXPIRY_SECONDS_MAX } from '../../../src/token/claims.ts'
import { DEFAULT_SCOPE } from '../../../src/token/session.ts'

const NOW_MS = Date.UTC(2026, 0, 1)
const SOON_MS = NOW_MS + 60_000
const LEAST = { subject: 'alice', expiresAt: SOON_MS }
const read = (answer: unknown, digest = 'd') => sessionOfHost(answer, NOW_MS, digest)

/** The field that a fault names; fails where there is none. */
function faultyField(answer: unknown): string | null {
  try {
    read(answer)
  } catch (error) {
    if (error instanceof SessionFault) return error.field
    throw error
  }
  throw new Error('it was taken for a session')
}

function fail(): never {
  throw new Error('hunter2')
}

/** A copy by `...` would run the getter. */
function throwing(name: string): object {
  return Object.defineProperty({}, name, { enumerable: true, get: fail })
}

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

describe('a session of a host', () => {
  it('needs a subject and an end, and has a default for all else', () => {
    expect(read(LEAST)).toEqual({
      subject: 'alice',
      expiresAtMs: SOON_MS,
      issuer: '',
      scopes: new Set([DEFAULT_SCOPE]),
      claims: {},
      issuedAtMs: null,
      sessionId: null,
      client: null,
      tokenId: null,
      tokenDigest: 'd',
    })
  })

  it.each([
    ['a date', { expiresAt: new Date(SOON_MS) }, SOON_MS],
    ['epoch ms', { expiresAt: SOON_MS }, SOON_MS],
    ['a fraction, cut off', { expiresAt: SOON_MS + 0.9 }, SOON_MS],
    ['the former name', { expiresAtMs: SOON_MS }, SOON_MS],
    ['the last second of the year 9999', { expiresAt: EXPIRY_SECONDS_MAX * 1000 }, EXPIRY_SECONDS_MAX * 1000],
  ])('takes as its end %s', (_what, end, expiresAtMs) => {
    expect(read({ subject: 'alice', ...end })).toMatchObject({ expiresAtMs })
  })

  it('may say when it was issued, and by what it is named', () => {
    const names = { sessionId: 's1', client: 'web', tokenId: 't1' }
    const issuedAtMs = NOW_MS - 1000
    expect(read({ ...LEAST, ...names, issuedAt: new Date(issuedAtMs) })).toMatchObject({
      ...names,
      issuedAtMs,
    })
    expect(read({ ...LEAST, issuedAt: issuedAtMs })).toMatchObject({ issuedAtMs })
    expect(read({ ...LEAST, issuedAt: NOW_MS + 60_000 })).toMatchObject({ issuedAtMs: NOW_MS + 60_000 })
    const none = { sessionId: null, client: null, tokenId: null }
    expect(read({ ...LEAST, ...none, issuedAt: null })).toMatchObject({ ...none, issuedAtMs: null })
  })

  it.each([
    ['text', 'a  b', ['a', 'b']],
    ['a list', ['a', 'b'], ['a', 'b']],
    ['a set', new Set(['a']), ['a']],
    ['nothing', undefined, [DEFAULT_SCOPE]],
    ['an empty list', [], []],
    ['an empty text', '', []],
  ])('takes as its scopes %s', (_what, scopes, names) => {
    expect(read({ ...LEAST, scopes })?.scopes).toEqual(new Set(names))
  })

  it('is read once: what changes afterwards, or answers otherwise the second time, changes nothing', () => {
    let reads = 0
    const answer = {
      get subject() {
        return ++reads === 1 ? 'alice' : undefined
      },
      expiresAt: new Date(SOON_MS),
      claims: { team: 'a' },
    }
    const session = read(answer)
    answer.expiresAt.setTime(0)
    answer.claims.team = 'b'
    expect(session).toMatchObject({ subject: 'alice', expiresAtMs: SOON_MS, claims: { team: 'a' } })
  })

  it.each([
    ['null', null],
    ['an end that is now', { ...LEAST, expiresAt: NOW_MS }],
    ['an end that was', { ...LEAST, expiresAt: new Date(NOW_MS - 1) }],
    ['an end in seconds', { ...LEAST, expiresAt: Math.floor(SOON_MS / 1000) }],
    ['an end at 0', { ...LEAST, expiresAt: 0 }],
  ])('is none where the answer is %s', (_what, answer) => {
    expect(read(answer)).toBeNull()
  })

  it.each([
    ['nothing', undefined, null],
    ['a text', 'alice', null],
    ['true', true, null],
    ['a list', [LEAST], null],
    ['a function', () => LEAST, null],
    ['an empty object', {}, 'subject'],
    ['no subject', { expiresAt: SOON_MS }, 'subject'],
    ['a subject that is null', { ...LEAST, subject: null }, 'subject'],
    ['an empty subject', { ...LEAST, subject: '' }, 'subject'],
    ['a number as its subject', { ...LEAST, subject: 7 }, 'subject'],
    ['no end', { subject: 'alice' }, 'expiresAt'],
    ['text as its end', { ...LEAST, expiresAt: '2030-01-01' }, 'expiresAt'],
    ['digits as its end', { ...LEAST, expiresAt: String(SOON_MS) }, 'expiresAt'],
    ['NaN as its end', { ...LEAST, expiresAt: Number.NaN }, 'expiresAt'],
    ['Infinity as its end', { ...LEAST, expiresAt: Number.POSITIVE_INFINITY }, 'expiresAt'],
    ['an invalid date', { ...LEAST, expiresAt: new Date('never') }, 'expiresAt'],
    ['a bigint as its end', { ...LEAST, expiresAt: BigInt(SOON_MS) }, 'expiresAt'],
    ['null as its end', { ...LEAST, expiresAt: null }, 'expiresAt'],
    ['an end beyond 9999', { ...LEAST, expiresAt: (EXPIRY_SECONDS_MAX + 1) * 1000 }, 'expiresAt'],
    ['text by the former name', { subject: 'alice', expiresAtMs: 'soon' }, 'expiresAtMs'],
    ['both names', { ...LEAST, expiresAtMs: SOON_MS }, 'expiresAt'],
    ['text as its issue', { ...LEAST, issuedAt: 'now' }, 'issuedAt'],
    ['an issue beyond 9999', { ...LEAST, issuedAt: (EXPIRY_SECONDS_MAX + 1) * 1000 }, 'issuedAt'],
    ['an issue that is over a minute ahead', { ...LEAST, issuedAt: NOW_MS + 60_001 }, 'issuedAt'],
    ['the same by the other name', { ...LEAST, issuedAtMs: NOW_MS + 60_001 }, 'issuedAtMs'],
    ['its issue twice', { ...LEAST, issuedAt: NOW_MS, issuedAtMs: NOW_MS }, 'issuedAt'],
    ['a number as its session', { ...LEAST, sessionId: 7 }, 'sessionId'],
    ['a subject that is too long to be revoked', { ...LEAST, subject: 'x'.repeat(1001) }, 'subject'],
    ['an issuer that is', { ...LEAST, issuer: 'x'.repeat(1001) }, 'issuer'],
    ['a session that is', { ...LEAST, sessionId: 'x'.repeat(1001) }, 'sessionId'],
    ['a client that is', { ...LEAST, client: 'x'.repeat(1001) }, 'client'],
    ['a token that is', { ...LEAST, tokenId: 'x'.repeat(1001) }, 'tokenId'],
    ['an empty client', { ...LEAST, client: '' }, 'client'],
    ['a list as its token', { ...LEAST, tokenId: ['a'] }, 'tokenId'],
    ['a number as its issuer', { ...LEAST, issuer: 7 }, 'issuer'],
    ['null as its scopes', { ...LEAST, scopes: null }, 'scopes'],
    ['an object as its scopes', { ...LEAST, scopes: { a: true } }, 'scopes'],
    ['a number among its scopes', { ...LEAST, scopes: ['a', 7] }, 'scopes'],
    ['a list as its claims', { ...LEAST, claims: [] }, 'claims'],
    ['a function among its claims', { ...LEAST, claims: { a: [() => 1] } }, 'claims'],
    ['null as its claims', { ...LEAST, claims: null }, 'claims'],
    ['one with another field', { ...LEAST, scope: 'a' }, '"scope"'],
  ])('is a fault where the answer is %s', (_what, answer, field) => {
    expect(faultyField(answer)).toBe(field)
  })

  it.each<[string, unknown, string | null]>([
    ['a getter that throws', Object.assign(throwing('scopes'), LEAST), 'scopes'],
    ['nothing, as a Proxy that was revoked', revoked({ ...LEAST }), null],
    ['a Proxy that lists nothing', new Proxy(LEAST, { ownKeys: () => fail() }), null],
    ['a Proxy of a Date as its end', { ...LEAST, expiresAt: new Proxy(new Date(SOON_MS), {}) }, 'expiresAt'],
    ['an iterator that throws', { ...LEAST, scopes: { [Symbol.iterator]: fail } }, 'scopes'],
    ['an iterator that is none', { ...LEAST, scopes: { [Symbol.iterator]: 7 } }, 'scopes'],
    ['claims whose getter throws', { ...LEAST, claims: throwing('a') }, 'claims'],
    ['a Proxy that was revoked as its claims', { ...LEAST, claims: revoked({}) }, 'claims'],
    ['a Proxy that was revoked as its scopes', { ...LEAST, scopes: revoked([]) }, 'scopes'],
  ])('is a fault, without a word of what it threw, where the answer has %s', (_what, answer, field) => {
    expect(faultyField(answer)).toBe(field)
    expect(() => read(answer)).toThrow(/^(?!.*hunter2)/)
  })

  it.each([
    ['scope', 'scopes'],
    ['expires', 'expiresAt'],
    ['expiresAtMS', 'expiresAtMs'],
    ['Subject', 'subject'],
    ['claim', 'claims'],
    ['sessionID', 'sessionId'],
    ['issueAt', 'issuedAt'],
  ])('is a fault where a field is misspelt: %s, which means %s', (name, meant) => {
    expect(() => read({ ...LEAST, [name]: 'hunter2' })).toThrow(
      new SessionFault(`"${name}"`, `is no field of a session: did you mean ${meant}?`),
    )
  })

  it('is a fault where a field is like none, which is named up to some length', () => {
    expect(() => read({ ...LEAST, roles: [] })).toThrow(
      new SessionFault('"roles"', 'is no field of a session'),
    )
    expect(faultyField({ ...LEAST, ['x'.repeat(5000)]: 1 })?.length).toBeLessThan(200)
  })

  it('may be one that was given out here, or of a class with methods of its own', () => {
    class User {
      readonly subject = 'alice'
      readonly expiresAt = SOON_MS
      get scopes() {
        return ['a']
      }
      rename() {}
    }
    expect(read(new User())?.scopes).toEqual(new Set(['a']))
    expect(read(read(LEAST))).toEqual(read(LEAST))
  })

  it('has an end in the future, a holder of its own and only texts, for any answer', () => {
    const value = fc.oneof(
      fc.anything({ withDate: true, withBigInt: true, withSet: true, withMap: true }),
      fc.integer({ min: NOW_MS - 1000, max: NOW_MS + 1e6 }),
      fc.string(),
      fc.date(),
    )
    const texts = ['subject', 'issuer', 'sessionId', 'client', 'tokenId']
    const names = [...texts, 'expiresAt', 'expiresAtMs', 'issuedAt', 'issuedAtMs', 'scopes', 'claims']
    const answers = fc.oneof(
      fc.anything(),
      fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] }),
    )
    fc.assert(
      fc.property(answers, (answer) => {
        try {
          const session = read(answer)
          if (session === null) return
          expect(session.subject?.length).toBeGreaterThan(0)
          expect(Number.isSafeInteger(session.expiresAtMs)).toBe(true)
          expect(session.expiresAtMs).toBeGreaterThan(NOW_MS)
          expect(session.expiresAtMs).toBeLessThan((EXPIRY_SECONDS_MAX + 1) * 1000)
          expect(new Date(session.expiresAtMs).getTime()).toBe(session.expiresAtMs)
          for (const name of [session.sessionId, session.client, session.tokenId]) expect(name).not.toBe('')
          expect(holderOf(session)).toBe(JSON.stringify([session.issuer, session.subject]))
          for (const scope of session.scopes) expect(typeof scope).toBe('string')
        } catch (error) {
          if (!(error instanceof SessionFault)) throw error
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('quotes nothing of what it was given', () => {
    for (const answer of [
      'hunter2',
      { ...LEAST, subject: ['hunter2'] },
      { subject: 'a', expiresAt: 'hunter2' },
    ])
      expect(() => read(answer)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
      )
  })
})
