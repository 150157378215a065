// Renews the token of one connection: answers each challenge, and tries again until the server has renewed the stream
// or the stream is over. Promise: one renewal at a time, and tries at least 1 s apart. While the body is not read, it
// renews without a challenge, before `exp`.

import { type Challenge, readChallenge, STANDARD_CHALLENGE } from './challenge.ts'
import { tell } from './handlers.ts'
import type { ConnectOptions, FetchResponse } from './options.ts'
import { CLOCKS_DIFFER_MAX_MS } from './refusals.ts'
import { authorization, type Send } from './request.ts'
import { isTemporary, readRetryAfterMs } from './response.ts'
import { isFinal, messageOf, StreamError } from './stream-error.ts'
import type { Token, TokenSource } from './token-source.ts'
import { pause, withTimeout } from './waiting.ts'

const SPACING_MS = 1_000
/** Most time between two tries, unless the server asks for more. */
const SPACING_MAX_MS = 5_000
const TIMEOUT_MS = 5_000
/** The failure of this try is reported, or that of the last one if it comes sooner. */
const REPORTED_TRY = 3
/** A try comes this long before `exp` even if Retry-After is later: the stream would have to reconnect then. */
const LAST_TRY_MS = 2_000
/** Without a challenge, the token is renewed this long before its `exp`. */
const BEFORE_EXPIRY_MS = 5_000
/** Least time between renewals without a challenge. */
const UNCHALLENGED_SPACING_MS = 5_000
/** Longest wait for a renewal without a challenge, because timers have a maximum. */
const DUE_IN_MAX_MS = 600_000

export interface RenewalParts {
  readonly send: Send
  readonly tokens: TokenSource
  readonly handlers: Pick<ConnectOptions, 'onChallenge' | 'onRenewed' | 'onError'>
  /** Whether challenges are answered at present. */
  readonly isWanted: () => boolean
  /** Aborts with the connection. */
  readonly signal: AbortSignal
}

interface Outcome {
  /** null: the server has taken the token. */
  readonly error: StreamError | null
  /** Whether another try may do more. */
  readonly again: boolean
}

/** Besides what is temporary: a token that is not valid yet, and a server that is not the one with the stream. */
const TRIED_AGAIN = [401, 404]

export class Renewal {
  readonly #parts: RenewalParts
  /** The token that holds the stream open, as far as is known. */
  #held: Token | null = null
  #underWay = false
  /** When the last renewal ended, successful or not, in monotonic ms. */
  #endedAtMs = Number.NEGATIVE_INFINITY

  constructor(parts: RenewalParts) {
    this.#parts = parts
  }

  /** The stream was opened with this token. */
  opened(token: Token): void {
    this.#held = token
  }

  challenged(data: string): void {
    const { handlers, isWanted } = this.#parts
    const answered = isWanted()
    tell(handlers.onChallenge, { answered })
    if (!answered) return
    const challenge = readChallenge(data)
    if (challenge === null) this.#failed(new StreamError('renewal', 'The challenge cannot be read'))
    else void this.#renew(challenge)
  }

  /** Renews without a challenge. */
  renewNow(): void {
    void this.#renew(STANDARD_CHALLENGE)
  }

  /** Time until a renewal without a challenge; null: never. At least 1 s, so that a wrong clock causes no busy loop. */
  dueInMs(): number | null {
    const expiresInMs = this.#held?.expiresInMs() ?? null
    if (expiresInMs === null || !this.#parts.isWanted()) return null
    const spacedInMs = this.#endedAtMs + UNCHALLENGED_SPACING_MS - performance.now()
    const dueInMs = Math.max(expiresInMs - BEFORE_EXPIRY_MS, spacedInMs)
    return Math.min(Math.max(dueInMs, SPACING_MS), DUE_IN_MAX_MS)
  }

  /** Never rejects. A challenge during a renewal is answered by that renewal. */
  async #renew(challenge: Challenge): Promise<void> {
    if (this.#underWay) return
    this.#underWay = true
    await pause(this.#endedAtMs + SPACING_MS - performance.now(), this.#parts.signal)
    await this.#try(challenge)
    this.#endedAtMs = performance.now()
    this.#underWay = false
  }

  /** Until the server has renewed the stream, no try can help, or the connection has ended. */
  async #try(challenge: Challenge): Promise<void> {
    const { signal, handlers, isWanted } = this.#parts
    const expiry = this.#expiry()
    for (let tries = 1; !signal.aborted && isWanted(); tries++) {
      const { error, again } = await this.#answer(challenge)
      if (signal.aborted) return
      const waitMs = again ? waitAfter(tries, error, expiry) : null
      const isReported = tries === REPORTED_TRY || (waitMs === null && tries < REPORTED_TRY)
      if (error === null) tell(handlers.onRenewed, undefined)
      else if (isReported) this.#failed(error)
      if (waitMs === null) return
      await pause(waitMs, signal)
    }
  }

  #expiry(): Expiry {
    const expiresInMs = this.#held?.expiresInMs() ?? null
    return { isKnown: expiresInMs !== null, atMs: performance.now() + Math.max(expiresInMs ?? 0, 0) }
  }

  async #answer(challenge: Challenge): Promise<Outcome> {
    try {
      const token = await this.#parts.tokens.take('challenge')
      return this.#judge(await this.#post(challenge, token), token)
    } catch (cause) {
      const message = `The challenge was not answered: ${messageOf(cause)}`
      const again = !(cause instanceof StreamError && isFinal(cause, false))
      return { error: new StreamError('renewal', message, { cause }), again }
    }
  }

  async #post({ method, headers }: Challenge, token: Token): Promise<FetchResponse> {
    const { send, signal } = this.#parts
    const own = authorization(token.text)
    const request = (limit: AbortSignal) => send(method, { ...headers, ...own }, limit)
    const response = await withTimeout(request, TIMEOUT_MS, signal)
    await response.body?.cancel()
    return response
  }

  #judge({ status, headers }: FetchResponse, token: Token): Outcome {
    this.#parts.tokens.answered(status)
    if (status >= 200 && status < 300) {
      this.#held = token
      // Also a 202: the server has no such stream, and Kafka has the renewal for the one that has it.
      return { error: null, again: false }
    }
    const retryAfterMs = readRetryAfterMs(headers.get('retry-after'))
    const error = new StreamError('renewal', `The answer to the challenge was refused with ${status}`, {
      status,
      retryAfterMs,
    })
    return { error, again: isTemporary(status) || TRIED_AGAIN.includes(status) }
  }

  #failed(error: StreamError): void {
    tell(this.#parts.handlers.onError, { error, retryInMs: null, final: false })
  }
}

/** When the stream ends unless it is renewed, in monotonic ms. */
interface Expiry {
  readonly isKnown: boolean
  /** Not in the past. The time at which the renewal began, where it is not known. */
  readonly atMs: number
}

/**
 * The wait after a failure; null if another try is not worth it. Tries go on beyond `exp`, because a clock may be
 * wrong: the server ends the connection, and with it the tries.
 */
function waitAfter(tries: number, error: StreamError | null, { isKnown, atMs }: Expiry): number | null {
  const leftMs = atMs - performance.now()
  const spacingMs = Math.min(tries * SPACING_MS, SPACING_MAX_MS)
  const lastMs = isKnown ? Math.max(spacingMs, leftMs - LAST_TRY_MS) : Number.POSITIVE_INFINITY
  const waitMs = Math.max(spacingMs, Math.min(error?.retryAfterMs ?? 0, lastMs))
  return waitMs > leftMs + CLOCKS_DIFFER_MAX_MS ? null : waitMs
}
