// Reads a field of a JSON value by JSON Pointer (RFC 6901), as text. Promise: never throws, for any bytes.

import { isUtf8 } from 'node:buffer'

/** A field by its path from the root: names, unescaped. An array's elements have decimal indexes as names. */
export type FieldPath = readonly string[]

const POINTER = /^(?:\/(?:[^~/]|~[01])*)+$/
const ARRAY_INDEX = /^(?:0|[1-9][0-9]*)$/
const LONE_SURROGATE = /\p{Surrogate}/u

/** Throws a SyntaxError for a text that is no JSON Pointer, and for the empty one, which is the whole value. */
export function parsePointer(pointer: string): FieldPath {
  if (!POINTER.test(pointer)) throw new SyntaxError(`${JSON.stringify(pointer)} is not a JSON Pointer`)
  return pointer
    .slice(1)
    .split('/')
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/**
 * The text of each field of a JSON value: a string's own, or a number's as it is written. null for a field that is
 * missing, empty, or anything else, and for every field if the value is not JSON in UTF-8. Of duplicate members the
 * last counts. The value is parsed once.
 */
export function fieldTexts(value: Uint8Array, paths: readonly FieldPath[]): (string | null)[] {
  const json = parsed(value)
  if (json === null) return paths.map(() => null)
  return paths.map((path) => {
    const found = walk(json.root, path)
    if (typeof found === 'number') return numberText(json.text, path)
    return typeof found === 'string' && found !== '' && !LONE_SURROGATE.test(found) ? found : null
  })
}

function parsed(value: Uint8Array): { readonly text: string; readonly root: unknown } | null {
  if (!isUtf8(value)) return null
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8')
  try {
    return { text, root: JSON.parse(text) }
  } catch {
    return null // a value need not be JSON: it then has no fields
  }
}

function walk(root: unknown, path: FieldPath): unknown {
  let value = root
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    if (Array.isArray(value) && !ARRAY_INDEX.test(name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name] // an object or a list, as checked
  }
  return value
}

/** The number at a path as it is written. JSON.parse would make 1 of 1.0, and round long ones. `text` is valid JSON. */
function numberText(text: string, path: FieldPath): string {
  const scan = new JsonScan(text)
  for (const name of path) scan.enter(name)
  return scan.number()
}

/** A place in a text that is known to be valid JSON. */
class JsonScan {
  private readonly text: string
  private at = 0

  constructor(text: string) {
    this.text = text
  }

  /** Moves from a list or an object to its element, or to the last member of that name. It has one. */
  enter(name: string): void {
    this.skipSpace()
    const isList = this.text[this.at] === '['
    let [found, index] = [0, 0]
    for (this.at++; ; this.at++) {
      this.skipSpace()
      const own = isList ? String(index++) : this.memberName()
      if (own === name) found = this.at
      if (isList && own === name) break
      this.skipValue()
      this.skipSpace()
      if (this.text[this.at] !== ',') break
    }
    this.at = found
  }

  number(): string {
    this.skipSpace()
    NUMBER.lastIndex = this.at
    return NUMBER.exec(this.text)?.[0] ?? ''
  }

  private memberName(): string {
    const start = this.at
    this.skipString()
    const name = this.text.slice(start + 1, this.at - 1)
    this.skipSpace()
    this.at++ // the colon
    return name.includes('\\') ? String(JSON.parse(`"${name}"`)) : name
  }

  /**
   * Passes one value, of any depth, without recursion. Looks at every character of it, some 2 ns each: a producer may
   * write a MiB of lists beside the number that is looked for.
   */
  private skipValue(): void {
    this.skipSpace()
    const first = this.text.charCodeAt(this.at)
    if (first !== QUOTE && !isOpening(first)) {
      this.skipWord()
      return
    }
    const { text } = this
    let { at } = this
    let depth = 0
    do {
      const code = text.charCodeAt(at)
      if (code === QUOTE) at = endOfString(text, at)
      else {
        if (isOpening(code)) depth++
        else if (code === CLOSING_BRACE || code === CLOSING_BRACKET) depth--
        at++
      }
    } while (depth > 0)
    this.at = at
  }

  private skipString(): void {
    this.at = endOfString(this.text, this.at)
  }

  /** A number, true, false or null. */
  private skipWord(): void {
    WORD.lastIndex = this.at
    WORD.test(this.text)
    this.at = WORD.lastIndex
  }

  private skipSpace(): void {
    if (this.text.charCodeAt(this.at) > BLANK) return
    SPACE.lastIndex = this.at
    SPACE.test(this.text)
    this.at = SPACE.lastIndex
  }
}

/** Behind the quote that closes the string at this place. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  for (let code = text.charCodeAt(at); code !== QUOTE; code = text.charCodeAt(++at))
    if (code === BACKSLASH) at++
  return at + 1
}

function isOpening(code: number): boolean {
  return code === OPENING_BRACE || code === OPENING_BRACKET
}

const BLANK = 0x20
const QUOTE = 0x22
const OPENING_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSING_BRACKET = 0x5d
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d
const NUMBER = /-?[0-9.eE+-]+/y
const WORD = /[a-z0-9.E+-]+/y
const SPACE = /[ \t\n\r]*/y
