// Sends requests. Promise: to the stream's own URL only, without following redirects, so that no other server gets a
// token.

import { readHeaders } from './option-checks.ts'
import type { ConnectOptions, Fetch, FetchResponse } from './options.ts'

export type Send = (
  method: string,
  headers: Record<string, string>,
  signal: AbortSignal,
) => Promise<FetchResponse>

/**
 * Sends to `url`, by the option `fetch` or else by the global one, which is looked up at each request. Throws a
 * TypeError for headers that cannot be sent.
 */
export function sendingTo(url: string, options: ConnectOptions): Send {
  // Called as a method of the global object, because browsers throw otherwise.
  const reach: Fetch = options.fetch ?? ((to, request) => globalThis.fetch(to, request))
  const { credentials = 'same-origin' } = options
  const own = readHeaders(options)
  return (method, headers, signal) =>
    reach(url, {
      method,
      headers: { ...own, ...headers },
      credentials,
      signal,
      cache: 'no-store',
      redirect: 'manual',
    })
}

/** Empty without a token: the session is a cookie's. */
export function authorization(token: string): Record<string, string> {
  return token === '' ? {} : { authorization: `Bearer ${token}` }
}

/** Header values are bytes, so an ID is sent in UTF-8 (HTML spec 9.2.3). */
export function resumption(lastEventId: string): Record<string, string> {
  if (lastEventId === '') return {}
  const bytes = new TextEncoder().encode(lastEventId)
  return { 'last-event-id': Array.from(bytes, (byte) => String.fromCharCode(byte)).join('') }
}
