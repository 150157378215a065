// A stream over any number of connections. After each one it waits, and opens the next one at the last event ID. It
// ends with `close()`, or with a response that a retry cannot change.

import { Backoff, SERVER_WAIT_MAX_MS } from './backoff.ts'
import { Connection, type ConnectionEnd } from './connection.ts'
import { EventQueue } from './event-queue.ts'
import { tell, throwOutside } from './handlers.ts'
import { checkOptions, type Limits, readLastEventId, readLimits, readUrl } from './option-checks.ts'
import type { ConnectOptions, StreamEvent, StreamState } from './options.ts'
import { Refusals } from './refusals.ts'
import { type Send, sendingTo } from './request.ts'
import { isFinal, StreamError } from './stream-error.ts'
import { TokenSource } from './token-source.ts'
import { pause } from './waiting.ts'
import { type WakeUps, watchWakeUps } from './wake-ups.ts'

/**
 * Opens the stream at `url` and keeps it open, until `close()`, the signal, or a final error (see StreamErrorCode).
 * Between connections it waits for a random time, from 0 to 2 s or the server's `retry:`; each failure doubles that
 * limit, up to `retryMaxMs`. It never comes sooner than the server's `retry:` or Retry-After say. A browser that has
 * no network is waited for. It comes back at once when the network is back, and when the page is shown again or the
 * machine has slept, but for a Retry-After. Throws a TypeError or RangeError that names an invalid option.
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
  readonly #wakeUps: WakeUps
  readonly #closeOnAbort = (): void => this.close()
  #resolveClosed: (error: StreamError | null) => void = () => {}
  /** Ends the present connection, or the wait for the next one. */
  #turn = new AbortController()
  /** The error of a connection that was ended because the network is back. */
  #woken: StreamError | null = null
  /** Whether the server has said how long to wait, with Retry-After. */
  #isHeld = false
  #state: StreamState = 'connecting'
  #reason = ''
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
    this.#wakeUps = watchWakeUps(this.#limits.heartbeatMs, (isLost) => this.#wake(isLost))
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

  /** Why it is not open: the code of an error, or the server's word for an end; empty if there is none. */
  get reason(): string {
    return this.#reason
  }

  /** The event ID after the last delivered event, or a newer one of a heartbeat if there was no event in between. */
  get lastEventId(): string {
    return this.#queue.position
  }

  /** Ends a wait for the next connection, though the server may have asked for it. */
  retryNow(): void {
    if (this.#isWaiting) this.#turn.abort()
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
      this.#turn = new AbortController()
      const end = await this.#connect(this.#turn)
      if (signal.aborted) return
      this.#turn = new AbortController()
      const waitMs = end.failure === null ? this.#ended(end) : this.#failed(end, end.failure)
      await pause(waitMs, this.#turn.signal)
    }
  }

  async #connect(controller: AbortController): Promise<ConnectionEnd> {
    this.#set('connecting', this.#reason)
    const connection = new Connection({
      send: this.#send,
      handlers: this.#options,
      limits: this.#limits,
      tokens: this.#tokens,
      queue: this.#queue,
      lastEventId: this.#lastEventId,
      isWanted: () => this.challenges,
      onOpen: () => this.#opened(),
      onHeard: this.#wakeUps.heard,
      controller,
    })
    const end = await connection.run()
    this.#lastEventId = end.lastEventId
    return end
  }

  #opened(): void {
    this.#refusals.count(null)
    this.#set('open', '')
    tell(this.#options.onOpen, { lastEventId: this.#lastEventId })
  }

  #ended(end: ConnectionEnd): number {
    const retryInMs = this.#backoff.waitMs({ ...end, retryAfterMs: null })
    this.#isHeld = false
    this.#set('waiting', end.reason)
    tell(this.#options.onEnd, { reason: end.reason, retryInMs })
    return retryInMs
  }

  #failed(end: ConnectionEnd, error: StreamError): number {
    const { code, status, retryAfterMs } = error
    this.#refusals.count(error)
    if (isFinal(error, this.#refusals.areFinal)) {
      tell(this.#options.onError, { error, retryInMs: null, final: true })
      this.#finish(error)
      return 0
    }
    // No server has answered, and none will.
    const isOffline = status === null && globalThis.navigator?.onLine === false
    let retryInMs = SERVER_WAIT_MAX_MS
    if (error === this.#woken) retryInMs = 0
    else if (!isOffline) retryInMs = this.#refusals.waitMs(this.#backoff.waitMs({ ...end, retryAfterMs }))
    this.#isHeld = retryAfterMs !== null
    this.#set(isOffline ? 'offline' : 'waiting', code)
    tell(this.#options.onError, { error, retryInMs, final: false })
    return retryInMs
  }

  get #isWaiting(): boolean {
    return this.#state === 'waiting' || this.#state === 'offline'
  }

  /** `isLost`: the connection is, too, but while the reader waits for the consumer that cannot be told. */
  #wake(isLost: boolean): void {
    if (this.#isWaiting) {
      if (!this.#isHeld) this.#turn.abort()
    } else if (isLost && !this.#queue.full) {
      this.#woken = new StreamError('lost', 'The network was gone, or the page or the machine asleep')
      this.#turn.abort(this.#woken)
    }
  }

  #set(state: StreamState, reason: string): void {
    this.#state = state
    this.#reason = reason
    tell(this.#options.onState, { state, reason })
  }

  #finish(error: StreamError | null): void {
    if (this.#state === 'closed') return
    this.#options.signal?.removeEventListener('abort', this.#closeOnAbort)
    this.#wakeUps.stop()
    this.#closing.abort()
    this.#queue.end()
    this.#set('closed', error?.code ?? '')
    this.#turn.abort()
    this.#resolveClosed(error)
  }
}
