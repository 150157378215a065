// Logout tokens: which are accepted, and what they revoke.

import { describe, expect, it } from 'vitest'
import { logoutRevocation, refusedLogout } from '../../../src/token/logout-token.ts'
import type { TokenRules } from '../../../src/token/token-rules.ts'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const NOW_MS = 1_700_000_000_400
const NOW = Math.floor(NOW_MS / 1000)

const RULES: TokenRules = {
  issuer: 'https://id.example',
  audiences: new Set(['https://api.example']),
  clients: new Set(['web']),
  typ: 'at+jwt',
  required: [],
  scopeClaims: [],
  lifetimeMsMax: 3_600_000,
  isIatRequired: false,
  toleranceMs: 1000,
}
const HEADER = { alg: 'ES256', typ: 'logout+jwt' }
const CLAIMS = {
  iss: RULES.issuer,
  aud: 'web',
  iat: NOW,
  exp: NOW + 60,
  jti: 'l1',
  sub: 'alice',
  events: { [EVENT]: {} },
}

type Changes = Record<string, unknown>
const check = (claims: Changes, header: Changes = {}, rules = RULES) => {
  const given = Object.entries({ ...CLAIMS, ...claims }).filter(([, value]) => value !== undefined)
  const token = { header: { ...HEADER, ...header }, claims: Object.fromEntries(given) }
  return refusedLogout(token, rules, NOW_MS)
}

describe('a logout token', () => {
  it.each<[string, Changes, Changes]>([
    ['of a subject', {}, {}],
    ['of a session', { sid: 's1', sub: undefined }, {}],
    ['of a session and its subject', { sid: 's1' }, {}],
    ['of type JWT', {}, { typ: 'JWT' }],
    ['of its type as a media type, in capitals', {}, { typ: 'application/Logout+JWT' }],
    ['without a type', {}, { typ: null }],
    ['for an audience of ours', { aud: 'https://api.example' }, {}],
    ['for several', { aud: ['other', 'web'] }, {}],
    ['with more in the event', { events: { [EVENT]: { any: 1 }, other: 1 } }, {}],
    ['that is 120 s old', { iat: NOW_MS / 1000 - 120 }, {}],
    ['from 120 s ahead', { iat: NOW_MS / 1000 + 120 }, {}],
    ['that has just expired, by a clock that may be off', { exp: NOW_MS / 1000 - 0.9 }, {}],
    ['with an id of 1,000 characters', { jti: 'x'.repeat(1000) }, {}],
  ])('%s is accepted', (_, claims, header) => {
    expect(check(claims, header)).toBe(null)
  })

  it.each<[string, string, Changes, Changes]>([
    ['crit', 'extensions that must be known', {}, { crit: ['b64'] }],
    ['typ', 'the type of an access token', {}, { typ: 'at+jwt' }],
    ['typ', 'the type of another event', {}, { typ: 'secevent+jwt' }],
    ['typ', 'a type that is no text', {}, { typ: 7 }],
    ['aud', 'another audience', { aud: 'other' }, {}],
    ['aud', 'no audience', { aud: undefined }, {}],
    ['aud', 'an empty list', { aud: [] }, {}],
    ['aud', 'an object', { aud: { web: true } }, {}],
    ['events', 'no event', { events: undefined }, {}],
    ['events', 'another event', { events: { other: {} } }, {}],
    ['events', 'text as its event', { events: { [EVENT]: 'yes' } }, {}],
    ['events', 'a list as its event', { events: { [EVENT]: [] } }, {}],
    ['events', 'null as its event', { events: { [EVENT]: null } }, {}],
    ['events', 'a list of events', { events: [EVENT] }, {}],
    ['nonce', 'a nonce', { nonce: 'n' }, {}],
    ['nonce', 'null as its nonce', { nonce: null }, {}],
    ['sub or sid', 'neither', { sub: undefined }, {}],
    ['sub or sid', 'an empty subject', { sub: '' }, {}],
    ['sub or sid', 'a number as its subject', { sub: 7 }, {}],
    ['sub or sid', 'a subject that is too long', { sub: 'x'.repeat(1001) }, {}],
    ['sub or sid', 'an empty session, beside a subject', { sid: '' }, {}],
    ['sub or sid', 'null as its session, beside a subject', { sid: null }, {}],
    ['sub or sid', 'a session, and a number as its subject', { sid: 's1', sub: 7 }, {}],
    ['jti', 'no id', { jti: undefined }, {}],
    ['jti', 'an empty id', { jti: '' }, {}],
    ['jti', 'an id that is too long', { jti: 'x'.repeat(1001) }, {}],
    ['jti', 'a number as its id', { jti: 1 }, {}],
    ['iat', 'no issue', { iat: undefined }, {}],
    ['iat', 'text as its issue', { iat: `${NOW}` }, {}],
    ['iat', 'an issue 120.1 s ago', { iat: NOW_MS / 1000 - 120.1 }, {}],
    ['iat', 'an issue 120.1 s ahead', { iat: NOW_MS / 1000 + 120.1 }, {}],
    ['iat', 'an endless issue', { iat: Number.NaN }, {}],
    ['exp', 'no end', { exp: undefined }, {}],
    ['exp', 'an end beyond 9999', { exp: 1e300 }, {}],
    ['expired', 'an end that has come', { exp: NOW_MS / 1000 - 1 }, {}],
  ])('is refused by %s with %s', (word, _, claims, header) => {
    expect(check(claims, header)).toBe(word)
  })
})

describe('what it means', () => {
  it('is a revocation of the session, or else of the subject, as of its issue', () => {
    const made = logoutRevocation({ ...CLAIMS, sid: 's1' }, RULES)
    expect(made).toEqual({
      issuer: 'https://id.example',
      on: { sid: 's1' },
      beforeMs: NOW * 1000,
      untilMs: NOW * 1000 + 3_600_000 + 360_000,
      jti: 'l1',
      reason: 'logout',
    })
    expect(logoutRevocation(CLAIMS, RULES).on).toEqual({ sub: 'alice' })
    expect(logoutRevocation(CLAIMS, { ...RULES, lifetimeMsMax: null }).untilMs).toBe(Infinity)
  })
})
