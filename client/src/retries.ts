// When the next connection comes. The wait has full jitter: it is a random time up to a limit that doubles with
// each failure, so that clients that lost one server together do not come back together. It is never less than the
// server's `retry:`, and begins after Retry-After. A connection that lasted 5 s resets the doubling.

import type { StreamError } from './stream-error.ts'

/** The longest wait that a server can ask for; larger values are reduced to it. */
export const SERVER_WAIT_MAX_MS = 600_000
/**
 * How far the clocks of an issuer and a server may differ: a token may be refused for as long before it is good. So a
 * 401 is final only after this time.
 */
export const CLOCKS_DIFFER_MAX_MS = 60_000
/** The limit of the first wait, until a server names its own. */
const FIRST_MS = 2_000
/** A connection that was open this long resets the doubling. */
const STEADY_MS = 5_000
/** The shortest wait, as a part of the limit: random numbers may be 0, and a refusal may come at once. */
const LEAST = 0.05
/** A second token that lacks the scope shows that the first was no mistake. */
const FORBIDDEN_MAX = 2

/** A connection that ended, or that was not opened. */
export interface Interruption {
  readonly failure: StreamError | null
  /** How long the connection was open; negative if it never was. */
  readonly openMs: number
  /** The last `retry:` that it received; null without one. */
  readonly retryMs: number | null
}

/**
 * The wait in ms after an interruption; null if another try would be refused as the last ones were. Counts the
 * interruption, so call it once for each. One that `isFree` was no failure of the server's: it doubles nothing, and has
 * the largest limit.
 */
export type Retries = (interruption: Interruption, isFree: boolean) => number | null

/** `random`: numbers from 0 to below 1. */
export function createRetries(retryMaxMs: number, random: () => number): Retries {
  /** The server's `retry:`; 0 without one. Stays in force after the connection that it came on, as in browsers. */
  let askedMs = 0
  /** Of the limit. Doubled by each of consecutive connections that did not last; 1 after the first one. */
  let factor = 0.5
  /** When the present row of 401s is final, in monotonic ms. Any other outcome ends the row. */
  let refusedUntilMs = Infinity
  /** Consecutive 403s. */
  let forbidden = 0
  return ({ failure, openMs, retryMs }, isFree) => {
    const status = failure?.status
    const nowMs = performance.now()
    refusedUntilMs = status === 401 ? Math.min(refusedUntilMs, nowMs + CLOCKS_DIFFER_MAX_MS) : Infinity
    forbidden = status === 403 ? forbidden + 1 : 0
    if (forbidden === FORBIDDEN_MAX || refusedUntilMs <= nowMs) return null

    if (retryMs !== null) askedMs = Math.min(Math.max(retryMs, 1), SERVER_WAIT_MAX_MS)
    if (!isFree) factor = openMs < STEADY_MS ? factor * 2 : 1
    const firstMs = askedMs || FIRST_MS
    const growingMs = isFree ? Infinity : firstMs * factor
    const limitMs = Math.min(growingMs, Math.max(firstMs, retryMaxMs))
    const ownMs = (failure?.retryAfterMs ?? 0) + Math.round(Math.max(random(), LEAST) * limitMs)
    // The last try comes when the time is over.
    return Math.min(Math.max(ownMs, askedMs), Math.ceil(refusedUntilMs - nowMs))
  }
}
