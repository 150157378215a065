// A configuration before it is checked: plain objects and arrays, merged from several sources.

import { isProxy } from 'node:util/types'
import type { Fault, SettingPlace } from './validation.ts'

export type Document = Record<string, unknown>

/** A deep copy, because checking fills in defaults. Leaves such as functions are not copied. */
export function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copied)
  if (!isDocument(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copied(inner)]))
}

/** `streams[0].path` */
export function dotted(place: SettingPlace): string {
  return place.reduce((text, name) => {
    if (/^\d+$/.test(name)) return `${text}[${name}]`
    return text === '' ? name : `${text}.${name}`
  }, '')
}

export function valueAt(document: unknown, place: SettingPlace): unknown {
  return place.reduce<unknown>((value, name) => {
    if (Array.isArray(value)) return value[Number(name)]
    return isDocument(value) && Object.hasOwn(value, name) ? value[name] : undefined
  }, document)
}

/**
 * Sets a value, and creates the objects above it, or an array if the next name is an index. If a string or a number is
 * in the way, it sets nothing: the check reports that value.
 */
export function setAt(document: Document, place: SettingPlace, value: unknown): void {
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
    // An array is used like an object whose names are its indices.
    at = inner as Document
  }
}

/** A fault for each object that `copied` would not copy faithfully, such as a class instance or a Proxy. */
export function unplainFaults(
  value: unknown,
  place: SettingPlace = [],
  above: readonly unknown[] = [],
): Fault[] {
  if (typeof value !== 'object' || value === null) return []
  const words = above.includes(value) ? 'is a part of itself' : unplain(value)
  if (words !== null) return [{ place, kind: 'wrong', words }]
  const around = [...above, value]
  return Object.entries(value).flatMap(([name, inner]) => unplainFaults(inner, [...place, name], around))
}

/** Why an object is not plain, as a predicate; null for a plain object and for an array. */
export function unplain(value: object): string | null {
  if (isProxy(value)) return 'is a Proxy, which may hold another value at each reading'
  if (Object.getOwnPropertySymbols(value).length > 0) return 'has symbols for names'
  if (Array.isArray(value)) return null
  if (!isDocument(value)) return 'is no plain object: what it inherits would be lost'
  const isAllListed = Object.getOwnPropertyNames(value).length === Object.keys(value).length
  return isAllListed ? null : 'has names that are not enumerable'
}

function isDocument(value: unknown): value is Document {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || isObjectPrototype(prototype)
}

/** Also true for the Object.prototype of another realm (node:vm), which is not the same object. */
function isObjectPrototype(prototype: unknown): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(Object(prototype), 'isPrototypeOf')
}
