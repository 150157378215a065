// The errors of a stream, and which of them are final. Promise: no message contains a token.

/**
 * Retried: `lost`: no connection, or it broke. `silent`: no byte for `heartbeatMs`. `token`: getToken threw, or took
 * more than 30 s. `unavailable`: 408, 425, 429 or 5xx, not before Retry-After. `renewal`: a challenge could not be
 * answered; the stream continues until the server ends it.
 *
 * Final: `no-token`: getToken returned null. `bad-token`: it returned neither a text nor null. `refused`: 204, another
 * 4xx, or 3xx, which is never followed, because another server would get the token. `not-an-event-stream`: 200 with
 * another content type. `event-too-large`: an event longer than `eventLengthMax`, which a retry would get again.
 *
 * `unauthorized`: 401, retried for 60 s in case a clock is wrong, or 403, of which the second in a row is final.
 */
export type StreamErrorCode =
  | 'lost'
  | 'silent'
  | 'token'
  | 'no-token'
  | 'bad-token'
  | 'unauthorized'
  | 'unavailable'
  | 'refused'
  | 'not-an-event-stream'
  | 'event-too-large'
  | 'renewal'

export interface StreamErrorDetails {
  status?: number
  retryAfterMs?: number | null
  cause?: unknown
}

export class StreamError extends Error {
  declare readonly code: StreamErrorCode
  /** The HTTP status that caused it; null if there was none. */
  declare readonly status: number | null
  /** The server's Retry-After in ms; null without one. */
  declare readonly retryAfterMs: number | null

  constructor(code: StreamErrorCode, message: string, details: StreamErrorDetails = {}) {
    super(message, details)
    Object.assign(this, { status: null, retryAfterMs: null, ...details, name: 'StreamError', code })
  }
}

/** Whether no retry can change it. Refused tokens are for retries.ts to decide. */
export function isFinal({ code }: StreamError): boolean {
  return /^(no|bad|refused|event)/.test(code)
}

/** Any other error means that the connection was lost. */
export function asStreamError(error: unknown): StreamError {
  if (error instanceof StreamError) return error
  return new StreamError('lost', `The connection was lost: ${messageOf(error)}`, { cause: error })
}

export function messageOf(error: unknown): string {
  // The error of Node's fetch is only "fetch failed". Its cause has the reason, for several addresses only a code.
  const { cause, message } = Object(error) as {
    cause?: { message?: unknown; code?: unknown }
    message?: unknown
  }
  return String(cause?.message || cause?.code || message || error)
}
