// Decides when a stream whose token is refused is given up. A 401 may be the fault of a clock or of a key that is not
// known yet, so it is final only after CLOCKS_DIFFER_MAX_MS. Promise: the decision falls then at the latest.

import type { StreamError } from './stream-error.ts'

/** How far the clocks of an issuer and a server may differ: a token may be refused for as long before it is good. */
export const CLOCKS_DIFFER_MAX_MS = 60_000
/** A second token that lacks the scope shows that the first was no mistake. */
const FORBIDDEN_MAX = 2

export class Refusals {
  /** When the first of the present row of 401s came, in monotonic ms. */
  #sinceMs: number | null = null
  /** Consecutive 403s. */
  #forbidden = 0

  /** Counts how a connection has failed; null: it was opened. Any other outcome ends a row of refusals. */
  count(error: StreamError | null): void {
    const status = error?.code === 'unauthorized' ? error.status : null
    this.#sinceMs = status === 401 ? (this.#sinceMs ?? performance.now()) : null
    this.#forbidden = status === 403 ? this.#forbidden + 1 : 0
  }

  /** Whether another try would be refused as the last ones were. */
  get areFinal(): boolean {
    return this.#forbidden >= FORBIDDEN_MAX || this.#leftMs() <= 0
  }

  /** A wait before the next try, shortened so that the last one comes when the time is over. */
  waitMs(waitMs: number): number {
    return Math.min(waitMs, Math.ceil(this.#leftMs()))
  }

  #leftMs(): number {
    if (this.#sinceMs === null) return Number.POSITIVE_INFINITY
    return this.#sinceMs + CLOCKS_DIFFER_MAX_MS - performance.now()
  }
}
