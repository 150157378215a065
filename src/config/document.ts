// A configuration on its way to being checked: plain objects and lists, put together from several sources.

import type { Place } from './validation.ts'

export type Document = Record<string, unknown>

/** A copy down to the leaves, which stay what they are (a function is one): checking fills in defaults. */
export function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copied)
  if (!isDocument(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copied(inner)]))
}

export function valueAt(document: unknown, place: Place): unknown {
  return place.reduce<unknown>((value, name) => {
    if (Array.isArray(value)) return value[Number(name)]
    return isDocument(value) && Object.hasOwn(value, name) ? value[name] : undefined
  }, document)
}

/**
 * Sets a value, with the objects on the way to it; an index makes a list. Where a text or a number stands in the way,
 * nothing is set: checking will say that it does not belong there.
 */
export function setAt(document: Document, place: Place, value: unknown): void {
  let at = document
  for (const [depth, name] of place.entries()) {
    const next = place[depth + 1]
    if (next === undefined) {
      at[name] = value
      return
    }
    at[name] ??= /^\d+$/.test(next) ? [] : {}
    const inner = at[name]
    if (!isDocument(inner) && !Array.isArray(inner)) return
    // A list is entered like an object: its indices are names, too.
    at = inner as Document
  }
}

function isDocument(value: unknown): value is Document {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
