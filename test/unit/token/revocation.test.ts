// What a revocation may say, and which tokens it names.

import { describe, expect, it } from 'vitest'
import {
  isIssuedBefore,
  outlives,
  type RevocationRequest,
  revocationOf,
  revokedName,
  type TokenLifetimes,
} from '../../../src/token/revocation.ts'

const NOW_MS = 1_700_000_000_500
const ONE_ISSUER = new Map([['https://a.example', 3_600_000]])
const TWO_ISSUERS = new Map([...ONE_ISSUER, ['https://b.example', Number.POSITIVE_INFINITY]])
const HOST = 7_200_000

describe('a revocation', () => {
  it('names the only issuer and the present moment, unless it says others', () => {
    const made = revocationOf({ sub: 'alice' }, ONE_ISSUER, NOW_MS)
    expect(made).toEqual({
      issuer: 'https://a.example',
      on: { sub: 'alice' },
      beforeMs: NOW_MS,
      untilMs: NOW_MS + 3_600_000 + 360_000,
      jti: null,
      reason: null,
    })
    const before = new Date(NOW_MS - 5000)
    expect(
      revocationOf({ issuer: 'https://b.example', sid: 's', before, reason: 'left' }, TWO_ISSUERS, NOW_MS),
    ).toMatchObject({
      issuer: 'https://b.example',
      on: { sid: 's' },
      beforeMs: NOW_MS - 5000,
      reason: 'left',
    })
  })

  it('of a host that authenticates may name any issuer, and none by default', () => {
    expect(revocationOf({ sub: 'alice' }, HOST, NOW_MS).issuer).toBe('')
    expect(revocationOf({ issuer: 'x', sub: 'alice' }, HOST, NOW_MS).issuer).toBe('x')
  })

  it("of a host that authenticates ends with the longest of its sessions' lives", () => {
    const { untilMs } = revocationOf({ sub: 'alice' }, HOST, NOW_MS)
    expect(untilMs).toBe(NOW_MS + 7_200_000 + 360_000)
    expect(revocationOf({ sub: 'alice' }, Number.POSITIVE_INFINITY, NOW_MS).untilMs).toBe(Infinity)
  })

  it.each([
    [{ sub: 'alice' }, ['sub', 'alice']],
    [{ sid: 's' }, ['sid', 's']],
    [{ jti: 't' }, ['jti', 't']],
    [{ client: 'web' }, ['client', 'web']],
  ] as const)('%j is of one kind', (request, name) => {
    expect(revokedName(revocationOf(request, ONE_ISSUER, NOW_MS))).toEqual(name)
  })

  it.each<[string, unknown, TokenLifetimes, string]>([
    ['null instead of it', null, ONE_ISSUER, 'a revocation is an object'],
    ['a name instead of it', 'alice', ONE_ISSUER, 'a revocation is an object'],
    ['no name', {}, ONE_ISSUER, 'names one of sub, sid, jti and client'],
    ['two names', { sub: 'a', sid: 'b' }, ONE_ISSUER, 'names one of sub, sid, jti and client'],
    ['an empty name', { sub: '' }, ONE_ISSUER, 'sub takes text that is not empty'],
    ['a number', { sid: 7 }, ONE_ISSUER, 'sid takes text that is not empty'],
    ['null', { client: null }, ONE_ISSUER, 'client takes text that is not empty'],
    ['a name that is too long', { jti: 'x'.repeat(1001) }, ONE_ISSUER, 'jti has more than 1000 characters'],
    ['no issuer of two', { sub: 'a' }, TWO_ISSUERS, 'issuer is required'],
    ['no issuer of any', { sub: 'a' }, null, 'issuer is required'],
    ['a misspelt issuer', { issuer: 'https://a.example/', sub: 'a' }, ONE_ISSUER, 'issuer is none of those'],
    ['a number as issuer', { issuer: 7, sub: 'a' }, HOST, 'issuer takes text'],
    ['a long issuer', { issuer: 'x'.repeat(1001), sub: 'a' }, HOST, 'issuer has more than 1000 characters'],
    ['text as a moment', { sub: 'a', before: 'now' }, ONE_ISSUER, 'before takes a Date or epoch ms'],
    ['no moment', { sub: 'a', before: new Date('x') }, ONE_ISSUER, 'before takes a Date or epoch ms'],
    ['microseconds', { sub: 'a', before: NOW_MS * 1000 }, ONE_ISSUER, 'before is not between 2001 and 9999'],
    ['seconds', { sub: 'a', before: NOW_MS / 1000 }, ONE_ISSUER, 'before is not between 2001 and 9999'],
    ['before 1970', { sub: 'a', before: -1 }, ONE_ISSUER, 'before is not between 2001 and 9999'],
    ['an empty reason', { sub: 'a', reason: '' }, ONE_ISSUER, 'reason takes text that is not empty'],
    ['a long reason', { sub: 'a', reason: 'x'.repeat(201) }, ONE_ISSUER, 'reason has more than 200'],
    [
      'a misspelt field',
      { sub: 'a', since: NOW_MS },
      ONE_ISSUER,
      '"since" is no field of a revocation: it has ',
    ],
  ])('with %s is an error that says so, and quotes no value', (_, request, rules, words) => {
    // Plain JavaScript may call it with anything.
    expect(() => revocationOf(request as RevocationRequest, rules, NOW_MS)).toThrow(words)
  })

  it('of one token counts for a minute more, because clocks differ, unless it says the moment', () => {
    const of = (request: RevocationRequest) => revocationOf(request, ONE_ISSUER, NOW_MS)
    const ahead = { issuedAtMs: NOW_MS + 60_000 }
    expect(isIssuedBefore(ahead, of({ jti: 't' }).beforeMs)).toBe(true)
    expect(isIssuedBefore({ issuedAtMs: NOW_MS + 61_000 }, of({ jti: 't' }).beforeMs)).toBe(false)
    expect(of({ jti: 't', before: NOW_MS }).beforeMs).toBe(NOW_MS)
    // Of the others there may be a later one, which is good.
    for (const request of [{ sub: 'a' }, { sid: 's' }, { client: 'web' }])
      expect(of(request).beforeMs).toBe(NOW_MS)
  })

  it('takes a name of 1,000 characters', () => {
    expect(revocationOf({ jti: 'x'.repeat(1000) }, ONE_ISSUER, NOW_MS).on).toEqual({ jti: 'x'.repeat(1000) })
  })
})

describe('a session', () => {
  it.each([
    ['issued now, to its very end', NOW_MS, 3_600_000, false],
    ['issued now, a moment longer', NOW_MS, 3_600_001, true],
    ['issued before, with its rest alone', NOW_MS - 3_000_000, 600_000, false],
    ['issued before, a moment longer', NOW_MS - 3_000_000, 600_001, true],
    ['issued ahead, as if it were now', NOW_MS + 60_000, 3_600_001, true],
    ['of an unknown issue, from now', null, 3_600_000, false],
    ['of an unknown issue, a moment longer', null, 3_600_001, true],
  ])('outlives an hour or not: %s', (_, issuedAtMs, leftMs, isLonger) => {
    expect(outlives({ issuedAtMs, expiresAtMs: NOW_MS + leftMs }, 3_600_000, NOW_MS)).toBe(isLonger)
  })
})

describe('a token', () => {
  it.each([
    ['in the second before', NOW_MS - 1000, true],
    ['at the very moment', NOW_MS, true],
    ['later in that second', NOW_MS + 499, true],
    ['in the next second', NOW_MS + 500, false],
    ['at a moment that it does not say', null, true],
  ])('that was issued %s is named: %j, %j', (_, issuedAtMs, isNamed) => {
    expect(isIssuedBefore({ issuedAtMs }, NOW_MS)).toBe(isNamed)
  })
})
