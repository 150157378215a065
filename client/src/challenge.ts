// Parses a challenge: the request by which the server wants to get a new token.

import { parseObject } from './json-object.ts'

export interface Challenge {
  readonly method: string
  readonly headers: Record<string, string>
}

/** The request of a renewal without a challenge. */
export const STANDARD_CHALLENGE: Challenge = {
  method: 'POST',
  headers: { 'content-type': 'application/x-challenge-response' },
}

/**
 * null if the data is no challenge. Keeps only headers that the request can need, and so none that could set
 * credentials or the length of the message.
 */
export function readChallenge(data: string): Challenge | null {
  const { method, headers } = parseObject(data) ?? {}
  if (typeof method !== 'string' || !/^(POST|PUT|PATCH)$/.test(method)) return null
  if (typeof headers !== 'object' || headers === null) return null
  const named = Object.entries(headers).filter(
    (header): header is [string, string] =>
      /^(content-type|accept|x-[a-z0-9-]{1,60})$/i.test(header[0]) && typeof header[1] === 'string',
  )
  return { method, headers: Object.fromEntries(named) }
}
