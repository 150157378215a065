// Tokens for one connection: asked of the caller, one for each request, and never kept.

import { parseObject } from './json-object.ts'
import type { ConnectOptions } from './options.ts'
import { messageOf, StreamError } from './stream-error.ts'
import { withTimeout } from './waiting.ts'

const TOKEN_TIMEOUT_MS = 30_000

export class TokenSource {
  readonly #getToken: ConnectOptions['getToken']
  readonly #signal: AbortSignal
  /** When the newest token expires: by the wall clock, and in monotonic ms as the clocks stood when it was taken. */
  #expiry: { epochMs: number; nowMs: number } | null = null

  constructor(getToken: ConnectOptions['getToken'], signal: AbortSignal) {
    this.#getToken = getToken
    this.#signal = signal
  }

  /** How long the newest token has to live, where that can be read in it: by whichever clock says less, since one may be set. */
  expiresInMs(): number | null {
    if (this.#expiry === null) return null
    const { epochMs, nowMs } = this.#expiry
    return Math.min(epochMs - Date.now(), nowMs - performance.now())
  }

  /** Rejects with StreamError `no-token` or `token`. */
  async take(): Promise<string> {
    const token = await this.#ask()
    if (token === null) throw new StreamError('no-token', 'getToken gave no token')
    // Checked here, since a header that cannot be sent is quoted in the error of fetch.
    if (!/^[\x21-\x7e]+$/.test(token)) throw new StreamError('token', 'What getToken answered is no token')
    const epochMs = readExpiryMs(token)
    this.#expiry = epochMs === null ? null : { epochMs, nowMs: performance.now() + epochMs - Date.now() }
    return token
  }

  async #ask(): Promise<string | null> {
    try {
      return await withTimeout(this.#getToken, TOKEN_TIMEOUT_MS, this.#signal)
    } catch (cause) {
      throw new StreamError('token', `No token could be had: ${messageOf(cause)}`, { cause })
    }
  }
}

/** The `exp` of a JWT, unverified: only when to renew unasked depends on it. null where it cannot be read. */
function readExpiryMs(token: string): number | null {
  const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')
  if (!/^[A-Za-z0-9+/]+$/.test(payload) || payload.length % 4 === 1) return null
  const { exp } = parseObject(atob(payload)) ?? {}
  return typeof exp === 'number' ? exp * 1_000 : null
}
