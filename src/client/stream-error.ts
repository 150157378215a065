// What a stream is refused or lost for, and which of it no waiting can change. No message holds a token.

export type StreamErrorCode =
  | 'lost' // no connection, or it broke: tried again
  | 'silent' // not a byte for `heartbeatMs`: tried again
  | 'token' // getToken threw or took too long: tried again
  | 'no-token' // getToken answered null: final
  | 'unauthorized' // 401 or 403: tried again once with another token, the second in a row is final
  | 'unavailable' // 408, 425, 429 or 5xx: tried again, not before Retry-After
  | 'refused' // 204, 3xx (never followed: the token would go along) or another 4xx: final
  | 'not-an-event-stream' // 200 with another content type: final
  | 'event-too-large' // an event beyond `eventLengthMax`, which would only come again: final
  | 'renewal' // a challenge could not be answered; the stream goes on for as long as the server lets it

const REFUSALS_MAX = 2

export interface StreamErrorDetails {
  status?: number
  retryAfterMs?: number | null
  cause?: unknown
}

export class StreamError extends Error {
  override readonly name = 'StreamError'
  readonly code: StreamErrorCode
  /** The HTTP status that it comes from, or null. */
  readonly status: number | null
  /** What the server asked to wait, by Retry-After; else null. */
  readonly retryAfterMs: number | null

  constructor(code: StreamErrorCode, message: string, details: StreamErrorDetails = {}) {
    super(message, details)
    this.code = code
    this.status = details.status ?? null
    this.retryAfterMs = details.retryAfterMs ?? null
  }
}

/** `refusals`: how many tokens in a row were refused, the one of this error included. */
export function isFinal({ code }: StreamError, refusals: number): boolean {
  if (code === 'unauthorized') return refusals >= REFUSALS_MAX
  return ['no-token', 'refused', 'not-an-event-stream', 'event-too-large'].includes(code)
}

/** Whatever ended a connection that is not a StreamError yet is its loss. */
export function asStreamError(error: unknown): StreamError {
  if (error instanceof StreamError) return error
  return new StreamError('lost', `The connection was lost: ${messageOf(error)}`, { cause: error })
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Node's fetch says no more than "fetch failed" itself, and of several addresses only the code.
  const cause = error.cause instanceof Error ? error.cause : error
  const code = 'code' in cause ? String(cause.code) : error.message
  return cause.message === '' ? code : cause.message
}
