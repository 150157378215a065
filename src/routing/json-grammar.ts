// The grammar of JSON over bytes, as strict as JSON.parse. Promise: it builds no document and does not recurse; what it
// holds is one byte for each level of nesting. Each function is given the place where something begins, and returns
// the place behind it, or REFUSED.

/** Past the end of any value. What begins there is refused as well, so a refusal need not be asked for at each step. */
export const REFUSED = 0x7fff_ffff

export const QUOTE = 0x22
export const COMMA = 0x2c
export const OPEN_LIST = 0x5b
export const BACKSLASH = 0x5c
export const OPEN_OBJECT = 0x7b
/** From a bracket that opens to the one that closes: from [ to ], and from { to }. */
export const TO_CLOSE = 2

const TAB = 0x09
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const SPACE = 0x20
const PLUS = 0x2b
const MINUS = 0x2d
const POINT = 0x2e
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const COLON = 0x3a
const SMALL_A = 0x61
const SMALL_E = 0x65
const SMALL_F = 0x66
const SMALL_U = 0x75
/** The bit by which A to Z differ from a to z. */
const SMALL = 0x20

/** The words of JSON by their first byte. */
const WORDS = ['true', 'false', 'null'].map((word) => Buffer.from(word))
/** What stands for which byte behind a backslash, by its code. 0: nothing does. */
const ESCAPES = new Uint8Array(256)
for (const [letter, byte] of ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t'])
  ESCAPES[letter?.charCodeAt(0) ?? 0] = byte?.charCodeAt(0) ?? 0

/** The brackets that close the levels that are open, outermost first. Used by one call at a time. */
const SHALLOW = new Uint8Array(1024)

/** A byte of a value. 0 past its end, which JSON has nowhere. A read past the end would slow all later ones down. */
export function byteAt(bytes: Uint8Array, at: number): number {
  return at < bytes.length ? (bytes[at] ?? 0) : 0
}

export function spaceEnd(bytes: Uint8Array, start: number): number {
  let at = start
  while (isSpace(byteAt(bytes, at))) at++
  return at
}

function isSpace(code: number): boolean {
  if (code > SPACE) return false
  return code === SPACE || code === LINE_FEED || code === CARRIAGE_RETURN || code === TAB
}

/** A value of any kind and depth. */
export function valueEnd(bytes: Uint8Array, start: number): number {
  let open = SHALLOW
  let depth = 0
  let at = start
  for (;;) {
    const code = byteAt(bytes, at)
    if (code === OPEN_LIST || code === OPEN_OBJECT) {
      if (depth === open.length) open = twice(open)
      open[depth++] = code + TO_CLOSE
      at = spaceEnd(bytes, at + 1)
      if (byteAt(bytes, at) !== code + TO_CLOSE) {
        if (code === OPEN_OBJECT) at = colonEnd(bytes, stringEnd(bytes, at))
        continue
      }
    } else at = leafEnd(bytes, at, code)
    // Behind a value, or at the end of an empty list or object: passes what closes here.
    for (;;) {
      if (depth === 0) return at
      at = spaceEnd(bytes, at)
      const close = open[depth - 1]
      const next = byteAt(bytes, at)
      if (next === close) {
        at++
        depth--
      } else if (next === COMMA) {
        at = spaceEnd(bytes, at + 1)
        if (close === OPEN_OBJECT + TO_CLOSE) at = colonEnd(bytes, stringEnd(bytes, at))
        break
      } else return REFUSED
    }
  }
}

function twice(open: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(open.length * 2)
  larger.set(open)
  return larger
}

/** The colon behind a name, and the space around it. */
export function colonEnd(bytes: Uint8Array, start: number): number {
  const at = spaceEnd(bytes, start)
  return byteAt(bytes, at) === COLON ? spaceEnd(bytes, at + 1) : REFUSED
}

/** A string, with its quotes. */
export function stringEnd(bytes: Uint8Array, start: number): number {
  if (byteAt(bytes, start) !== QUOTE) return REFUSED
  let at = start + 1
  while (at < bytes.length) {
    const code = bytes[at] ?? 0
    if (code === QUOTE) return at + 1
    if (code < SPACE) return REFUSED
    at = code === BACKSLASH ? escapeEnd(bytes, at) : at + 1
  }
  return REFUSED
}

function escapeEnd(bytes: Uint8Array, start: number): number {
  const code = byteAt(bytes, start + 1)
  if (code === SMALL_U) return codeUnitAt(bytes, start + 2) < 0 ? REFUSED : start + 6
  return escapedBy(code) === 0 ? REFUSED : start + 2
}

/** The byte for which a code stands behind a backslash. 0 for none. */
export function escapedBy(code: number): number {
  return ESCAPES[code] ?? 0
}

/** The number that four hexadecimal digits are. -1 if they are not. */
export function codeUnitAt(bytes: Uint8Array, start: number): number {
  let unit = 0
  for (let at = start; at < start + 4; at++) {
    const digit = hexDigit(byteAt(bytes, at))
    if (digit < 0) return -1
    unit = unit * 16 + digit
  }
  return unit
}

function hexDigit(code: number): number {
  if (isDigit(code)) return code - DIGIT_0
  const small = code | SMALL
  return small >= SMALL_A && small <= SMALL_F ? small - SMALL_A + 10 : -1
}

function leafEnd(bytes: Uint8Array, start: number, code: number): number {
  if (code === QUOTE) return stringEnd(bytes, start)
  if (code <= DIGIT_9) return numberEnd(bytes, start)
  for (const word of WORDS) if (code === word[0]) return wordEnd(bytes, start, word)
  return REFUSED
}

function wordEnd(bytes: Uint8Array, start: number, word: Uint8Array): number {
  for (let at = 0; at < word.length; at++) if (byteAt(bytes, start + at) !== word[at]) return REFUSED
  return start + word.length
}

export function isNumberStart(code: number): boolean {
  return isDigit(code) || code === MINUS
}

/** What follows a number that ends here is refused where it stands: the 1 of 01, or the letter of 1a. */
function numberEnd(bytes: Uint8Array, start: number): number {
  let at = byteAt(bytes, start) === MINUS ? start + 1 : start
  at = byteAt(bytes, at) === DIGIT_0 ? at + 1 : digitsEnd(bytes, at)
  if (byteAt(bytes, at) === POINT) at = digitsEnd(bytes, at + 1)
  if ((byteAt(bytes, at) | SMALL) !== SMALL_E) return at
  const sign = byteAt(bytes, at + 1)
  return digitsEnd(bytes, sign === PLUS || sign === MINUS ? at + 2 : at + 1)
}

/** One digit or more. */
function digitsEnd(bytes: Uint8Array, start: number): number {
  let at = start
  while (isDigit(byteAt(bytes, at))) at++
  return at === start ? REFUSED : at
}

function isDigit(code: number): boolean {
  return code >= DIGIT_0 && code <= DIGIT_9
}
