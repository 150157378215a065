// Where a request is, by what the router has matched. The text of its URL decides nothing.

import type { FastifyRequest } from 'fastify'
import type { MatchedPath } from '../src/stream/holders.ts'

/**
 * Where the router has found the request to be. A renewal must be at the same place, however the path of its URL is
 * written: with a slash at its end, in another case, percent-encoded, in absolute form, or rewritten by the host.
 * A parameter that is empty counts as one that is missing.
 */
export function matchedPath({ path }: { readonly path: string }, { params }: FastifyRequest): MatchedPath {
  const given = Object.entries(Object(params)).filter(([, value]) => value !== '' && value !== undefined)
  const pairs = given.sort(([one], [other]) => (one < other ? -1 : 1))
  return { route: path, params: JSON.stringify(pairs) }
}

/** The same in one text, by which ids and tickets are bound to it. */
export function pathText({ route, params }: MatchedPath): string {
  return `[${JSON.stringify(route)},${params}]`
}
