// Gets the tokens of one stream from the caller. Promise: one call of `getToken` at a time, and a new token for each
// request; none is kept. Only a call that was given up after 30 s may still be running when the next one begins.

import { parseObject } from './json-object.ts'
import type { ConnectOptions } from './options.ts'
import { messageOf, StreamError } from './stream-error.ts'
import { withTimeout } from './waiting.ts'

const TOKEN_TIMEOUT_MS = 30_000

export class TokenSource {
  readonly #getToken: ConnectOptions['getToken']
  readonly #signal: AbortSignal
  /** The call that is under way. A connection that asks meanwhile gets its token, too. */
  #pending: Promise<Token> | null = null

  /** The signal aborts when the stream closes. A call outlives the connection that it was made for. */
  constructor(getToken: ConnectOptions['getToken'], signal: AbortSignal) {
    this.#getToken = getToken
    this.#signal = signal
  }

  /** Rejects with StreamError `no-token` or `token`. */
  take(): Promise<Token> {
    this.#pending ??= this.#ask().finally(() => {
      this.#pending = null
    })
    return this.#pending
  }

  async #ask(): Promise<Token> {
    const text = await this.#call()
    if (text === null) throw new StreamError('no-token', 'getToken returned no token')
    // Checked here, because the error of fetch would quote a header that cannot be sent.
    if (!/^[\x21-\x7e]+$/.test(text))
      throw new StreamError('token', 'getToken returned a value that is not a token')
    return new Token(text)
  }

  async #call(): Promise<string | null> {
    try {
      return await withTimeout(this.#getToken, TOKEN_TIMEOUT_MS, this.#signal)
    } catch (cause) {
      throw new StreamError('token', `No token could be obtained: ${messageOf(cause)}`, { cause })
    }
  }
}

/** A token, and when it expires by both clocks. */
export class Token {
  readonly text: string
  /** Its `exp` by the wall clock, and by the monotonic clock as of when the token came; null if it cannot be read. */
  readonly #expiry: { epochMs: number; nowMs: number } | null

  constructor(text: string) {
    this.text = text
    const epochMs = readExpiryMs(text)
    this.#expiry = epochMs === null ? null : { epochMs, nowMs: performance.now() + epochMs - Date.now() }
  }

  /** Remaining validity, by the clock that says less; null if its `exp` cannot be read. */
  expiresInMs(): number | null {
    if (this.#expiry === null) return null
    const { epochMs, nowMs } = this.#expiry
    return Math.min(epochMs - Date.now(), nowMs - performance.now())
  }
}

/** The `exp` of a JWT, unverified, because only the time of a renewal depends on it. null if it cannot be read. */
function readExpiryMs(token: string): number | null {
  const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')
  if (!/^[A-Za-z0-9+/]+$/.test(payload) || payload.length % 4 === 1) return null
  const { exp } = parseObject(atob(payload)) ?? {}
  return typeof exp === 'number' ? exp * 1_000 : null
}
