// A stream over any number of connections. After each one it waits, and opens the next one at the last event ID. It
// ends with `close()`, or with a response that a retry cannot change.

import { Backoff } from './backoff.ts'
import { Connection, type ConnectionEnd } from './connection.ts'
import { EventQueue } from './event-queue.ts'
import { tell, throwOutside } from './handlers.ts'
import { checkOptions, type Limits, readLastEventId, readLimits, readUrl } from './option-checks.ts'
import type { ConnectOptions, StreamEvent, StreamState } from './options.ts'
import { Refusals } from './refusals.ts'
import { type Send, sendingTo } from './request.ts'
import { isFinal, type StreamError } from './stream-error.ts'
import { TokenSource } from './token-source.ts'
import { pause } from './waiting.ts'

/**
 * Opens the stream at `url` and keeps it open, until `close()`, the signal, or a final error (see StreamErrorCode).
 * Between connections it waits for the server's `retry:` (2 s without one). Each failure doubles the wait, up to
 * `retryMaxMs`. Up to a quarter of jitter is added; the wait is never less than Retry-After. Throws a TypeError or
 * RangeError for invalid options.
 */
export function connect(url: string | URL, options: ConnectOptions = {}): EventStream {
  return new EventStream(url, options)
}

/**
 * While the consumer is busy it reads on, up to `readAheadMax`. Beyond that it leaves the body unread, so that
 * backpressure slows the server down. Challenges in the unread part cannot be seen, so meanwhile the token is renewed
 * 5 s before its `exp`, without a challenge. If the server ends the stream anyway, the next connection resumes.
 */
export class EventStream implements AsyncIterable<StreamEvent> {
  readonly url: string
  /** Whether challenges are answered from now on. */
  challenges: boolean
  /** Resolves when the stream has closed: with the error that ended it, or null after `close()` or the signal. */
  readonly closed: Promise<StreamError | null>

  readonly #options: ConnectOptions
  readonly #limits: Limits
  readonly #send: Send
  readonly #backoff: Backoff
  readonly #queue: EventQueue
  readonly #closing = new AbortController()
  readonly #tokens: TokenSource
  readonly #closeOnAbort = (): void => this.close()
  #resolveClosed: (error: StreamError | null) => void = () => {}
  #state: StreamState = 'connecting'
  /** As of the last complete event: the next connection resumes here. */
  #lastEventId: string
  readonly #refusals = new Refusals()
  #consumed: boolean

  constructor(url: string | URL, options: ConnectOptions) {
    checkOptions(options)
    this.#limits = readLimits(options)
    this.url = readUrl(url)
    this.#send = sendingTo(this.url, options)
    this.challenges = options.challenges ?? true
    this.#options = options
    this.#tokens = new TokenSource(options.getToken, this.#closing.signal)
    this.#lastEventId = readLastEventId(options)
    this.#backoff = new Backoff(this.#limits.retryMaxMs, options.random ?? Math.random)
    this.#queue = new EventQueue(this.#lastEventId, this.#limits.readAheadMax)
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    options.signal?.addEventListener('abort', this.#closeOnAbort, { once: true })
    if (options.signal?.aborted) this.close()
    // Later, because the caller's handlers may refer to the stream that this constructor returns.
    queueMicrotask(() => this.#run())
    this.#consumed = options.onEvent !== undefined
    if (options.onEvent) void this.#deliver(options.onEvent)
  }

  get state(): StreamState {
    return this.#state
  }

  /** The event ID after the last delivered event, or a newer one of a heartbeat if there was no event in between. */
  get lastEventId(): string {
    return this.#queue.position
  }

  /** Ends the connection, the timers and the iteration at once. No event is delivered after it. */
  close(): void {
    this.#queue.clear()
    this.#finish(null)
  }

  /** For one consumer. Leaving the loop closes the stream. A final error is thrown after the last event. */
  async *[Symbol.asyncIterator](): AsyncGenerator<StreamEvent, void, undefined> {
    if (this.#consumed) throw new TypeError('This stream already has a consumer')
    this.#consumed = true
    try {
      for (;;) {
        const event = await this.#queue.take()
        if (event === null) break
        yield event
      }
      const error = await this.closed
      if (error !== null) throw error
    } finally {
      this.close()
    }
  }

  async #deliver(onEvent: (event: StreamEvent) => void | Promise<void>): Promise<void> {
    for (;;) {
      const event = await this.#queue.take()
      if (event === null) return
      try {
        await onEvent(event)
      } catch (error) {
        throwOutside(error)
      }
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      const end = await this.#connect()
      if (signal.aborted) return
      const waitMs = end.failure === null ? this.#ended(end) : this.#failed(end, end.failure)
      await pause(waitMs, signal)
    }
  }

  async #connect(): Promise<ConnectionEnd> {
    this.#state = 'connecting'
    const connection = new Connection({
      send: this.#send,
      handlers: this.#options,
      limits: this.#limits,
      tokens: this.#tokens,
      queue: this.#queue,
      lastEventId: this.#lastEventId,
      isWanted: () => this.challenges,
      onOpen: () => this.#opened(),
      signal: this.#closing.signal,
    })
    const end = await connection.run()
    this.#lastEventId = end.lastEventId
    return end
  }

  #opened(): void {
    this.#state = 'open'
    this.#refusals.count(null)
    tell(this.#options.onOpen, { lastEventId: this.#lastEventId })
  }

  #ended(end: ConnectionEnd): number {
    this.#state = 'waiting'
    const retryInMs = this.#backoff.waitMs({ ...end, retryAfterMs: null })
    tell(this.#options.onEnd, { reason: end.reason, retryInMs })
    return retryInMs
  }

  #failed(end: ConnectionEnd, error: StreamError): number {
    this.#refusals.count(error)
    if (isFinal(error, this.#refusals.areFinal)) {
      tell(this.#options.onError, { error, retryInMs: null, final: true })
      this.#finish(error)
      return 0
    }
    this.#state = 'waiting'
    const backoffMs = this.#backoff.waitMs({ ...end, retryAfterMs: error.retryAfterMs })
    const retryInMs = this.#refusals.waitMs(backoffMs)
    tell(this.#options.onError, { error, retryInMs, final: false })
    return retryInMs
  }

  #finish(error: StreamError | null): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#options.signal?.removeEventListener('abort', this.#closeOnAbort)
    this.#closing.abort()
    this.#queue.end()
    this.#resolveClosed(error)
  }
}
