// Finds the token of a request, and accepts it only in its canonical spelling. Pure: text in, text out, nothing is
// verified. Promise: a token has one digest, because only one spelling of it is accepted.

import { createHash } from 'node:crypto'

/** Where a token may be besides the `Authorization` header. */
export interface TokenPlaces {
  /** `?access_token=` (RFC 6750 section 2.3). */
  readonly queryToken: boolean
  /** Name of a cookie; null: cookies are not read. */
  readonly cookie: string | null
}

export interface TokenHeaders {
  readonly authorization?: string | undefined
  readonly cookie?: string | undefined
}

/** A longer token is refused unread. Node's default limit for all headers of a request is the same, 16 KiB. */
export const TOKEN_CHARACTERS_MAX = 16_384

/**
 * The token as the client wrote it; null if there is none. If there is an `Authorization` header, of any scheme,
 * nothing else is read: the client has chosen how to authenticate.
 */
export function requestToken(headers: TokenHeaders, url: string, places: TokenPlaces): string | null {
  if (headers.authorization !== undefined) return bearerToken(headers.authorization)
  const fromCookie = places.cookie === null ? null : cookieToken(headers.cookie, places.cookie)
  if (fromCookie !== null) return fromCookie
  return places.queryToken ? queryToken(url) : null
}

/** The credentials of a `Bearer` header (scheme in any case, RFC 9110 section 11.1); null for another scheme. */
export function bearerToken(header: string): string | null {
  const text = header.trim()
  const space = text.indexOf(' ')
  if (space < 0 || text.slice(0, space).toLowerCase() !== 'bearer') return null
  return text.slice(space).trim()
}

/**
 * `access_token` of a URL's query; null if it is missing or empty. Two such parameters are ambiguous. They are joined
 * by a space, which makes them no canonical token, so they are refused.
 */
export function queryToken(url: string): string | null {
  const start = url.indexOf('?')
  if (start < 0) return null
  const values = new URLSearchParams(url.slice(start + 1)).getAll('access_token')
  return values.join(' ') || null
}

/**
 * The token if it has the canonical spelling (RFC 7515 section 3.1, base64url without padding), otherwise null. Some
 * libraries would also verify `token==`, a newline, `+` and `/`, or bits beyond the last byte.
 */
export function canonicalToken(text: string): string | null {
  if (text.length > TOKEN_CHARACTERS_MAX) return null
  const segments = text.split('.')
  return segments.length === 3 && segments.every(isCanonicalSegment) ? text : null
}

/** SHA-256 of a canonical token, base64url. Identifies a token without keeping it. */
export function tokenDigest(canonical: string): string {
  return createHash('sha256').update(canonical).digest('base64url')
}

function isCanonicalSegment(segment: string): boolean {
  return Buffer.from(segment, 'base64url').toString('base64url') === segment
}

function cookieToken(header: string | undefined, name: string): string | null {
  for (const pair of header?.split(';') ?? []) {
    const equals = pair.indexOf('=')
    if (equals >= 0 && pair.slice(0, equals).trim() === name)
      return unquoted(pair.slice(equals + 1).trim()) || null
  }
  return null
}

function unquoted(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}
