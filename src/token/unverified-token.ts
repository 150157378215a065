// What a token says before its signature is verified. Pure. Promise: header and claims are JSON objects in UTF-8, in
// which no object names a member twice, so that no two readers of one token can differ about it; how deep is bounded.

import { isUtf8 } from 'node:buffer'
import type { Claims } from './claims.ts'

export interface UnverifiedToken {
  /** The parameters of RFC 7515 section 4.1. */
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Claims
}

/** Header and claims of a token in its canonical spelling (src/token/request-token.ts); null if it is malformed. */
export function unverifiedToken(canonical: string): UnverifiedToken | null {
  const [first = '', second = ''] = canonical.split('.')
  const header = strictObject(first)
  const claims = strictObject(second)
  return header === null || claims === null ? null : { header, claims }
}

/** RFC 7519 section 4 leaves it to the reader to refuse duplicate names, or to take the last. */
function strictObject(segment: string): Readonly<Record<string, unknown>> | null {
  const bytes = Buffer.from(segment, 'base64url')
  if (!isUtf8(bytes)) return null
  const text = bytes.toString()
  const value = parsed(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  if (!isPlain(text)) return null
  return { ...(text.includes('\\') ? numberedAndNamed(text) : value) }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Text that is no JSON is refused like JSON that is no object.
    return null
  }
}

/** Deeper ones cannot be sent to another thread. No provider's claims come near. */
export const NESTED_MAX = 100

/** A string, or one of the characters that open, close and separate. Numbers and words between them do not matter. */
const JSON_PARTS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/g

/**
 * Whether no object in the text, which is JSON, has two members of one name, however each is escaped, and nothing is
 * nested deeper than NESTED_MAX.
 */
function isPlain(text: string): boolean {
  const around: (Set<string> | null)[] = []
  let last = ''
  for (const [part] of text.matchAll(JSON_PARTS)) {
    if (part === '{') around.push(new Set())
    else if (part === '[') around.push(null)
    else if (part === '}' || part === ']') around.pop()
    else if (part === ':') {
      const name: string = JSON.parse(last)
      const names = around.at(-1)
      if (names?.has(name)) return false
      names?.add(name)
    }
    if (around.length > NESTED_MAX) return false
    last = part
  }
  return true
}

/** A string, and the colon behind it if it is a name. */
const STRINGS = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?/g

/**
 * The object that a text holds, read with numbers in place of its names. JSON.parse of Node 24 and 26 may take a name
 * with an escape for an earlier one, which has the characters that this one is written with: one token by anyone could
 * take the claim `https:\/\/example.com\/roles` from all others. https://github.com/nodejs/node/issues/63785
 */
function numberedAndNamed(text: string): object {
  const names: string[] = []
  const numbered = text.replace(STRINGS, (whole, string: string, colon?: string) =>
    colon === undefined ? whole : `"${names.push(JSON.parse(string)) - 1}"${colon}`,
  )
  const value: object = JSON.parse(numbered)
  return named(value, names)
}

/** Recurses no deeper than NESTED_MAX. */
function named(object: object, names: readonly string[]): object {
  const inner = (value: unknown) =>
    typeof value === 'object' && value !== null ? named(value, names) : value
  if (Array.isArray(object)) return object.map(inner)
  return Object.fromEntries(Object.entries(object).map(([at, value]) => [names[Number(at)], inner(value)]))
}
