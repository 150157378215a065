// Tokens for SASL OAUTHBEARER, which a function of the options makes. Promise: one call at a time, however many clients
// need a token; each client gets another one before its own expires. No token is in an error or a log line, nor a
// credential that the function's own error quotes.

import { errorWords } from '../../../src/errors.ts'
import { redactText } from '../../../src/http/redaction.ts'
import type { KafkaOptions, KafkaToken } from '../../../src/options.ts'

type MakeToken = NonNullable<KafkaOptions['token']>

/** A client of librdkafka, as far as it takes tokens. */
export interface TokenTaker {
  /** Throws or rejects if librdkafka refuses the token. */
  setOauthBearerToken(token: string): unknown
}

interface Taking {
  /** Told why a client keeps its former token; null when it has a new one. */
  readonly onTrouble: (words: string | null) => void
  /** Ends the wait for the first token. */
  readonly leave: () => void
}

/** How long the function may take. */
const ANSWER_MS = 30_000
/** The part of a token's life after which another one is made. */
const REFRESHED_AT = 0.8
/** Least time until the next call after one that failed. */
const RETRY_MS = 5_000
/** Least life of a new token. Clients log in meanwhile, and the next one is made after four fifths of it. */
const LIFE_MS_MIN = 5_000
/** Least time between two calls of a function that goes on answering with a token that ends soon. */
const REPEAT_MS = 1_000
/** Longest time-out that Node takes. */
const TIMER_MS_MAX = 2_147_483_647

export class TokenSupply {
  private readonly make: MakeToken
  private readonly takers = new Map<TokenTaker, Taking>()
  private asked: Promise<KafkaToken> | null = null
  private current: KafkaToken | null = null
  private timer: NodeJS.Timeout | null = null
  /** The last answer, if it was a failure. */
  private failed: { readonly error: unknown; readonly atMs: number } | null = null

  constructor(make: MakeToken) {
    this.make = make
  }

  /**
   * Gives the client a token before it connects, and another one in time until it is released. Rejects if none can be
   * had, or if it is released meanwhile.
   */
  async give(taker: TokenTaker, onTrouble: Taking['onTrouble'] = () => {}): Promise<void> {
    const left = new Promise<never>((_, reject) => {
      this.takers.set(taker, { onTrouble, leave: () => reject(new Error('the client was closed')) })
    })
    const { token } = await Promise.race([this.fresh() ?? this.askIfDue(), left])
    await taker.setOauthBearerToken(token)
    if (this.timer === null && this.takers.size > 0) this.schedule()
  }

  release(taker: TokenTaker): void {
    this.takers.get(taker)?.leave()
    this.takers.delete(taker)
    if (this.takers.size > 0 || this.timer === null) return
    clearTimeout(this.timer)
    this.timer = null
  }

  /** The token that is in use; null if it ends soon. */
  private fresh(): KafkaToken | null {
    return this.current !== null && remainingMs(this.current) > RETRY_MS ? this.current : null
  }

  /** Rejects as the last call did, if that was a moment ago. */
  private askIfDue(): Promise<KafkaToken> {
    const { failed } = this
    if (failed !== null && performance.now() - failed.atMs < RETRY_MS) return Promise.reject(failed.error)
    return this.ask()
  }

  private ask(): Promise<KafkaToken> {
    this.asked ??= this.answer().finally(() => {
      this.asked = null
    })
    return this.asked
  }

  private async answer(): Promise<KafkaToken> {
    try {
      const answered = await withinTime(this.make).catch((error: unknown) => {
        throw new Error(`kafka.token failed: ${redactText(errorWords(error).split('\n', 1)[0] ?? '')}`)
      })
      this.current = checked(answered, this.current)
      this.failed = null
      return this.current
    } catch (error) {
      this.failed = { error, atMs: performance.now() }
      throw error
    }
  }

  private schedule(): void {
    if (this.current !== null) this.wait(Math.max(REPEAT_MS, remainingMs(this.current) * REFRESHED_AT))
  }

  private wait(ms: number): void {
    // Clients that came while the function was asked have set one.
    if (this.timer !== null) clearTimeout(this.timer)
    // Not to keep the process alive: its clients do.
    this.timer = setTimeout(() => void this.refresh(), Math.min(ms, TIMER_MS_MAX)).unref()
  }

  /** Without an answer the clients go on with their token, and the function is asked again. */
  private async refresh(): Promise<void> {
    const answered = await this.ask().catch((error: unknown) => errorWords(error))
    if (this.takers.size === 0) return
    if (typeof answered === 'string') {
      for (const { onTrouble } of this.takers.values()) onTrouble(answered)
      return this.wait(RETRY_MS)
    }
    for (const [taker, { onTrouble }] of this.takers) void replace(taker, answered.token, onTrouble)
    this.schedule()
  }
}

/** librdkafka may refuse a token by its form; the other clients get theirs. */
async function replace(taker: TokenTaker, token: string, onTrouble: Taking['onTrouble']): Promise<void> {
  try {
    await taker.setOauthBearerToken(token)
    onTrouble(null)
  } catch (error) {
    onTrouble(`librdkafka refuses the token: ${redactText(errorWords(error))}`)
  }
}

const supplies = new WeakMap<MakeToken, TokenSupply>()

/** The one supply of this function; null without one. */
export function tokenSupply({ token }: Pick<KafkaOptions, 'token'>): TokenSupply | null {
  if (token === undefined) return null
  const supply = supplies.get(token) ?? new TokenSupply(token)
  supplies.set(token, supply)
  return supply
}

async function withinTime(make: MakeToken): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const words = `it has not answered within ${ANSWER_MS / 1_000} s`
    timer = setTimeout(() => reject(new Error(words)), ANSWER_MS)
  })
  try {
    return await Promise.race([make(), late])
  } finally {
    clearTimeout(timer)
  }
}

/** The token that is in use may come again, with less of its life left. */
function checked(answer: unknown, inUse: KafkaToken | null): KafkaToken {
  const { token, expiresAt }: Partial<Record<keyof KafkaToken, unknown>> = Object(answer)
  if (typeof token !== 'string' || token === '') throw new Error('kafka.token has answered without a token')
  const endMs = expiresAt instanceof Date ? expiresAt.getTime() : expiresAt
  if (typeof endMs !== 'number' || Number.isNaN(endMs))
    throw new Error('kafka.token has answered without expiresAt, a date or epoch ms')
  const lifeMs = endMs - Date.now()
  if (lifeMs <= 0) throw new Error('kafka.token has answered with a token that has expired')
  if (lifeMs < LIFE_MS_MIN && token !== inUse?.token) throw new Error(tooShort(lifeMs))
  return { token, expiresAt: endMs }
}

function tooShort(lifeMs: number): string {
  const seconds = Math.floor(lifeMs / 100) / 10
  return `kafka.token has answered with a token that lives ${seconds} s more: ${LIFE_MS_MIN / 1_000} s are needed`
}

function remainingMs({ expiresAt }: KafkaToken): number {
  return Number(expiresAt) - Date.now()
}
