// Checks the options of a stream when it is constructed, and fills in the defaults of its limits.

import { EVENT_LENGTH_MAX } from './event-parser.ts'
import type { ConnectOptions } from './options.ts'

/** The limits of ConnectOptions, with defaults. */
export interface Limits {
  readonly heartbeatMs: number
  readonly retryMaxMs: number
  readonly eventLengthMax: number
  readonly readAheadMax: number
}

export function readLimits(options: ConnectOptions): Limits {
  const limits = {
    heartbeatMs: options.heartbeatMs ?? 27_000,
    retryMaxMs: options.retryMaxMs ?? 30_000,
    eventLengthMax: options.eventLengthMax ?? EVENT_LENGTH_MAX,
    readAheadMax: options.readAheadMax ?? 1_048_576,
  }
  for (const [name, limit] of Object.entries(limits)) checkLimit(name, limit)
  return limits
}

/** An absolute URL without a fragment; in browsers relative to the page. Throws a TypeError. */
export function readUrl(url: string | URL): string {
  const resolved = new URL(url, typeof location === 'undefined' ? undefined : location.href)
  if (!/^https?:$/.test(resolved.protocol)) throw new TypeError('A stream URL must begin with http or https')
  if (resolved.username !== '' || resolved.password !== '') {
    throw new TypeError('A stream URL must not have a user or a password')
  }
  resolved.hash = ''
  return resolved.href
}

export function readLastEventId({ lastEventId = '' }: ConnectOptions): string {
  if (/[\0\r\n]/.test(lastEventId)) throw new TypeError('An event ID must not have a line end or a NUL')
  return lastEventId
}

/** At most 2^31-1, because a longer timer fires at once. */
function checkLimit(name: string, limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit < 2 ** 31) return
  throw new RangeError(`${name} must be a whole number from 1 to 2147483647`)
}
