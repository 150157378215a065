// Interprets the response to a stream request: its status, its headers, and what the server says of a refusal. Promise:
// of its body an error has at most REASON_LENGTH_MAX printable characters, and never the token.

import { parseObject } from './json-object.ts'
import type { FetchResponse } from './options.ts'
import { SERVER_WAIT_MAX_MS } from './retries.ts'
import { StreamError, type StreamErrorCode } from './stream-error.ts'
import { withTimeout } from './waiting.ts'

const BODY_WAIT_MS = 2_000
const REASON_LENGTH_MAX = 200

/** The body of an event stream. Throws a StreamError for any other response. */
export async function readBody(
  response: FetchResponse,
  token: string,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const { status, headers, body } = response
  const type = headers.get('content-type')
  if (status === 200 && body && /^text\/event-stream *(;|$)/i.test(`${type}`)) return body
  const reason = await refusalReason(response, token, signal)
  const refuse = (code: StreamErrorCode, words: string) =>
    new StreamError(code, words + (reason && `: ${reason}`), detailsOf(response))
  if (status === 200) throw refuse('not-an-event-stream', `The answer is ${type ?? 'of no type'}`)
  if (isRefusedToken(status)) throw refuse('unauthorized', `The token was refused with ${status}`)
  // Browsers show a redirect that is not followed as status 0.
  throw refuse(
    isTemporary(status) ? 'unavailable' : 'refused',
    `The server answered ${status || 'a redirect'}`,
  )
}

/**
 * What an error says of a response. Retry-After is in seconds or a date (RFC 9110 section 10.2.3), and limited to
 * SERVER_WAIT_MAX_MS.
 */
export function detailsOf({ status, headers }: FetchResponse): {
  status: number
  retryAfterMs: number | null
} {
  const text = `${headers.get('retry-after')}`
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now()
  // null for 0 and for NaN, which is what cannot be read.
  return { status, retryAfterMs: Math.min(Math.max(waitMs, 0), SERVER_WAIT_MAX_MS) || null }
}

export function isRefusedToken(status: number): boolean {
  return status === 401 || status === 403
}

/** Whether the same request may succeed later. */
export function isTemporary(status: number): boolean {
  return status >= 500 || [408, 425, 429].includes(status)
}

/**
 * The message of an error of this protocol (docs/protocol.md, "Answers other than a stream"), which comes in one piece.
 * Empty for any other answer, and for one of which nothing comes within BODY_WAIT_MS: the refusal stands without it.
 */
async function refusalReason(
  { status, body }: FetchResponse,
  token: string,
  signal: AbortSignal,
): Promise<string> {
  if (status < 400 || isTemporary(status) || !body) return ''
  const read = withTimeout(async () => body.getReader().read(), BODY_WAIT_MS, signal)
  const { value } = await read.catch((): { value?: undefined } => ({}))
  const { code, message } = parseObject(new TextDecoder().decode(value)) ?? {}
  if (!/^FKS_/.test(`${code}`) || typeof message !== 'string' || (token && message.includes(token))) return ''
  return message.length <= REASON_LENGTH_MAX && /^\P{C}*$/u.test(message) ? message : ''
}
