// Sends requests. Promise: to the stream's own URL only, without following redirects, so that no other server gets a
// token.

import type { Settings } from './option-checks.ts'
import type { FetchResponse } from './options.ts'

export type Send = (
  method: string,
  headers: Record<string, string>,
  signal: AbortSignal,
) => Promise<FetchResponse>

/** Sends to `url` by the option `fetch`, with the headers of the option `headers`. */
export function sendingTo(url: string, { fetch, headers: own, credentials }: Settings): Send {
  return (method, headers, signal) =>
    fetch(url, {
      method,
      headers: { ...own, ...headers },
      credentials,
      signal,
      cache: 'no-store',
      redirect: 'manual',
    })
}

/** Without a token there is no Authorization: the session is a cookie's. */
export function authorization(token: string): { authorization?: string } {
  return token ? { authorization: `Bearer ${token}` } : {}
}

/** Header values are bytes, so an ID is sent in UTF-8 (HTML spec 9.2.3). */
export function resumption(lastEventId: string): { 'last-event-id'?: string } {
  if (!lastEventId) return {}
  return { 'last-event-id': String.fromCharCode(...new TextEncoder().encode(lastEventId)) }
}
