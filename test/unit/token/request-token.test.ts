// Where a request has its token, and how that is spelled.

import { describe, expect, it } from 'vitest'
import {
  canonicalToken,
  queryToken,
  requestToken,
  TOKEN_CHARACTERS_MAX,
  tokenDigest,
} from '../../../src/token/request-token.ts'
import { makeKey, mintToken } from '../../support/keys-and-tokens.ts'

const places = { queryToken: true, cookie: null }

function textOf(...request: Parameters<typeof requestToken>): string | null {
  return requestToken(...request)?.text ?? null
}

describe('the token of a request', () => {
  it('is read from the Authorization header, with its scheme in any case', () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR']) {
      expect(textOf({ authorization: `${scheme} a.b.c` }, '/events', places)).toBe('a.b.c')
    }
    expect(textOf({ authorization: '  Bearer    a.b.c  ' }, '/events', places)).toBe('a.b.c')
  })

  it('is not read from query or cookie if there is an Authorization header of any scheme', () => {
    const everywhere = { queryToken: true, cookie: 'session' }
    for (const authorization of ['Basic dTpw', 'Bearer', 'Bearer ', '', 'Bearera.b.c']) {
      const headers = { authorization, cookie: 'session=x.y.z' }
      expect(textOf(headers, '/events?access_token=a.b.c', everywhere)).toBeFalsy()
    }
  })

  it('is read from the query, unless that is switched off', () => {
    expect(textOf({}, '/events?from=latest&access_token=a.b.c', places)).toBe('a.b.c')
    expect(textOf({}, '/events?access_token=a.b.c', { ...places, queryToken: false })).toBeNull()
    expect(textOf({}, '/events', places)).toBeNull()
  })

  it('is read from a cookie only if one is named, and after the query', () => {
    const headers = { cookie: 'a=1; session="x.y.z"; b=2' }
    const withCookie = { queryToken: true, cookie: 'session' }
    const inQuery = { text: 'a.b.c', isCookie: false }
    expect(requestToken(headers, '/events', withCookie)).toEqual({ text: 'x.y.z', isCookie: true })
    expect(requestToken(headers, '/events?access_token=a.b.c', withCookie)).toEqual(inQuery)
    expect(requestToken(headers, '/events?access_token=', withCookie)?.isCookie).toBe(true)
    expect(requestToken(headers, '/events', places)).toBeNull()
    expect(requestToken(headers, '/events', { queryToken: true, cookie: 'sess' })).toBeNull()
  })

  it('is no token at all when there are two cookies of the name', () => {
    for (const cookie of [
      'session=a.b.c; session=d.e.f',
      'session=a.b.c;session=a.b.c',
      'session=; session=a.b.c',
    ]) {
      const text = textOf({ cookie }, '/events', { queryToken: true, cookie: 'session' })
      expect(canonicalToken(text ?? ''), cookie).toBeNull()
      expect(text, cookie).not.toBeNull()
    }
  })

  it('is no token at all when the query gives two', () => {
    const text = queryToken('/events?access_token=a.b.c&access_token=d.e.f')
    expect(text).not.toBeNull()
    expect(canonicalToken(text ?? '')).toBeNull()
  })

  it('is none when the parameter is empty', () => {
    expect(queryToken('/events?access_token=')).toBeNull()
    expect(queryToken('/events?xaccess_token=a')).toBeNull()
  })
})

describe('a canonical token', () => {
  const token = mintToken(makeKey('ES256'))

  it('stays the same, with a digest of its own', () => {
    expect(canonicalToken(token)).toBe(token)
    expect(tokenDigest(token)).toMatch(/^[\w-]{43}$/)
    expect(tokenDigest(token)).not.toBe(tokenDigest(`${token}A`))
  })

  it('has no padding, white space, other alphabet or bits beyond its last byte', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    // 64 bytes are 86 characters, of whose last only two bits are used: this one sets the lowest of the other four.
    const twin = token.slice(0, -1) + alphabet[alphabet.indexOf(token.slice(-1)) + 1]
    const spellings = [
      `${token}=`,
      `${token}==`,
      `${token}\n`,
      ` ${token}`,
      `${token.slice(0, -3)}\n${token.slice(-3)}`,
    ]
    for (const other of [
      ...spellings,
      twin,
      `${token}+`,
      `${token}/`,
      token.replace('.', '../..'),
      `${token}.`,
      'a.b',
      '',
    ]) {
      expect(canonicalToken(other), JSON.stringify(other.slice(-6))).toBeNull()
    }
  })

  it('may be as long as a header can be, and no longer', () => {
    const longest = `AAAA.AAAA.${'A'.repeat(TOKEN_CHARACTERS_MAX - 10 - 2)}`
    expect(longest.length % 2).toBe(0)
    expect(canonicalToken(`${longest}AA`)).not.toBeNull()
    expect(canonicalToken(`${longest}AAAA`)).toBeNull()
  })
})
