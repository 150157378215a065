// Reads a field of a JSON value by JSON Pointer (RFC 6901), as text. Promise: never throws, for any bytes.

import { isUtf8 } from 'node:buffer'
import { numberTexts } from './json-numbers.ts'

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
 * last counts. The value is parsed once, and read once more if a field is a number.
 */
export function fieldTexts(value: Uint8Array, paths: readonly FieldPath[]): (string | null)[] {
  const json = parsed(value)
  if (json === null) return paths.map(() => null)
  const found = paths.map((path) => walk(json.root, path))
  const numbers = numberTexts(
    json.text,
    paths.filter((_path, at) => typeof found[at] === 'number'),
  )
  return found.map((field) => {
    if (typeof field === 'number') return numbers.shift() ?? null
    return typeof field === 'string' && field !== '' && !LONE_SURROGATE.test(field) ? field : null
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
