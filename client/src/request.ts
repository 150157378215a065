// Sends requests. Promise: to the stream's own URL only, without following redirects, so that no other server gets a
// token.

import type { Fetch, FetchResponse } from './options.ts'

export type Send = (
  method: string,
  headers: Record<string, string>,
  signal: AbortSignal,
) => Promise<FetchResponse>

/** Sends to `url`, by `fetch` or else by the global one, which is looked up at each request. */
export function sendingTo(url: string, fetch: Fetch | undefined): Send {
  // Called as a method of the global object, because browsers throw otherwise.
  const reach: Fetch = fetch ?? ((to, request) => globalThis.fetch(to, request))
  return (method, headers, signal) =>
    reach(url, { method, headers, signal, cache: 'no-store', redirect: 'manual' })
}

export function streamHeaders(token: string, lastEventId: string): Record<string, string> {
  const headers = { accept: 'text/event-stream', authorization: `Bearer ${token}` }
  return lastEventId === '' ? headers : { ...headers, 'last-event-id': headerText(lastEventId) }
}

/** Header values are bytes, so an ID is sent in UTF-8 (HTML spec 9.2.3). */
function headerText(id: string): string {
  return Array.from(new TextEncoder().encode(id), (byte) => String.fromCharCode(byte)).join('')
}
