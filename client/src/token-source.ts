// Gets the tokens of one stream from the caller. Promise: one call of `getToken` at a time, and a new token for each
// request; none is kept. Only a call that was given up, after 30 s or with its connection because the network was away,
// may still be running when the next one begins.

import type { ConnectOptions, TokenRequest } from './options.ts'
import { isRefusedToken } from './response.ts'
import { messageOf, StreamError } from './stream-error.ts'
import { withTimeout } from './waiting.ts'

const TOKEN_TIMEOUT_MS = 30_000

export interface TokenSource {
  /**
   * A token without a text if there is no getToken. `signal` gives up the call that this one makes. Rejects with
   * StreamError `no-token`, `bad-token` or `token`.
   */
  take(reason: TokenRequest['reason'], signal?: AbortSignal): Promise<Token>
  /** What the server answered to the last token: a status. */
  answered(status: number): void
}

export interface Token {
  readonly text: string
  /** Remaining validity, by the clock that says less; Infinity if its `exp` cannot be read. */
  expiresInMs(): number
}

/** The signal aborts when the stream closes. A call for a challenge outlives the connection that it was made for. */
export function createTokenSource(getToken: ConnectOptions['getToken'], closed: AbortSignal): TokenSource {
  /** The call that is under way. A connection that asks meanwhile gets its token, too. */
  let pending: Promise<Token> | null = null
  /** Calls since the server last accepted a token. */
  let attempts = 0
  /** Whether the server refused the last token. */
  let isRefused = false

  async function ask(reason: TokenRequest['reason'], signal: AbortSignal): Promise<Token> {
    if (!getToken) return createToken('')
    const attempt = ++attempts
    const call = async (limit: AbortSignal): Promise<unknown> => getToken({ reason, attempt, signal: limit })
    const text = await withTimeout(call, TOKEN_TIMEOUT_MS, signal).catch((cause) => {
      throw new StreamError('token', `No token: ${messageOf(cause)}`, { cause })
    })
    if (text === null) throw new StreamError('no-token', 'getToken returned null')
    if (typeof text !== 'string') {
      throw new StreamError('bad-token', `getToken returned ${typeof text}, not a text or null`)
    }
    // Checked here, because the error of fetch would quote a header that cannot be sent.
    if (!/^[!-~]+$/.test(text)) throw new StreamError('token', 'getToken returned an invalid token')
    isRefused = false
    return createToken(text)
  }

  return {
    take: (reason, signal = closed) => {
      pending ??= ask(isRefused ? 'refused' : reason, signal).finally(() => {
        pending = null
      })
      return pending
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
  return { text, expiresInMs: () => Math.min(expiryMs - Date.now(), expiresAtMs - performance.now()) }
}

/** The `exp` of a JWT, unverified, because only the time of a renewal depends on it. Infinity if it cannot be read. */
function readExpiryMs(token: string): number {
  const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')
  try {
    const { exp } = JSON.parse(atob(payload))
    return typeof exp === 'number' ? exp * 1_000 : Infinity
  } catch {
    return Infinity
  }
}
