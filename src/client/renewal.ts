// Renews the token of one connection: answers each challenge with a fresh token, in up to three tries. Promise: one
// renewal at a time, at least 1 s apart. While the body is not read, it renews without a challenge, before `exp`.

import { type Challenge, readChallenge, STANDARD_CHALLENGE } from './challenge.ts'
import { tell } from './handlers.ts'
import type { ConnectOptions } from './options.ts'
import type { Send } from './request.ts'
import { isTemporary } from './response.ts'
import { messageOf, StreamError } from './stream-error.ts'
import type { TokenSource } from './token-source.ts'
import { pause, withTimeout } from './waiting.ts'

const TRIES = 3
const SPACING_MS = 1_000
const TIMEOUT_MS = 5_000
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
  /** The server has no stream of this connection, which therefore is dead, for example behind a proxy. */
  readonly onUnknown: (error: StreamError) => void
  /** Aborts with the connection. */
  readonly signal: AbortSignal
}

interface Failure {
  readonly error: StreamError
  /** Whether another try may succeed. */
  readonly again: boolean
}

export class Renewal {
  readonly #parts: RenewalParts
  #underWay = false
  /** When the last renewal ended, successful or not, in monotonic ms. */
  #endedAtMs = Number.NEGATIVE_INFINITY

  constructor(parts: RenewalParts) {
    this.#parts = parts
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
    const expiresInMs = this.#parts.tokens.expiresInMs()
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
    const error = await this.#try(challenge)
    if (error !== null) this.#failed(error)
    this.#endedAtMs = performance.now()
    this.#underWay = false
  }

  /** The error of the last try; null after a success, or if the connection has ended. */
  async #try(challenge: Challenge): Promise<StreamError | null> {
    const { signal } = this.#parts
    for (let tries = 1; !signal.aborted; tries++) {
      const failure = await this.#answer(challenge)
      if (failure === null || signal.aborted) return null
      if (!failure.again || tries === TRIES) return failure.error
      await pause(tries * SPACING_MS, signal)
    }
    return null
  }

  async #answer(challenge: Challenge): Promise<Failure | null> {
    try {
      return this.#judge(await this.#post(challenge))
    } catch (cause) {
      const message = `The challenge was not answered: ${messageOf(cause)}`
      const again = !(cause instanceof StreamError && cause.code === 'no-token')
      return { error: new StreamError('renewal', message, { cause }), again }
    }
  }

  async #post({ method, headers }: Challenge): Promise<number> {
    const { send, tokens, signal } = this.#parts
    const authorization = `Bearer ${await tokens.take()}`
    const request = (limit: AbortSignal) => send(method, { ...headers, authorization }, limit)
    const response = await withTimeout(request, TIMEOUT_MS, signal)
    await response.body?.cancel()
    return response.status
  }

  #judge(status: number): Failure | null {
    if (status >= 200 && status < 300) {
      tell(this.#parts.handlers.onRenewed, undefined)
      return null
    }
    const error = new StreamError('renewal', `The answer to the challenge was refused with ${status}`, {
      status,
    })
    if (status === 404) this.#parts.onUnknown(error)
    return { error, again: isTemporary(status) }
  }

  #failed(error: StreamError): void {
    tell(this.#parts.handlers.onError, { error, retryInMs: null, final: false })
  }
}
