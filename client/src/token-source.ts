// Gets the tokens of one stream from the caller. Promise: one call of `getToken` at a time, and a new token for each
// request; none is kept. Only a call that was given up after 30 s may still be running when the next one begins.

import { parseObject } from './json-object.ts'
import type { ConnectOptions, TokenRequest } from './options.ts'
import { messageOf, StreamError } from './stream-error.ts'
import { withTimeout } from './waiting.ts'

const TOKEN_TIMEOUT_MS = 30_000

export class TokenSource {
  readonly #getToken: ConnectOptions['getToken']
  readonly #signal: AbortSignal
  /** The call that is under way. A connection that asks meanwhile gets its token, too. */
  #pending: Promise<Token> | null = null
  /** Calls since the server last accepted a token. */
  #attempts = 0
  /** Whether the server refused the last token. */
  #isRefused = false

  /** The signal aborts when the stream closes. A call outlives the connection that it was made for. */
  constructor(getToken: ConnectOptions['getToken'], signal: AbortSignal) {
    this.#getToken = getToken
    this.#signal = signal
  }

  /** A token without a text if there is no getToken. Rejects with StreamError `no-token`, `bad-token` or `token`. */
  take(reason: TokenRequest['reason']): Promise<Token> {
    this.#pending ??= this.#ask(this.#isRefused ? 'refused' : reason).finally(() => {
      this.#pending = null
    })
    return this.#pending
  }

  /** What the server answered to the last token: a status. */
  answered(status: number): void {
    if (status < 300) this.#attempts = 0
    this.#isRefused = status === 401 || status === 403
  }

  async #ask(reason: TokenRequest['reason']): Promise<Token> {
    if (this.#getToken === undefined) return new Token('')
    const text: unknown = await this.#call(this.#getToken, reason)
    if (text === null) throw new StreamError('no-token', 'getToken returned null: there is no token')
    if (typeof text !== 'string') {
      throw new StreamError('bad-token', `getToken returned ${typeof text} where a text or null is needed`)
    }
    // Checked here, because the error of fetch would quote a header that cannot be sent.
    if (!/^[\x21-\x7e]+$/.test(text)) {
      throw new StreamError('token', 'getToken returned a text that is not a token')
    }
    this.#isRefused = false
    return new Token(text)
  }

  async #call(getToken: NonNullable<ConnectOptions['getToken']>, reason: TokenRequest['reason']) {
    const attempt = ++this.#attempts
    try {
      const work = (signal: AbortSignal) => getToken({ reason, attempt, signal })
      return await withTimeout(work, TOKEN_TIMEOUT_MS, this.#signal)
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
