// The answers to one connection's challenges: a fresh token each, one answer at a time, a second apart, three tries.
// Where a challenge cannot be seen, since nothing is read, the token is renewed unasked before it expires.

import { isTemporary } from './answer.ts'
import { type Challenge, readChallenge, STANDARD_CHALLENGE } from './challenge.ts'
import { tell } from './handlers.ts'
import type { ConnectOptions } from './options.ts'
import type { Send } from './request.ts'
import { messageOf, StreamError } from './stream-error.ts'
import type { TokenSource } from './token-source.ts'
import { pause, withTimeout } from './waiting.ts'

const TRIES = 3
const SPACING_MS = 1_000
const TIMEOUT_MS = 5_000
/** Unasked, the token is renewed when it has this long to live. */
const UNASKED_MS = 5_000
/** And whatever it has to live, when nothing was read for this long: timers have an end, too. */
const UNASKED_WAIT_MAX_MS = 600_000

export interface RenewalParts {
  readonly send: Send
  readonly tokens: TokenSource
  readonly handlers: Pick<ConnectOptions, 'onChallenge' | 'onRenewed' | 'onError'>
  /** Whether challenges are answered now. */
  readonly isWanted: () => boolean
  /** The server holds no stream of ours, so the connection is somebody's dead end. */
  readonly onUnknown: (error: StreamError) => void
  /** The connection's: aborts with it. */
  readonly signal: AbortSignal
}

interface Failure {
  readonly error: StreamError
  /** Whether another try may go better. */
  readonly again: boolean
}

export class Renewal {
  readonly #parts: RenewalParts
  #underWay = false
  /** When the last answer was over, whatever came of it, in monotonic ms. */
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

  unasked(): void {
    void this.#renew(STANDARD_CHALLENGE)
  }

  /** null: never. Spaced out, so that a clock which is wrong here does not make a renewal of every moment. */
  unaskedInMs(): number | null {
    const expiresInMs = this.#parts.tokens.expiresInMs()
    if (expiresInMs === null || !this.#parts.isWanted()) return null
    const dueInMs = Math.max(expiresInMs - UNASKED_MS, this.#endedAtMs + UNASKED_MS - performance.now())
    return Math.min(Math.max(dueInMs, SPACING_MS), UNASKED_WAIT_MAX_MS)
  }

  /** Never rejects. A challenge that comes while one is answered is answered by it. */
  async #renew(challenge: Challenge): Promise<void> {
    if (this.#underWay) return
    this.#underWay = true
    await pause(this.#endedAtMs + SPACING_MS - performance.now(), this.#parts.signal)
    const error = await this.#try(challenge)
    if (error !== null) this.#failed(error)
    this.#endedAtMs = performance.now()
    this.#underWay = false
  }

  /** Answers why it gave up; null where it did not, or the connection is over. */
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
    const error = new StreamError('renewal', `The challenge's answer was refused with ${status}`, { status })
    if (status === 404) this.#parts.onUnknown(error)
    return { error, again: isTemporary(status) }
  }

  #failed(error: StreamError): void {
    tell(this.#parts.handlers.onError, { error, retryInMs: null, final: false })
  }
}
