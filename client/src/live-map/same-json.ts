// Whether two values of JSON are equal. Promise: never says so of values that differ. Values that JSON does not have,
// and those nested deeper than DEPTH_MAX, count as different.

const DEPTH_MAX = 100

export function isSameJson(one: unknown, other: unknown, depth = 0): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== 'object' || typeof other !== 'object' || !one || !other || depth > DEPTH_MAX)
    return false
  const kind = Object.getPrototypeOf(one)
  if (kind !== Object.getPrototypeOf(other)) return false
  if (kind !== Object.prototype && kind !== Array.prototype) return false
  const names = Object.keys(one)
  if (names.length !== Object.keys(other).length) return false
  return names.every(
    (name) => Object.hasOwn(other, name) && isSameJson(memberOf(one, name), memberOf(other, name), depth + 1),
  )
}

function memberOf(parent: object, name: string): unknown {
  return Reflect.get(parent, name)
}
