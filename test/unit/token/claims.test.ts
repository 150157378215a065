// The claims of a verified token.

import { describe, expect, it } from 'vitest'
import { grantsScope, refusedClaim, sessionOf } from '../../../src/token/claims.ts'
import { insufficientScopeChallenge } from '../../../src/token/www-authenticate.ts'

const claims = { iss: 'i', exp: 1_000, scope: 'a  b ' }

describe('verified claims', () => {
  it('expire at exp plus the tolerance, to the millisecond', () => {
    expect(refusedClaim(claims, 999_999, 0)).toBeNull()
    expect(refusedClaim(claims, 1_000_000, 0)).toBe('expired')
    expect(refusedClaim(claims, 1_004_999, 5_000)).toBeNull()
    expect(refusedClaim(claims, 1_005_000, 5_000)).toBe('expired')
  })

  it('make a session that ends no later than a fractional exp', () => {
    expect(sessionOf({ ...claims, exp: 1_000.0019 }, 'scope', 'd').expiresAtMs).toBe(1_000_001)
  })

  it('have no subject with an empty sub', () => {
    expect(sessionOf({ ...claims, sub: '' }, 'scope', 'd').subject).toBeNull()
  })

  it('name the session, the token and the time of issue, where they are texts and a time', () => {
    const named = { ...claims, sid: 's1', jti: 't1', iat: 900.5 }
    expect(sessionOf(named, 'scope', 'd')).toMatchObject({
      sessionId: 's1',
      tokenId: 't1',
      issuedAtMs: 900_500,
    })
    for (const none of [undefined, null, '', 7, ['s1'], { s: 1 }, -1, 1e300, Number.NaN])
      expect(
        sessionOf({ ...claims, sid: none, jti: none, iat: none === 7 ? '7' : none }, 'scope', 'd'),
      ).toMatchObject({
        sessionId: null,
        tokenId: null,
        issuedAtMs: null,
      })
  })

  it.each([
    [{ azp: 'a', client_id: 'b', appid: 'c' }, 'a'],
    [{ azp: '', client_id: 'b', appid: 'c' }, 'b'],
    [{ azp: 7, appid: 'c' }, 'c'],
    [{ client: 'a', aud: 'b' }, null],
  ])('name the client: %j', (named, client) => {
    expect(sessionOf({ ...claims, ...named }, 'scope', 'd').client).toBe(client)
  })

  it('grant only the scopes that they list', () => {
    const session = sessionOf(claims, 'scope', 'd')
    expect([...session.scopes]).toEqual(['a', 'b'])
    expect(grantsScope(session, 'a')).toBe(true)
    expect(grantsScope(session, 'a b')).toBe(true)
    expect(grantsScope(session, 'a c')).toBe(false)
    expect(grantsScope(sessionOf({ ...claims, scope: ['a', 7, 'b'] }, 'scope', 'd'), 'b')).toBe(true)
    expect(grantsScope(sessionOf({ iss: 'i', exp: 1 }, 'scope', 'd'), null)).toBe(true)
  })
})

describe('the challenge of a missing scope', () => {
  it('cannot be ended early by the scope itself', () => {
    expect(insufficientScopeChallenge('a:b c"\\\r\nx: y')).toBe(
      'Bearer realm="kafka-sse", error="insufficient_scope", scope="a:b cx: y"',
    )
  })
})
