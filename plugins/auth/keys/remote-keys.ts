// Keys from a URL. Promise: a key of the set is found without waiting, even while a fetch hangs; there is at most one
// fetch at a time; a key that the set lacks is refused only after a fetch that began later than the question.

import type { FastifyBaseLogger } from 'fastify'
import { KeysUnavailable } from '../../../src/errors.ts'
import type { Algorithm } from '../../../src/token/key-setting.ts'
import { FetchBudget } from './fetch-budget.ts'
import { type FetchedKeys, IssuerMismatch, type KeyEndpoint, KeyFetchFailed } from './key-fetch.ts'
import {
  chooseKey,
  type KeyChoice,
  type KeyHeader,
  type KeySet,
  KeysUnreadable,
  readKeySet,
} from './key-set.ts'
import { type KeyState, OwnKeySource } from './key-source.ts'

export interface RemoteKeyLimits {
  readonly jwksTimeoutMs: number
  readonly jwksCooldownMs: number
  readonly jwksMaxAgeMs: number
  readonly jwksStaleMs: number
}

export interface RemoteKeyParts {
  readonly endpoint: Pick<KeyEndpoint, 'name' | 'fetch' | 'close'>
  readonly rsaAlgorithm: Algorithm
  readonly log: FastifyBaseLogger
  /** A monotonic clock. */
  readonly nowMs: () => number
}

/** Requests that wait for a fetch. Beyond this a request fails at once. */
export const WAITING_MAX = 10_000
/** The answer's own age limit (RFC 9111) counts within these. */
const AGE_MIN_MS = 60_000
const AGE_MAX_MS = 3_600_000
/** A set is fetched again at this share of its age, so that the next one is there before it is over. */
const REFRESH_SHARE = 0.8
/** Without any set, a failed fetch is repeated after this, then after twice the time, and so on up to the cool-down. */
const FIRST_RETRY_MS = 1_000
/** A timer may fire a little early by the clock that says how old the set is. */
const TIMER_SLACK_MS = 10

/** A fetch in flight. */
interface Fetch {
  /** Whether it succeeded. Never rejects. */
  readonly done: Promise<boolean>
  readonly aborting: AbortController
}

export class RemoteKeys extends OwnKeySource {
  private readonly limits: RemoteKeyLimits
  private readonly parts: RemoteKeyParts
  private readonly budget: FetchBudget
  private set: KeySet | null = null
  /** What `set` was read from. The same text again is not read again. */
  private text = ''
  /** When the set is no longer used, by `nowMs`. */
  private untilMs = Number.NEGATIVE_INFINITY
  private current: Fetch | null = null
  /** Fetches that were begun, and the number of the last one that succeeded. */
  private begun = 0
  private succeeded = 0
  private waiting = 0
  /** Fetches that failed since the last one that succeeded, and why the last of them did; null: none. */
  private failures = 0
  private failure: string | null = null
  /** Why the last fetch failed, if that is because of the settings. */
  private mistake: string | null = null
  private nextFetch: NodeJS.Timeout | null = null
  /** Tells listeners that the set has become too old. */
  private expiry: NodeJS.Timeout | null = null
  private isClosed = false
  override readonly fetches = { read: 0, failed: 0 }

  constructor(limits: RemoteKeyLimits, parts: RemoteKeyParts) {
    super()
    this.limits = limits
    this.parts = parts
    this.budget = new FetchBudget(limits.jwksCooldownMs, parts.nowMs())
    this.begin()
  }

  get state(): KeyState {
    return { set: this.usableSet(), trouble: this.trouble() }
  }

  async find(header: KeyHeader): Promise<KeyChoice> {
    if (this.usableSet() === null && this.current !== null) await this.wait(this.current.done)
    const choice = this.choose(header)
    return 'key' in choice || choice.refused !== 'key' ? choice : this.lookUp(header)
  }

  /** What is wrong with the settings, by the first fetch; null also if that takes longer than `limitMs`. */
  async firstMistake(limitMs: number): Promise<string | null> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, limitMs)
    })
    await Promise.race([this.current?.done, late])
    clearTimeout(timer)
    return this.mistake
  }

  close(): void {
    this.isClosed = true
    this.current?.aborting.abort(new KeyFetchFailed('the server stops'))
    for (const timer of [this.nextFetch, this.expiry]) if (timer !== null) clearTimeout(timer)
    this.parts.endpoint.close()
  }

  /**
   * A key that the set lacks may have been published since. The answer of a fetch in flight may be older than that, so
   * a fetch that begins later decides. While none may begin, or if it fails, nothing is known of the key. Then its
   * token is not refused, because clients give up a token that was.
   */
  private async lookUp(header: KeyHeader): Promise<KeyChoice> {
    const { budget, parts, begun } = this
    if (budget.wasLookedFor(header.kid, parts.nowMs())) return { refused: 'key' }
    while (this.succeeded <= begun) {
      const done = this.current?.done ?? (budget.take(parts.nowMs()) ? this.begin() : null)
      if (done === null || !(await this.wait(done))) throw new KeysUnavailable()
      const choice = this.choose(header)
      if ('key' in choice || choice.refused !== 'key') return choice
    }
    budget.remember(header.kid, parts.nowMs())
    return { refused: 'key' }
  }

  private choose(header: KeyHeader): KeyChoice {
    const set = this.usableSet()
    if (set === null) throw new KeysUnavailable()
    return chooseKey(set, header)
  }

  /** Whether the fetch succeeded. */
  private async wait(done: Promise<boolean>): Promise<boolean> {
    if (this.waiting >= WAITING_MAX) throw new KeysUnavailable()
    this.waiting++
    const isThere = await done
    this.waiting--
    return isThere
  }

  /** The fetch in flight, or one that begins now. */
  private begin(): Promise<boolean> {
    if (this.isClosed) return Promise.resolve(false)
    if (this.current !== null) return this.current.done
    const aborting = new AbortController()
    const done = this.fetch(++this.begun, aborting).finally(() => {
      this.current = null
    })
    this.current = { done, aborting }
    return done
  }

  private async fetch(number: number, aborting: AbortController): Promise<boolean> {
    const { jwksTimeoutMs } = this.limits
    const late = () => aborting.abort(new KeyFetchFailed(`no answer within ${jwksTimeoutMs} ms`))
    const timer = setTimeout(late, jwksTimeoutMs)
    try {
      this.accept(await this.parts.endpoint.fetch(aborting.signal))
      this.succeeded = number
      return true
    } catch (error) {
      this.fail(error)
      return false
    } finally {
      clearTimeout(timer)
    }
  }

  private accept({ text, maxAgeMs }: FetchedKeys): void {
    if (this.isClosed) return
    const { log, endpoint, rsaAlgorithm, nowMs } = this.parts
    const isSame = this.set !== null && text === this.text
    const set = this.set !== null && isSame ? this.set : readKeySet(text, rsaAlgorithm)
    this.fetches.read++
    const isNews = !isSame || this.failure !== null
    this.set = set
    this.text = text
    this.failures = 0
    this.failure = null
    this.mistake = null
    const ageMs = maxAgeMs === null ? this.limits.jwksMaxAgeMs : within(maxAgeMs, AGE_MIN_MS, AGE_MAX_MS)
    const lifeMs = ageMs + this.limits.jwksStaleMs
    this.untilMs = nowMs() + lifeMs
    this.fetchAfter(ageMs * REFRESH_SHARE)
    this.tellAfter(lifeMs + TIMER_SLACK_MS)
    const about = { url: endpoint.name, keys: set.keys.length, passedOver: set.passedOver }
    if (isNews && set.keys.length === 0) log.warn(about, 'the key set is empty: every token is refused')
    else log[isNews ? 'info' : 'debug'](about, 'key set read')
    if (isNews) this.changed()
  }

  private fail(error: unknown): void {
    if (this.isClosed) return
    this.fetches.failed++
    const { log, endpoint } = this.parts
    const reason = failureReason(error)
    // A repeated failure is logged as debug: one line when it begins, one when it is over.
    log[reason === this.failure ? 'debug' : 'warn']({ url: endpoint.name, reason }, 'key set cannot be read')
    this.failure = reason
    this.mistake = error instanceof IssuerMismatch ? reason : null
    const { jwksCooldownMs } = this.limits
    const firstMs = FIRST_RETRY_MS * 2 ** Math.min(this.failures++, 16)
    this.fetchAfter(this.usableSet() === null ? Math.min(jwksCooldownMs, firstMs) : jwksCooldownMs)
    this.changed()
  }

  /** In place of the fetch that was planned before. */
  private fetchAfter(delayMs: number): void {
    if (this.nextFetch !== null) clearTimeout(this.nextFetch)
    this.nextFetch = setTimeout(() => void this.begin(), delayMs).unref()
  }

  private tellAfter(delayMs: number): void {
    if (this.expiry !== null) clearTimeout(this.expiry)
    this.expiry = setTimeout(() => this.changed(), delayMs).unref()
  }

  private usableSet(): KeySet | null {
    return this.parts.nowMs() < this.untilMs ? this.set : null
  }

  private trouble(): string | null {
    if (this.usableSet() !== null) return null
    const what = `key set from ${this.parts.endpoint.name}`
    const why = this.failure ?? 'being fetched'
    return this.set === null ? `no ${what} yet: ${why}` : `the ${what} is too old: ${why}`
  }
}

function within(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value))
}

function failureReason(error: unknown): string {
  if (error instanceof KeyFetchFailed || error instanceof KeysUnreadable) return error.message
  // Unexpected: its message may quote the answer.
  return error instanceof Error ? error.name : typeof error
}
