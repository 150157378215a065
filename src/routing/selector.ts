// What a stream can be selected by: the key of a record, a header, or a field of its JSON value.

import { quoted } from '../text/quoted.ts'
import { parsePointer } from './json-field.ts'
import type { FieldPath } from './wanted-fields.ts'

/** What one condition looks at. `name` is the one in options and query: `key`, `headers.region`, `fields./tenant`. */
export type Selector =
  | { readonly kind: 'key'; readonly name: 'key' }
  | { readonly kind: 'header'; readonly name: string; readonly header: string }
  | { readonly kind: 'field'; readonly name: string; readonly path: FieldPath }

const HEADERS = 'headers.'
const FIELDS = 'fields.'

/** Throws a SyntaxError for a name that is none of a selector. */
export function parseSelector(name: string): Selector {
  if (name === 'key') return { kind: 'key', name }
  if (name.startsWith(HEADERS) && name.length > HEADERS.length)
    return { kind: 'header', name, header: name.slice(HEADERS.length) }
  if (name.startsWith(FIELDS)) return { kind: 'field', name, path: parsePointer(name.slice(FIELDS.length)) }
  throw new SyntaxError(`${quoted(name)} is none of key, headers.NAME, fields./POINTER`)
}

export function headerSelector(header: string): Selector {
  return { kind: 'header', name: HEADERS + header, header }
}

/** Throws a SyntaxError for a text that is no JSON Pointer. */
export function fieldSelector(pointer: string): Selector {
  return { kind: 'field', name: FIELDS + pointer, path: parsePointer(pointer) }
}
