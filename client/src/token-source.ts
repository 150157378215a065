// Gets the tokens of one stream from the caller. Promise: a new token for each request, and none is kept. A call of
// `getToken` belongs to one connection, and is given up with it or after 30 s: only then may it still be running when
// the next one begins.

import type { ConnectOptions, TokenRequest } from './options.ts'
import { isRefusedToken } from './response.ts'
import { messageOf, StreamError } from './stream-error.ts'
import { withTimeout } from './waiting.ts'

const TOKEN_TIMEOUT_MS = 30_000

export interface TokenSource {
  /**
   * A token without a text if there is no getToken. `signal`: of the connection. Rejects with StreamError `no-token`,
   * `bad-token` or `token`.
   */
  take(reason: TokenRequest['reason'], signal: AbortSignal): Promise<Token>
  /** What the server answered to the last token: a status. */
  answered(status: number): void
}

export interface Token {
  readonly text: string
  /** Of a request with it. None without a text, because then the session is a cookie's. */
  readonly headers: Readonly<Record<string, string>>
  /** Remaining validity, by the clock that says less; Infinity if its `exp` cannot be read. */
  expiresInMs(): number
}

export function createTokenSource(getToken: ConnectOptions['getToken']): TokenSource {
  /** Calls since the server last accepted a token. */
  let attempts = 0
  /** Whether the server refused the last token. */
  let isRefused = false

  return {
    take: async (reason, signal) => {
      if (!getToken) return createToken('')
      const call = async (limit: AbortSignal): Promise<unknown> =>
        getToken({ reason: isRefused ? 'refused' : reason, attempt: ++attempts, signal: limit })
      const text = await withTimeout(call, TOKEN_TIMEOUT_MS, signal).catch((cause) => {
        throw new StreamError('token', `No token: ${messageOf(cause)}`, { cause })
      })
      if (text === null) throw new StreamError('no-token', 'getToken returned null')
      if (typeof text !== 'string') {
        throw new StreamError('bad-token', `getToken returned ${typeof text}, not a text or null`)
      }
      // Checked here, because the error of fetch would quote a header that cannot be sent.
      if (!/^[!-~]+$/.test(text))
        throw new StreamError('token', 'getToken returned an invalid token, with Bearer?')
      isRefused = false
      return createToken(text)
    },
    answered: (status) => {
      if (status < 300) attempts = 0
      isRefused = isRefusedToken(status)
    },
  }
}

function createToken(text: string): Token {
  const expiryMs = readExpiryMs(text)
  // Also by the monotonic clock, because the wall clock may be set meanwhile.
  const expiresAtMs = expiryMs - Date.now() + performance.now()
  const headers = text ? { authorization: `Bearer ${text}` } : {}
  return {
    text,
    headers,
    expiresInMs: () => Math.min(expiryMs - Date.now(), expiresAtMs - performance.now()),
  }
}

/** The `exp` of a JWT, unverified, because only the time of a renewal depends on it. Infinity if it cannot be read. */
function readExpiryMs(token: string): number {
  const payload = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/')
  try {
    const { exp } = JSON.parse(atob(payload))
    return exp * 1_000 || Infinity
  } catch {
    return Infinity
  }
}
