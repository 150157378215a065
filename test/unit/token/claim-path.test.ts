// Claims by their name or their path.

import { describe, expect, it } from 'vitest'
import { namedClaim, parseClaimName } from '../../../src/token/claim-path.ts'

const find = (text: string, claims: Record<string, unknown>) => namedClaim(claims, parseClaimName(text))

describe('a claim', () => {
  it.each([
    ['scope', { scope: 1 }],
    ['realm_access.roles', { realm_access: { roles: 1 } }],
    ['resource_access["my.client"].roles', { resource_access: { 'my.client': { roles: 1 } } }],
    ['["https://example.com/org"].id', { 'https://example.com/org': { id: 1 } }],
    ['https://example.com/roles', { 'https://example.com/roles': 1 }],
    ['cognito:groups', { 'cognito:groups': 1 }],
    ['my claim', { 'my claim': 1 }],
    ['a..b', { 'a..b': 1 }],
    ['["a\\"b"]', { 'a"b': 1 }],
  ])('is found by %s', (text, claims) => {
    expect(find(text, claims)).toBe(1)
  })

  it('of the very name goes before one at the path', () => {
    expect(find('a.b', { 'a.b': 'name', a: { b: 'path' } })).toBe('name')
    expect(find('a.b', { a: { b: 'path' } })).toBe('path')
  })

  it.each(['__proto__', 'constructor', 'toString', 'a.constructor', 'a.length', 'l.0'])(
    'is not found by %s in a prototype, a text or a list',
    (text) => {
      expect(find(text, { a: 'text', l: ['x'] })).toBeUndefined()
    },
  )

  it.each(['[', 'a[b]', 'a["b', '["\\x"]', 'a["b"]c', 'a[0]'])('is not named by %s', (text) => {
    expect(() => parseClaimName(text)).toThrow(SyntaxError)
  })
})
