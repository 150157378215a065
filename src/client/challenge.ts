// What the server asks for in a challenge: the request that is to bring it a new token.

import { parseObject } from './json-object.ts'

export interface Challenge {
  readonly method: string
  readonly headers: Record<string, string>
}

/** For a renewal that nobody asked for. */
export const STANDARD_CHALLENGE: Challenge = {
  method: 'POST',
  headers: { 'content-type': 'application/x-challenge-response' },
}

/** Only what an answer can need: no header that says who is asking, or where the message ends. null: no challenge. */
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
