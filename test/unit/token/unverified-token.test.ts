// Header and claims of a token, as they are read before anything is verified.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NESTED_MAX, unverifiedToken } from '../../../src/token/unverified-token.ts'

const encoded = (part: string | Uint8Array) => Buffer.from(part).toString('base64url')
const token = (header: string | Uint8Array, claims: string | Uint8Array) =>
  `${encoded(header)}.${encoded(claims)}.c2ln`

describe('a token', () => {
  it('says what its two objects say', () => {
    const read = unverifiedToken(
      token('{"alg":"ES256"}', '{"iss":"i","list":[{"a":1},{"a":2}],"a":{"a":[]}}'),
    )
    expect(read).toEqual({
      header: { alg: 'ES256' },
      claims: { iss: 'i', list: [{ a: 1 }, { a: 2 }], a: { a: [] } },
    })
  })

  it.each([
    ['a list', '[]'],
    ['null', 'null'],
    ['a text', '"text"'],
    ['a number', '7'],
    ['nothing', ''],
    ['no JSON', 'foo'],
    ['more than one object', '{}{}'],
    ['a byte order mark', '\ufeff{}'],
    ['a name twice', '{"iss":"a","iss":"b"}'],
    ['a name twice, once escaped', '{"iss":"a","\\u0069ss":"b"}'],
    ['a name twice in an inner object', '{"a":[{"b":1,"c":{},"b":2}]}'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
    ['bytes that are not UTF-8', Buffer.from('7b2269737322 3a22ff227d'.replace(' ', ''), 'hex')],
    ['an overlong encoding', Buffer.from('7b226122 3a22c0af227d'.replace(' ', ''), 'hex')],
    ['UTF-16', Buffer.from('{}', 'utf16le')],
  ])('is malformed with %s in place of a part', (_what, part) => {
    expect(unverifiedToken(token(part, '{}'))).toBeNull()
    expect(unverifiedToken(token('{}', part))).toBeNull()
  })

  it('may hold braces, quotes and names in its texts', () => {
    const claims = { a: '{"a":1,"a":2}', b: '\\"a":', c: ['":"', ':'], d: '"' }
    expect(unverifiedToken(token('{}', JSON.stringify(claims)))?.claims).toEqual(claims)
  })

  // JSON.parse of Node 24 and 26 reads the second one's name as the first one's.
  it.each([
    ['slashes', 'https:\\/\\/example.com\\/roles', 'https://example.com/roles'],
    ['a letter', 'role\\u0073', 'roles'],
    ['a quote', 'a\\"', 'a"'],
  ])(
    'has the names that it says, with %s escaped, behind one with a name written so',
    (_what, written, name) => {
      const earlier = JSON.stringify(written.slice(0, name.length))
      for (const { as, has } of [
        { as: earlier, has: JSON.parse(earlier) },
        { as: `"${written}"`, has: name },
      ]) {
        const object = `{"sub":"s","list":[1,{"z":[{}],${as}:["a"]}],${as}:["b"]}`
        const read = { sub: 's', list: [1, { z: [{}], [has]: ['a'] }], [has]: ['b'] }
        expect(unverifiedToken(token(object, object))).toEqual({ header: read, claims: read })
      }
    },
  )

  it('says what any JSON object says', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 50 })), (claims) => {
        const text = JSON.stringify(claims)
        expect(JSON.stringify(unverifiedToken(token('{}', text))?.claims)).toBe(text)
      }),
    )
  })

  it('is nested 100 deep at most, and read in time that grows with its length alone', () => {
    const nested = (open: string, close: string, depth: number) =>
      unverifiedToken(token('{}', `{"a":${open.repeat(depth)}1${close.repeat(depth)}}`))
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      expect(nested(open, close, NESTED_MAX - 1)?.claims).toHaveProperty('a')
      expect(nested(open, close, NESTED_MAX)).toBeNull()
      expect(nested(open, close, 2_000)).toBeNull()
    }
    expect(unverifiedToken(token('{}', `{"a":"${'\\\\'.repeat(6_000)}"}`))?.claims).toHaveProperty('a')
  })
})
