// Keys from a URL. Promise: at most one fetch at a time. Unknown keys and failures cause one fetch per cool-down, for
// any number of requests. A set that is too old is used only while fetching fails, and only for its stale time.

import type { FastifyBaseLogger } from 'fastify'
import { KeysUnavailable } from '../../../src/errors.ts'
import type { Algorithm } from '../../../src/token/key-setting.ts'
import { fetchKeySet, KeyFetchFailed } from './key-fetch.ts'
import {
  chooseKey,
  type KeyChoice,
  type KeyHeader,
  type KeySet,
  KeysUnreadable,
  readKeySet,
} from './key-set.ts'
import type { KeySource } from './key-source.ts'

export interface RemoteKeyLimits {
  readonly jwksTimeoutMs: number
  readonly jwksCooldownMs: number
  readonly jwksMaxAgeMs: number
  readonly jwksStaleMs: number
}

export interface RemoteKeySurroundings {
  readonly issuer: string
  readonly rsaAlgorithm: Algorithm
  readonly log: FastifyBaseLogger
  /** A monotonic clock. */
  readonly nowMs: () => number
}

/** Requests that wait for a fetch. Beyond this a request fails at once. */
export const WAITING_MAX = 10_000

export class RemoteKeys implements KeySource {
  private readonly url: URL
  private readonly limits: RemoteKeyLimits
  private readonly around: RemoteKeySurroundings
  private readonly closing = new AbortController()
  private set: KeySet | null = null
  /** When the set was fetched. */
  private fetchedAtMs = Number.NEGATIVE_INFINITY
  /**
   * No fetch begins before this. Set after failures and after fetches for unknown keys. Routine fetches do not set it,
   * so that the first unknown key after a start is looked up at once.
   */
  private quietUntilMs = Number.NEGATIVE_INFINITY
  private inFlight: Promise<void> | null = null
  private waiting = 0
  /** Why the last fetch failed; null if it succeeded. */
  private failure: string | null = null
  /**
   * Fetches once when the cool-down after a failure is over. A server without keys is taken out of service, so no
   * request would make it fetch them.
   */
  private retry: NodeJS.Timeout | null = null

  constructor(url: URL, limits: RemoteKeyLimits, around: RemoteKeySurroundings) {
    this.url = url
    this.limits = limits
    this.around = around
    void this.fetch(false)
  }

  async find(header: KeyHeader): Promise<KeyChoice> {
    if (this.ageMs() >= this.limits.jwksMaxAgeMs) await this.wait(false)
    const choice = chooseKey(this.usableSet(), header)
    if ('key' in choice || choice.refused !== 'key') return choice
    await this.wait(true)
    return chooseKey(this.usableSet(), header)
  }

  notReady(): string | null {
    if (this.set === null) return `no key set from ${this.name()} yet: ${this.failure ?? 'being fetched'}`
    // Without a failure the set is old because no request came for long: the next request fetches.
    return this.failure !== null && this.isTooOld()
      ? `the key set from ${this.name()} is too old: ${this.failure}`
      : null
  }

  close(): void {
    this.closing.abort()
    if (this.retry !== null) clearTimeout(this.retry)
  }

  /** Joins the fetch in flight, or begins one outside the cool-down. Its result is in `set`. */
  private async wait(forUnknownKey: boolean): Promise<void> {
    if (this.waiting >= WAITING_MAX) return
    this.waiting++
    try {
      await this.fetch(forUnknownKey)
    } finally {
      this.waiting--
    }
  }

  private fetch(forUnknownKey: boolean): Promise<void> {
    if (this.inFlight !== null) return this.inFlight
    if (this.around.nowMs() < this.quietUntilMs || this.closing.signal.aborted) return Promise.resolve()
    this.inFlight = this.fetchOnce(forUnknownKey).finally(() => {
      this.inFlight = null
    })
    return this.inFlight
  }

  private async fetchOnce(forUnknownKey: boolean): Promise<void> {
    const { issuer, rsaAlgorithm, nowMs } = this.around
    const signal = AbortSignal.any([this.closing.signal, AbortSignal.timeout(this.limits.jwksTimeoutMs)])
    try {
      this.accept(readKeySet(await fetchKeySet(this.url, issuer, signal), rsaAlgorithm))
      if (forUnknownKey) this.quietUntilMs = nowMs() + this.limits.jwksCooldownMs
    } catch (error) {
      this.fail(error)
    }
  }

  private accept(set: KeySet): void {
    const { log, nowMs } = this.around
    const isNews = this.failure !== null || this.set === null
    this.set = set
    this.fetchedAtMs = nowMs()
    this.failure = null
    log[isNews ? 'info' : 'debug'](
      { url: this.name(), keys: set.keys.length, passedOver: set.passedOver },
      'key set read',
    )
  }

  private fail(error: unknown): void {
    if (this.closing.signal.aborted) return
    const { log, nowMs } = this.around
    const reason = failureReason(error, this.limits.jwksTimeoutMs)
    // A repeated failure is logged as debug: one line when it begins, one when it is over.
    log[reason === this.failure ? 'debug' : 'warn']({ url: this.name(), reason }, 'key set cannot be read')
    this.failure = reason
    this.quietUntilMs = nowMs() + this.limits.jwksCooldownMs
    this.retryAfter(this.limits.jwksCooldownMs)
  }

  private retryAfter(delayMs: number): void {
    if (this.retry !== null) clearTimeout(this.retry)
    this.retry = setTimeout(() => {
      // The timer ends the cool-down, even if it fires a millisecond early by the clock.
      this.quietUntilMs = Number.NEGATIVE_INFINITY
      void this.fetch(false)
    }, delayMs).unref()
  }

  private usableSet(): KeySet {
    if (this.set === null || this.isTooOld()) throw new KeysUnavailable()
    return this.set
  }

  private isTooOld(): boolean {
    return this.ageMs() >= this.limits.jwksMaxAgeMs + this.limits.jwksStaleMs
  }

  private ageMs(): number {
    return this.around.nowMs() - this.fetchedAtMs
  }

  /** Without the query, which may hold an API key. */
  private name(): string {
    return this.url.origin + this.url.pathname
  }
}

function failureReason(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`
  if (error instanceof KeyFetchFailed || error instanceof KeysUnreadable) return error.message
  // Unexpected: its message may quote the answer.
  return error instanceof Error ? error.name : typeof error
}
