// The ways of a request from the server of HTTP to a route of sse-kafka: which paths it may have, and which guards it
// has to pass.

import type { Notes } from './notes.ts'
import { areApart, coversPath, PATH_LENGTH_MAX } from './paths.ts'
import type { YamlPlace } from './place.ts'

export const EVERY_PATH = '/*'
/** Ways to one route, by the conditions of the routes before it. */
const WAYS_MAX = 100

/** Conditions of the routes on the way so far. */
export interface Way {
  readonly paths: readonly PathCondition[]
  readonly guarded: readonly YamlPlace[]
}

export interface PathCondition {
  readonly place: YamlPlace
  readonly path: string
}

/**
 * Every way that goes on by one of a route's own paths. None of its own: by those so far. null if these are more than
 * `WAYS_MAX`.
 */
export function waysBehindAll(
  ways: readonly Way[],
  own: readonly PathCondition[] | null,
  guarded: YamlPlace | null,
): readonly Way[] | null {
  if (ways.length * (own?.length ?? 1) > WAYS_MAX) return null
  return ways.flatMap((way) => waysBehind(way, own, guarded))
}

export function tooManyWays(name: string): string {
  return `more than ${WAYS_MAX} combinations of conditions lead to ${name}`
}

/** The same for one way. */
export function waysBehind(
  way: Way,
  own: readonly PathCondition[] | null,
  guarded: YamlPlace | null,
): readonly Way[] {
  const guards = guarded === null ? way.guarded : [...way.guarded, guarded]
  if (own === null) return [{ paths: way.paths, guarded: guards }]
  return own.map((condition) => ({ paths: [...way.paths, condition], guarded: guards }))
}

/** The paths of a route's conditions; null if every path matches. */
export function pathsOf(when: readonly YamlPlace[], notes: Notes): readonly PathCondition[] | null {
  const paths = when.flatMap((condition): PathCondition[] => {
    const place = condition.member('path')
    const path = place?.text() ?? null
    if (place === null || path === null) return [{ place: condition, path: EVERY_PATH }]
    if (path.length <= PATH_LENGTH_MAX) return [{ place, path }]
    notes.leaveOut(place, `is longer than ${PATH_LENGTH_MAX} characters`)
    return []
  })
  return when.length === 0 ? null : paths
}

/** The path that all others cover. null: none of them. */
export function narrowest(paths: readonly string[]): string | 'apart' | null {
  let least = EVERY_PATH
  for (const path of paths) {
    if (coversPath(least, path)) least = path
    else if (areApart(least, path)) return 'apart'
    else if (!coversPath(path, least)) return null
  }
  return least
}
