// A configuration on its way to being checked: plain objects and lists, put together from several sources.

import { isProxy } from 'node:util/types'
import type { Fault, SettingPlace } from './validation.ts'

export type Document = Record<string, unknown>

/** A copy down to the leaves, which stay what they are (a function is one): checking fills in defaults. */
export function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copied)
  if (!isDocument(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copied(inner)]))
}

export function valueAt(document: unknown, place: SettingPlace): unknown {
  return place.reduce<unknown>((value, name) => {
    if (Array.isArray(value)) return value[Number(name)]
    return isDocument(value) && Object.hasOwn(value, name) ? value[name] : undefined
  }, document)
}

/**
 * Sets a value, with the objects on the way to it; an index makes a list. Where a text or a number stands in the way,
 * nothing is set: checking will say that it does not belong there.
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
    // A list is entered like an object: its indices are names, too.
    at = inner as Document
  }
}

/** What a copy would lose, or would have otherwise than the original the next time it is asked: a fault for each object. */
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

/** What an object is besides a plain one or a list, in words; null where it is no more than that. */
export function unplain(value: object): string | null {
  if (isProxy(value)) return 'is a Proxy, which need not tell what it holds'
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

/** Of this realm or another one (node:vm): the one at the end of each chain that has this method. */
function isObjectPrototype(prototype: unknown): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(Object(prototype), 'isPrototypeOf')
}
