// An error of the leader's connection, on its way to the other tabs.

import { StreamError } from '../stream-error.ts'
import type { Failure } from './messages.ts'

interface OwnFailure {
  readonly error: StreamError
  readonly retryInMs: number | null
}

export function failureOf({ error, retryInMs }: OwnFailure): Failure {
  const { code, message, status, retryAfterMs } = error
  return { code, message, status, retryAfterMs, retryInMs }
}

export function errorOf({ code, message, status, retryAfterMs }: Failure): StreamError {
  return new StreamError(code, message, { ...(status === null ? {} : { status }), retryAfterMs })
}
