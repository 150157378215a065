// The session of a verified token's claims.

import { describe, expect, it } from 'vitest'
import { parseClaimName } from '../../../src/token/claim-path.ts'
import { grantsScope, sessionOf } from '../../../src/token/claims.ts'
import { insufficientScopeChallenge } from '../../../src/token/www-authenticate.ts'

const claims = { iss: 'i', exp: 1_000, scope: 'a  b ' }
const session = (given: Record<string, unknown>, toleranceMs = 0, ...names: string[]) =>
  sessionOf(
    given,
    { scopeClaims: (names.length > 0 ? names : ['scope']).map(parseClaimName), toleranceMs },
    'd',
  )

describe('verified claims', () => {
  it('make a session that ends no later than a fractional exp', () => {
    expect(session({ ...claims, exp: 1_000.0019 }).expiresAtMs).toBe(1_000_001)
  })

  it('make a session that ends at exp plus the tolerance', () => {
    expect(session(claims, 60_000).expiresAtMs).toBe(1_060_000)
  })

  it('have no subject with an empty sub', () => {
    expect(session({ ...claims, sub: '' }).subject).toBeNull()
  })

  it('name the session, the token and the time of issue, where they are texts and a time', () => {
    const named = { ...claims, sid: 's1', jti: 't1', iat: 900.5 }
    expect(session(named)).toMatchObject({
      sessionId: 's1',
      tokenId: 't1',
      issuedAtMs: 900_500,
    })
    for (const none of [undefined, null, '', 7, ['s1'], { s: 1 }, -1, 1e300, Number.NaN])
      expect(session({ ...claims, sid: none, jti: none, iat: none === 7 ? '7' : none })).toMatchObject({
        sessionId: null,
        tokenId: null,
        issuedAtMs: null,
      })
  })

  it.each([
    [{ azp: 'a', client_id: 'b', appid: 'c' }, 'a'],
    [{ azp: '', client_id: 'b', appid: 'c' }, 'b'],
    [{ azp: 7, appid: 'c' }, 'c'],
    [{ appid: 'c', cid: 'd' }, 'c'],
    [{ cid: 'd' }, 'd'],
    [{ client: 'a', aud: 'b' }, null],
  ])('name the client: %j', (named, client) => {
    expect(session({ ...claims, ...named }).client).toBe(client)
  })

  it.each([
    [{ sid: 'a', session_id: 'b' }, 'a'],
    [{ sid: '', session_id: 'b' }, 'b'],
    [{ sid: undefined, session_id: 'b' }, 'b'],
    [{ sid: undefined, sessionId: 'c' }, null],
  ])('name the session: %j', (named, id) => {
    expect(session({ ...claims, ...named }).sessionId).toBe(id)
  })

  it('grant only the scopes that they list', () => {
    const granted = session(claims)
    expect([...granted.scopes]).toEqual(['a', 'b'])
    expect(grantsScope(granted, 'a')).toBe(true)
    expect(grantsScope(granted, 'a b')).toBe(true)
    expect(grantsScope(granted, 'a c')).toBe(false)
    expect(grantsScope(session({ ...claims, scope: ['a', 7, 'b'] }), 'b')).toBe(true)
    expect(grantsScope(session({ iss: 'i', exp: 1 }), null)).toBe(true)
  })

  it('grant what all claims that hold scopes list together', () => {
    const given = { ...claims, scp: ['b', 'c'], realm_access: { roles: ['d'] } }
    expect([...session(given, 0, 'scope', 'scp', 'realm_access.roles').scopes]).toEqual(['a', 'b', 'c', 'd'])
    expect([...session({ iss: 'i', exp: 1 }, 0, 'scope', 'realm_access.roles').scopes]).toEqual([])
  })
})

describe('the challenge of a missing scope', () => {
  it('cannot be ended early by the scope itself', () => {
    expect(insufficientScopeChallenge('a:b c"\\\r\nx: y')).toBe(
      'Bearer realm="kafka-sse", error="insufficient_scope", scope="a:b cx: y"',
    )
  })
})
