// Finds the token of a request and gives it its one spelling. Pure: text in, text out, nothing is verified here.
// Promise: two texts that verify as the same token have the same digest, because only one spelling is let through.

import { createHash } from 'node:crypto'

/** Where a token may stand besides the `Authorization` header. */
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

/** Longer than any header that HTTP/1.1 lets through here (16 KiB); a token beyond it is refused unread. */
export const TOKEN_CHARACTERS_MAX = 16_384

/**
 * The token's text as the client wrote it, null if there is none. Where there is an `Authorization` header, whatever
 * its scheme, nothing else is read: the client has said how it wants to be known.
 */
export function requestToken(headers: TokenHeaders, url: string, places: TokenPlaces): string | null {
  if (headers.authorization !== undefined) return bearerToken(headers.authorization)
  const fromCookie = places.cookie === null ? null : cookieToken(headers.cookie, places.cookie)
  if (fromCookie !== null) return fromCookie
  return places.queryToken ? queryToken(url) : null
}

/** The credentials of a `Bearer` header (scheme in any case, RFC 9110 section 11.1), null for any other. */
export function bearerToken(header: string): string | null {
  const text = header.trim()
  const space = text.indexOf(' ')
  if (space < 0 || text.slice(0, space).toLowerCase() !== 'bearer') return null
  return text.slice(space).trim()
}

/**
 * `access_token` of a URL's query, null if it is missing or empty. Given twice it is ambiguous: the two are joined by
 * a space, which no canonical token holds.
 */
export function queryToken(url: string): string | null {
  const start = url.indexOf('?')
  if (start < 0) return null
  const values = new URLSearchParams(url.slice(start + 1)).getAll('access_token')
  return values.join(' ') || null
}

/**
 * The token if it is spelled the one canonical way (RFC 7515 section 3.1, base64url without padding), else null.
 * `token==`, a newline, `+` and `/`, or bits beyond the last byte would verify in one library or the other.
 */
export function canonicalToken(text: string): string | null {
  if (text.length > TOKEN_CHARACTERS_MAX) return null
  const segments = text.split('.')
  return segments.length === 3 && segments.every(isCanonicalSegment) ? text : null
}

/** SHA-256 of a canonical token, base64url: tells tokens apart without keeping one. */
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
