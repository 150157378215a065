// Options that need several parts. A part alone refuses them, because it would ignore them.

import { ConfigError } from '../config/config-error.ts'

/** Throws a ConfigError that names each of `names` that is set. null is the default of all of them. */
export function refuseWholeOnly(options: object, names: readonly string[]): void {
  const set = Object.entries(options).filter(
    ([name, value]) => names.includes(name) && (value ?? null) !== null,
  )
  if (set.length === 0) return
  throw new ConfigError(set.map(([name]) => `options.${name} needs the whole plugin, not one of its parts`))
}
