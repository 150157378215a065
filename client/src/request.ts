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

/** Header values are bytes, so a text is sent in UTF-8 (HTML spec 9.2.3). */
export function headerText(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('')
}
