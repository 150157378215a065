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

export interface FoundToken {
  /** As the client wrote it. */
  readonly text: string
  /** A browser adds a cookie by itself, also for a page of another origin. */
  readonly isCookie: boolean
}

export interface TokenHeaders {
  readonly authorization?: string | undefined
  readonly cookie?: string | undefined
}

/** A longer token is refused unread. Node's default limit for all headers of a request is the same, 16 KiB. */
export const TOKEN_CHARACTERS_MAX = 16_384

/**
 * The request's token; null if there is none. If there is an `Authorization` header, of any scheme, nothing else is
 * read: the client has chosen how to authenticate. What it wrote into the query goes before what its browser adds.
 */
export function requestToken(headers: TokenHeaders, url: string, places: TokenPlaces): FoundToken | null {
  if (headers.authorization !== undefined) return found(bearerToken(headers.authorization), false)
  const inQuery = places.queryToken ? queryToken(url) : null
  if (inQuery !== null) return found(inQuery, false)
  return places.cookie === null ? null : found(cookieToken(headers.cookie, places.cookie), true)
}

function found(text: string | null, isCookie: boolean): FoundToken | null {
  return text === null ? null : { text, isCookie }
}

/** The credentials of a `Bearer` header (scheme in any case, RFC 9110 section 11.1); null for another scheme. */
export function bearerToken(header: string): string | null {
  const text = header.trim()
  const space = text.indexOf(' ')
  if (space < 0 || text.slice(0, space).toLowerCase() !== 'bearer') return null
  return text.slice(space).trim()
}

/** `access_token` of a URL's query; null if it is missing or empty. */
export function queryToken(url: string): string | null {
  return queryCredential(url, 'access_token')
}

/**
 * The parameter of a URL's query; null if it is missing or empty. Two of the name are ambiguous. They are joined by a
 * space, which no token and no ticket has, so they are refused.
 */
export function queryCredential(url: string, name: string): string | null {
  const start = url.indexOf('?')
  if (start < 0) return null
  const values = new URLSearchParams(url.slice(start + 1)).getAll(name)
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

/**
 * The value of the cookie; null if it is missing or empty. A second cookie of the name may have been set by a
 * neighbouring host (RFC 6265 section 8.6). The values are joined, as two parameters are, so that they are refused.
 */
function cookieToken(header: string | undefined, name: string): string | null {
  const values: string[] = []
  for (const pair of header?.split(';') ?? []) {
    const equals = pair.indexOf('=')
    if (equals >= 0 && withoutSpace(pair.slice(0, equals)) === name)
      values.push(unquoted(withoutSpace(pair.slice(equals + 1))))
  }
  return values.join(' ') || null
}

/**
 * Without the spaces and tabs around it, and with all else, as browsers read cookies (RFC 6265bis section 5.6). `trim`
 * would also remove U+00A0: a browser lets any host of the site set a cookie `U+00A0 __Host-…`, which is not the host's
 * own.
 */
function withoutSpace(text: string): string {
  let [from, to] = [0, text.length]
  while (from < to && isSpace(text.charAt(from))) from++
  while (from < to && isSpace(text.charAt(to - 1))) to--
  return text.slice(from, to)
}

function isSpace(character: string): boolean {
  return character === ' ' || character === '\t'
}

function unquoted(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}
