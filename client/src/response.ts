// Interprets the status and the headers of a response to a stream request.

import { SERVER_WAIT_MAX_MS } from './backoff.ts'
import type { FetchResponse } from './options.ts'
import { StreamError } from './stream-error.ts'

/** Throws a StreamError unless the response is an event stream. `reason`: what the server says of a refusal, if any. */
export function checkResponse(response: FetchResponse, reason = ''): void {
  const { status, headers } = response
  const because = reason === '' ? '' : `: ${reason}`
  if (status === 200) {
    const mediaType = (headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
    if (mediaType === 'text/event-stream') return
    throw new StreamError('not-an-event-stream', `The answer is ${mediaType || 'of no type'}`, { status })
  }
  if (status === 401 || status === 403) {
    throw new StreamError('unauthorized', `The token was refused with ${status}${because}`, { status })
  }
  // Browsers show a redirect that is not followed as status 0.
  const words = status === 0 ? 'a redirect' : `${status}`
  if (!isTemporary(status))
    throw new StreamError('refused', `The server answered ${words}${because}`, { status })
  const retryAfterMs = readRetryAfterMs(headers.get('retry-after'))
  throw new StreamError('unavailable', `The server answered ${words}`, { status, retryAfterMs })
}

/** Whether the same request may succeed later. */
export function isTemporary(status: number): boolean {
  return status >= 500 || status === 408 || status === 425 || status === 429
}

/** Seconds or a date (RFC 9110 section 10.2.3), limited to SERVER_WAIT_MAX_MS. */
export function readRetryAfterMs(value: string | null): number | null {
  if (value === null) return null
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now()
  return Number.isNaN(waitMs) ? null : Math.min(Math.max(waitMs, 0), SERVER_WAIT_MAX_MS)
}
