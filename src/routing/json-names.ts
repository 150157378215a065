// Names of members as bytes, by which a name in a value is compared without making a text of it. The bytes are WTF-8:
// UTF-8 in which a lone surrogate has three bytes of its own, so that two names are the same if their bytes are.

import { BACKSLASH, byteAt, codeUnitAt, escapedBy, QUOTE } from './json-grammar.ts'

/** What `unescapeName` needs behind the longest name that it is to write whole. */
export const ROOM_BYTES = 4

const LOW_SURROGATE = 0xdc00
const SURROGATE_END = 0xe000
const UNIT_BYTES_MAX = 3

export function nameBytes(name: string): Uint8Array {
  const quoted = Buffer.from(JSON.stringify(name)) // a lone surrogate is an escape there
  const bytes = new Uint8Array(name.length * UNIT_BYTES_MAX + ROOM_BYTES)
  return bytes.slice(0, unescapeName(quoted, 1, bytes))
}

export function hasEscape(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === BACKSLASH) return true
  return false
}

/**
 * Writes the valid name that begins behind a quote, and returns its length in bytes. It stops once less than ROOM_BYTES
 * are left, so a hostile name costs no more than the longest that is looked for.
 */
export function unescapeName(bytes: Uint8Array, start: number, into: Uint8Array): number {
  let length = 0
  let at = start
  while (length <= into.length - ROOM_BYTES) {
    const code = byteAt(bytes, at)
    if (code === QUOTE) break
    const escaped = code === BACKSLASH ? escapedBy(byteAt(bytes, at + 1)) : code
    if (escaped === 0) {
      length = writeUnit(into, length, codeUnitAt(bytes, at + 2))
      at += 6
    } else {
      into[length++] = escaped
      at += code === BACKSLASH ? 2 : 1
    }
  }
  return length
}

/** Writes a UTF-16 code unit: as one character with the unit before it, if they are a surrogate pair. */
function writeUnit(into: Uint8Array, length: number, unit: number): number {
  const isLow = unit >= LOW_SURROGATE && unit < SURROGATE_END
  const high = isLow && length >= UNIT_BYTES_MAX ? highSurrogateAt(into, length - UNIT_BYTES_MAX) : 0
  if (high !== 0)
    return writeCharacter(into, length - UNIT_BYTES_MAX, 0x10000 + ((high & 0x3ff) << 10) + (unit & 0x3ff))
  return writeCharacter(into, length, unit)
}

/** 0 if there is none. In valid UTF-8 these three bytes are nowhere, so they were written for an escape. */
function highSurrogateAt(bytes: Uint8Array, at: number): number {
  const [first = 0, second = 0, third = 0] = [bytes[at], bytes[at + 1], bytes[at + 2]]
  const isHigh = first === 0xed && second >= 0xa0 && second < 0xb0
  return isHigh ? 0xd000 | ((second & 0x3f) << 6) | (third & 0x3f) : 0
}

function writeCharacter(into: Uint8Array, start: number, code: number): number {
  if (code < 0x80) {
    into[start] = code
    return start + 1
  }
  const length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
  let rest = code
  for (let at = start + length - 1; at > start; at--) {
    into[at] = 0x80 | (rest & 0x3f)
    rest >>= 6
  }
  into[start] = ((0xf00 >> length) & 0xff) | rest
  return start + length
}
