// Gets the tokens of one connection from the caller. Promise: a new one for each request; none is kept.

import { parseObject } from './json-object.ts'
import type { ConnectOptions } from './options.ts'
import { messageOf, StreamError } from './stream-error.ts'
import { withTimeout } from './waiting.ts'

const TOKEN_TIMEOUT_MS = 30_000

export class TokenSource {
  readonly #getToken: ConnectOptions['getToken']
  readonly #signal: AbortSignal
  /** The `exp` of the newest token by the wall clock, and by the monotonic clock as of when the token came. */
  #expiry: { epochMs: number; nowMs: number } | null = null

  constructor(getToken: ConnectOptions['getToken'], signal: AbortSignal) {
    this.#getToken = getToken
    this.#signal = signal
  }

  /** Remaining validity of the newest token, by the clock that says less; null if its `exp` cannot be read. */
  expiresInMs(): number | null {
    if (this.#expiry === null) return null
    const { epochMs, nowMs } = this.#expiry
    return Math.min(epochMs - Date.now(), nowMs - performance.now())
  }

  /** Rejects with StreamError `no-token` or `token`. */
  async take(): Promise<string> {
    const token = await this.#ask()
    if (token === null) throw new StreamError('no-token', 'getToken returned no token')
    // Checked here, because the error of fetch would quote a header that cannot be sent.
    if (!/^[\x21-\x7e]+$/.test(token))
      throw new StreamError('token', 'getToken returned a value that is not a token')
    const epochMs = readExpiryMs(token)
    this.#expiry = epochMs === null ? null : { epochMs, nowMs: performance.now() + epochMs - Date.now() }
    return token
  }

  async #ask(): Promise<string | null> {
    try {
      return await withTimeout(this.#getToken, TOKEN_TIMEOUT_MS, this.#signal)
    } catch (cause) {
      throw new StreamError('token', `No token could be obtained: ${messageOf(cause)}`, { cause })
    }
  }
}

/** The `exp` of a JWT, unverified, because only the time of a renewal depends on it. null if it cannot be read. */
function readExpiryMs(token: string): number | null {
  const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')
  if (!/^[A-Za-z0-9+/]+$/.test(payload) || payload.length % 4 === 1) return null
  const { exp } = parseObject(atob(payload)) ?? {}
  return typeof exp === 'number' ? exp * 1_000 : null
}
