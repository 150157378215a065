// The wait before the next connection: the server's `retry:` (2 s without one), doubled with each failure up to a
// limit. Up to a quarter of jitter is added. The wait is never less than Retry-After. A connection that lasted 5 s
// resets the doubling.

/** The longest wait that a server can ask for; larger values are reduced to it. */
export const SERVER_WAIT_MAX_MS = 600_000
/** The reconnection time until a server names one. */
const RETRY_MS = 2_000
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
  /** Stays in force after the connection that it came on, as in browsers. */
  #retryMs = RETRY_MS
  /** Consecutive connections that did not last. Each one doubles the wait. */
  #failures = 0

  constructor(retryMaxMs: number, random: () => number) {
    this.#retryMaxMs = retryMaxMs
    this.#random = random
  }

  /** Counts the interruption, so call it once for each. */
  waitMs({ openMs, retryMs, retryAfterMs }: Interruption): number {
    if (retryMs !== null) this.#retryMs = Math.min(Math.max(retryMs, 1), SERVER_WAIT_MAX_MS)
    this.#failures = openMs >= STEADY_MS ? 1 : this.#failures + 1
    const ownMaxMs = Math.max(this.#retryMs, this.#retryMaxMs)
    const ownMs = Math.min(this.#retryMs * 2 ** (this.#failures - 1), ownMaxMs)
    const jitter = 1 + this.#random() / 4
    return Math.round(Math.max(ownMs, retryAfterMs ?? 0) * jitter)
  }
}
