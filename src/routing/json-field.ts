// Reads fields of a JSON value by JSON Pointer (RFC 6901), as text. Promise: never throws, for any bytes, and its time
// grows with their number alone: a hostile value does not hold up the thread.

import { quoted } from '../text/quoted.ts'
import { byteAt, isNumberStart, QUOTE } from './json-grammar.ts'
import { hasEscape } from './json-names.ts'
import type { FieldPath, FieldRange, WantedFields } from './wanted-fields.ts'

const POINTER = /^(?:\/(?:[^~/]|~[01])*)+$/
const LONE_SURROGATE = /\p{Surrogate}/u

/** Throws a SyntaxError for a text that is no JSON Pointer, and for the empty one, which is the whole value. */
export function parsePointer(pointer: string): FieldPath {
  if (!POINTER.test(pointer)) throw new SyntaxError(`${quoted(pointer)} is not a JSON Pointer`)
  return pointer
    .slice(1)
    .split('/')
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/**
 * The text of each wanted field of a JSON value: a string's own, or a number's as it is written. null for a field that
 * is missing, empty, or anything else, and for every field if the value is not JSON in UTF-8. Of duplicate members the
 * last counts.
 */
export function fieldTexts(value: Uint8Array, wanted: WantedFields): (string | null)[] {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return wanted.rangesIn(bytes).map((range) => (range === null ? null : textOf(bytes, range)))
}

function textOf(bytes: Buffer, { start, end }: FieldRange): string | null {
  const code = byteAt(bytes, start)
  if (code !== QUOTE) return isNumberStart(code) ? bytes.toString('latin1', start, end) : null
  if (end - start === 2) return null
  if (!hasEscape(bytes, start + 1, end - 1)) return bytes.toString('utf8', start + 1, end - 1)
  const text: unknown = JSON.parse(bytes.toString('utf8', start, end))
  return typeof text === 'string' && !LONE_SURROGATE.test(text) ? text : null
}
