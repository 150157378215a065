// Which tokens an issuer's rules accept, at the edges of each rule.

import { describe, expect, it } from 'vitest'
import { parseClaimName } from '../../../src/token/claim-path.ts'
import type { RefusedCheck } from '../../../src/token/refused-check.ts'
import { refusedToken, secondsOff, type TokenRules } from '../../../src/token/token-rules.ts'

const NOW_SECONDS = 1_800_000_000
const RULES: TokenRules = {
  issuer: 'i',
  audiences: new Set(['api', 'other-api']),
  clients: new Set(),
  typ: null,
  required: [],
  scopeClaims: [],
  lifetimeMsMax: null,
  isIatRequired: false,
  toleranceMs: 0,
}
const CLAIMS = { iss: 'i', aud: 'api', exp: NOW_SECONDS + 60 }

const refusal = (claims: object, rules: Partial<TokenRules> = {}, header: object = {}) =>
  refusedToken(
    { header: { ...header }, claims: { ...CLAIMS, ...claims } },
    { ...RULES, ...rules },
    NOW_SECONDS * 1000,
  )

it.each<[RefusedCheck, object, number | null]>([
  ['expired', { exp: NOW_SECONDS - 12.34 }, 12.3],
  ['nbf', { nbf: NOW_SECONDS + 90 }, 90],
  ['iat', { iat: NOW_SECONDS + 3_600 }, 3_600],
  ['lifetime', { iat: NOW_SECONDS - 30, exp: NOW_SECONDS + 60 }, 30],
  ['nbf', { nbf: 'soon' }, null],
  ['nbf', { nbf: Number.POSITIVE_INFINITY }, null],
  ['iat', {}, null],
  ['aud', { exp: NOW_SECONDS - 5 }, null],
])('a refusal for %s of %j is %s seconds off', (check, claims, seconds) => {
  const rules = { ...RULES, lifetimeMsMax: 60_000 }
  expect(secondsOff(check, { ...CLAIMS, ...claims }, rules, NOW_SECONDS * 1000)).toBe(seconds)
})

describe('times', () => {
  it.each([
    ['exp', 1, 0, null],
    ['exp', 0.001, 0, null],
    ['exp', 0, 0, 'expired'],
    ['exp', -59.999, 60, null],
    ['exp', -60, 60, 'expired'],
    ['nbf', 5, 0, null],
    ['nbf', 5.001, 0, 'nbf'],
    ['nbf', 60, 60, null],
    ['nbf', 60.001, 60, 'nbf'],
    ['iat', 5, 0, null],
    ['iat', 5.001, 0, 'iat'],
    ['iat', 60, 300, null],
    ['iat', 60.001, 300, 'iat'],
    ['iat', -NOW_SECONDS, 0, null],
  ])('%s %d s from now, with a tolerance of %d s: %s', (claim, seconds, toleranceSeconds, expected) => {
    const rules = { toleranceMs: toleranceSeconds * 1000 }
    expect(refusal({ [claim]: NOW_SECONDS + seconds }, rules)).toBe(expected)
  })

  it.each(['exp', 'nbf', 'iat'])('%s is a number', (claim) => {
    for (const value of ['1800000000', null, [NOW_SECONDS], {}, true, Number.POSITIVE_INFINITY])
      expect(refusal({ [claim]: value }), String(value)).toBe(claim)
  })

  it('exp is required, and at most the end of the year 9999', () => {
    expect(refusal({ exp: undefined })).toBe('exp')
    expect(refusal({ exp: 253_402_300_799 })).toBeNull()
    expect(refusal({ exp: 253_402_300_800 })).toBe('exp')
    expect(refusal({ exp: -1 })).toBe('expired')
  })

  it('the life has a limit where one is set, from iat, or from now without one', () => {
    const hour = { lifetimeMsMax: 3_600_000 }
    expect(refusal({ exp: NOW_SECONDS + 3_600 }, hour)).toBeNull()
    expect(refusal({ exp: NOW_SECONDS + 3_600.001 }, hour)).toBe('lifetime')
    expect(refusal({ iat: NOW_SECONDS - 3_500, exp: NOW_SECONDS + 100 }, hour)).toBeNull()
    expect(refusal({ iat: NOW_SECONDS - 3_500, exp: NOW_SECONDS + 101 }, hour)).toBe('lifetime')
    expect(refusal({ iat: NOW_SECONDS + 5, exp: NOW_SECONDS + 3_604 }, hour)).toBe('lifetime')
  })

  it('iat may be missing unless it is asked for', () => {
    expect(refusal({})).toBeNull()
    expect(refusal({}, { isIatRequired: true })).toBe('iat')
    expect(refusal({ iat: NOW_SECONDS }, { isIatRequired: true })).toBeNull()
  })
})

describe('the audience', () => {
  it.each([
    ['api', null],
    ['other-api', null],
    [['x', 'api'], null],
    ['API', 'aud'],
    ['api ', 'aud'],
    [['x', 'y'], 'aud'],
    [[''], 'aud'],
    [['api', 7], 'aud'],
    [{ api: true }, 'aud'],
    [true, 'aud'],
    [undefined, 'aud'],
    [null, 'aud'],
    ['', 'aud'],
    [[], 'aud'],
  ])('is one of those that are listed: %j', (aud, expected) => {
    expect(refusal({ aud })).toBe(expected)
  })

  const clients = { clients: new Set(['web']) }
  it.each([undefined, null, '', [] as string[]])('may be missing where clients are listed: %j', (aud) => {
    expect(refusal({ aud, azp: 'web' }, clients)).toBeNull()
    expect(refusal({ aud, client_id: 'web' }, clients)).toBeNull()
    expect(refusal({ aud, appid: 'web' }, clients)).toBeNull()
    expect(refusal({ aud, azp: 'app', client_id: 'web' }, clients)).toBe('client')
    expect(refusal({ aud, azp: ['web'] }, clients)).toBe('client')
    expect(refusal({ aud }, clients)).toBe('client')
  })

  it('counts where there is one, even of a listed client', () => {
    expect(refusal({ aud: 'theirs', azp: 'web' }, clients)).toBe('aud')
    expect(refusal({ aud: 'web', azp: 'web' }, { ...clients, audiences: new Set() })).toBe('aud')
    expect(refusal({ azp: 'app' }, clients)).toBeNull()
  })
})

describe('the type', () => {
  it.each(['logout+jwt', 'secevent+jwt', 'dpop+jwt', 'application/Logout+JWT', 'dpop+jwt; x=1', ' dpop+jwt'])(
    'is none of what is no bearer token: %s',
    (typ) => {
      expect(refusal({}, {}, { typ })).toBe('typ')
    },
  )

  it.each([undefined, null, 'JWT', 'at+jwt', 'application/at+jwt', ''])('may be any other: %j', (typ) => {
    expect(refusal({}, {}, { typ })).toBeNull()
  })

  it.each([7, ['logout+jwt'], {}, true])('is a text: %j', (typ) => {
    expect(refusal({}, {}, { typ })).toBe('typ')
  })

  it('is the one that is asked for, in any spelling of RFC 7515 section 4.1.9', () => {
    for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt'])
      expect(refusal({}, { typ: 'at+jwt' }, { typ })).toBeNull()
    for (const typ of [undefined, 'JWT', 'at', 'text/at+jwt'])
      expect(refusal({}, { typ: 'at+jwt' }, { typ }), String(typ)).toBe('typ')
  })

  it('comes without an extension that this server does not know', () => {
    for (const crit of [['b64'], [], null, 0]) expect(refusal({}, {}, { crit })).toBe('crit')
  })
})

describe('a token for something else', () => {
  it.each([
    ['cnf', { jkt: 'x' }],
    ['cnf', null],
    ['events', {}],
    ['events', { 'http://schemas.openid.net/event/backchannel-logout': {} }],
  ])('is refused by its %s', (claim, value) => {
    expect(refusal({ [claim]: value })).toBe(claim)
  })
})

describe('the subject', () => {
  it.each([[undefined], [null], [''], ['alice'], ['☃ 𝔘']])('may be %j', (sub) => {
    expect(refusal({ sub })).toBeNull()
  })

  it.each([[7], [['alice']], [{}], ['\ud800'], ['a\udc00b']])('is not %j', (sub) => {
    expect(refusal({ sub })).toBe('sub')
  })
})

describe('what a revocation names a token by', () => {
  const named = { sub: 'sub', sid: 'sid', jti: 'jti', azp: 'client', client_id: 'client', appid: 'client' }
  it.each(Object.entries(named))('is no longer than in a revocation: %s', (claim, check) => {
    expect(refusal({ [claim]: 'x'.repeat(1000) })).toBeNull()
    expect(refusal({ [claim]: 'x'.repeat(1001) })).toBe(check)
    expect(refusal({ [claim]: 'x\ud800' })).toBe(check)
  })
})

describe('required claims', () => {
  const required = (pairs: Record<string, string>) => ({
    required: Object.entries(pairs).map(([name, value]) => ({ claim: parseClaimName(name), value })),
  })

  it.each([
    ['access', null],
    [['id', 'access'], null],
    ['Access', 'required claim'],
    ['', 'required claim'],
    [undefined, 'required claim'],
    [null, 'required claim'],
    [{ access: true }, 'required claim'],
    [[['access']], 'required claim'],
  ])('are met by their value, or by an element: %j', (token_use, expected) => {
    expect(refusal({ token_use }, required({ token_use: 'access' }))).toBe(expected)
  })

  it('may be numbers and switches, and stand at a path', () => {
    const rules = required({ ver: '2', email_verified: 'true', 'org.id': 'acme' })
    expect(refusal({ ver: 2, email_verified: true, org: { id: 'acme' } }, rules)).toBeNull()
    expect(refusal({ ver: 2, email_verified: 'true', 'org.id': 'acme' }, rules)).toBeNull()
    expect(refusal({ ver: 2.5, email_verified: true, org: { id: 'acme' } }, rules)).toBe('required claim')
    expect(refusal({ ver: 2, email_verified: true, org: {} }, rules)).toBe('required claim')
  })
})
