// How long to wait for the next connection: what the server's `retry:` says (2 s until then), doubled with each failure up
// to a bound, plus up to a quarter of jitter; never less than Retry-After. A connection that lasted starts it over.

/** No wait that a server asks for is longer than this, whatever it says. */
export const SERVER_WAIT_MAX_MS = 600_000
/** The reconnection time until a server names one. */
const RETRY_MS = 2_000
/** A connection that was open this long counts as good. */
const STEADY_MS = 5_000

/** What is waited after. */
export interface Interruption {
  /** How long the connection was open. */
  readonly openMs: number
  /** The last `retry:` that came on it, if any did. */
  readonly retryMs: number | null
  readonly retryAfterMs: number | null
}

export class Backoff {
  readonly #retryMaxMs: number
  readonly #random: () => number
  /** Outlasts the connection that it came on, as browsers have it. */
  #retryMs = RETRY_MS
  /** Connections in a row that did not last: what the wait doubles with. */
  #failures = 0

  constructor(retryMaxMs: number, random: () => number) {
    this.#retryMaxMs = retryMaxMs
    this.#random = random
  }

  /** Once for each connection that is over. */
  waitMs({ openMs, retryMs, retryAfterMs }: Interruption): number {
    if (retryMs !== null) this.#retryMs = Math.min(Math.max(retryMs, 1), SERVER_WAIT_MAX_MS)
    this.#failures = openMs >= STEADY_MS ? 1 : this.#failures + 1
    const ownMaxMs = Math.max(this.#retryMs, this.#retryMaxMs)
    const ownMs = Math.min(this.#retryMs * 2 ** (this.#failures - 1), ownMaxMs)
    const jitter = 1 + this.#random() / 4
    return Math.round(Math.max(ownMs, retryAfterMs ?? 0) * jitter)
  }
}
