// Renews the token of one connection: answers each challenge, and tries again until the server has renewed the stream
// or the stream is over. Promise: one renewal at a time, and tries at least 1 s apart. While the body is not read, it
// renews without a challenge, before `exp`.

import { tell } from './handlers.ts'
import type { Settings } from './option-checks.ts'
import type { Send } from './request.ts'
import { detailsOf, isTemporary } from './response.ts'
import { CLOCKS_DIFFER_MAX_MS } from './retries.ts'
import { isFinal, messageOf, StreamError } from './stream-error.ts'
import type { Token, TokenSource } from './token-source.ts'
import { pause, withTimeout } from './waiting.ts'

const SPACING_MS = 1_000
/** Most time between two tries, unless the server asks for more. */
const SPACING_MAX_MS = 5_000
const TIMEOUT_MS = 5_000
/** The failure of this try is reported, and that of the last one. */
const REPORTED_TRY = 3
/** A try comes this long before `exp` even if Retry-After is later: the stream would have to reconnect then. */
const LAST_TRY_MS = 2_000
/** Without a challenge, the token is renewed this long before its `exp`. */
const BEFORE_EXPIRY_MS = 5_000
/** Least time between renewals without a challenge. */
const UNCHALLENGED_SPACING_MS = 5_000

export interface RenewalParts {
  readonly send: Send
  readonly tokens: TokenSource
  readonly settings: Pick<Settings, 'onChallenge' | 'onRenewed' | 'onError'>
  /** Says whether challenges are answered at present. */
  readonly stream: { readonly challenges: boolean }
  /** Aborts with the connection. */
  readonly signal: AbortSignal
}

export interface Renewal {
  /** The stream was opened with this token. */
  opened(token: Token): void
  /** A challenge came. Its data, which names the request, is always the same (docs/protocol.md). */
  challenged(): void
  /** Renews without a challenge. */
  renewNow(): void
  /** Time until a renewal without a challenge. At least 1 s, so that a wrong clock causes no busy loop. */
  dueInMs(): number
}

export function createRenewal({ send, tokens, settings, stream, signal }: RenewalParts): Renewal {
  /** The token that holds the stream open, as far as is known; null if none does. */
  let held: Token | null = null
  let isUnderWay = false
  /** When the last renewal ended, successful or not, in monotonic ms. */
  let endedAtMs = Number.NEGATIVE_INFINITY
  const expiresInMs = (): number => held?.expiresInMs() ?? Infinity

  /** Never rejects. A challenge during a renewal is answered by that renewal. */
  async function renew(): Promise<void> {
    if (isUnderWay) return
    isUnderWay = true
    await pause(endedAtMs + SPACING_MS - performance.now(), signal)
    await tryUntilRenewed()
    endedAtMs = performance.now()
    isUnderWay = false
  }

  /**
   * Until the server has renewed the stream, no try can help, or the connection has ended. Tries go on beyond `exp`,
   * because a clock may be wrong: the server ends the connection, and with it the tries.
   */
  async function tryUntilRenewed(): Promise<void> {
    const heldForMs = expiresInMs()
    const isKnown = heldForMs < Infinity
    const expiresAtMs = performance.now() + (isKnown ? Math.max(heldForMs, 0) : 0)
    for (let tries = 1; !signal.aborted && stream.challenges; tries++) {
      const error = await answer()
      if (signal.aborted) return
      if (!error) return void tell(settings.onRenewed, null)
      const leftMs = expiresAtMs - performance.now()
      const spacingMs = Math.min(tries * SPACING_MS, SPACING_MAX_MS)
      const lastMs = isKnown ? leftMs - LAST_TRY_MS : Infinity
      const waitMs = Math.max(spacingMs, Math.min(error.retryAfterMs ?? 0, lastMs))
      const isLast = isHopeless(error) || waitMs > leftMs + CLOCKS_DIFFER_MAX_MS
      if (isLast || tries === REPORTED_TRY) {
        void tell(settings.onError, { error, retryInMs: null, final: false })
      }
      if (isLast) {
        // Nothing is left to hold: a consumer that has stopped must not cost a token every 5 s for ever.
        held = null
        return
      }
      await pause(waitMs, signal)
    }
  }

  /** null: the server has taken the token; after a 202 Kafka has it for the server that has the stream. */
  async function answer(): Promise<StreamError | null> {
    try {
      const token = await tokens.take('challenge', signal)
      const headers = {
        'content-type': 'application/x-challenge-response',
        ...token.headers,
      }
      const request = (limit: AbortSignal) => send('POST', headers, limit)
      const response = await withTimeout(request, TIMEOUT_MS, signal)
      await response.body?.cancel()
      const { status } = response
      tokens.answered(status)
      if (status < 200 || status > 299) {
        return new StreamError('renewal', `The renewal was refused with ${status}`, detailsOf(response))
      }
      held = token
      return null
    } catch (cause) {
      return new StreamError('renewal', `The renewal failed: ${messageOf(cause)}`, { cause })
    }
  }

  return {
    opened: (token) => {
      held = token
    },
    challenged: () => {
      // A chunk is read to its end, though the stream has been closed meanwhile.
      if (signal.aborted) return
      const answered = stream.challenges
      tell(settings.onChallenge, { answered })
      if (answered) void renew()
    },
    renewNow: renew,
    dueInMs: () => {
      const spacedInMs = endedAtMs + UNCHALLENGED_SPACING_MS - performance.now()
      return stream.challenges ? Math.max(expiresInMs() - BEFORE_EXPIRY_MS, spacedInMs, SPACING_MS) : Infinity
    },
  }
}

/** Whether another try can do no more. A token may not be valid yet (401), or a server not have the stream (404). */
function isHopeless({ status, cause }: StreamError): boolean {
  if (status === null) return cause instanceof StreamError && isFinal(cause)
  return !isTemporary(status) && ![401, 404].includes(status)
}
