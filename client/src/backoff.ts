// The wait before the next connection: full jitter, which is a random time from 0 to a limit that doubles with each
// failure. So clients that lost one server together do not come back together. The wait is never less than the
// server's `retry:`, and begins after Retry-After. A connection that lasted 5 s resets the doubling.

/** The longest wait that a server can ask for; larger values are reduced to it. */
export const SERVER_WAIT_MAX_MS = 600_000
/** The limit of the first wait, until a server names its own. */
const FIRST_MS = 2_000
/** A connection that was open this long resets the doubling. */
const STEADY_MS = 5_000

/** A connection that ended, or that was not opened. */
export interface Interruption {
  /** How long the connection was open; 0 if it never was. */
  readonly openMs: number
  /** The last `retry:` that it received; null without one. */
  readonly retryMs: number | null
  readonly retryAfterMs: number | null
}

export class Backoff {
  readonly #retryMaxMs: number
  readonly #random: () => number
  /** The server's `retry:`; 0 without one. Stays in force after the connection that it came on, as in browsers. */
  #retryMs = 0
  /** Consecutive connections that did not last. Each one doubles the limit. */
  #failures = 0

  constructor(retryMaxMs: number, random: () => number) {
    this.#retryMaxMs = retryMaxMs
    this.#random = random
  }

  /** Counts the interruption, so call it once for each. */
  waitMs({ openMs, retryMs, retryAfterMs }: Interruption): number {
    if (retryMs !== null) this.#retryMs = Math.min(Math.max(retryMs, 1), SERVER_WAIT_MAX_MS)
    this.#failures = openMs >= STEADY_MS ? 1 : this.#failures + 1
    const firstMs = this.#retryMs || FIRST_MS
    const limitMs = Math.min(firstMs * 2 ** (this.#failures - 1), Math.max(firstMs, this.#retryMaxMs))
    const ownMs = Math.round(this.#random() * limitMs)
    return Math.max((retryAfterMs ?? 0) + ownMs, this.#retryMs)
  }
}
