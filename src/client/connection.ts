// One response: its token, its bytes, the answers to its challenges. Over when `run` resolves, nothing left behind.

import { checkAnswer } from './answer.ts'
import { EventParser, type EventSink } from './event-parser.ts'
import type { EventQueue } from './event-queue.ts'
import type { Limits } from './option-checks.ts'
import type { ConnectOptions, StreamEvent } from './options.ts'
import { Renewal } from './renewal.ts'
import { type Send, sendingTo, streamHeaders } from './request.ts'
import { asStreamError, StreamError } from './stream-error.ts'
import { TokenSource } from './token-source.ts'

export interface ConnectionParts {
  readonly url: string
  readonly options: ConnectOptions
  readonly limits: Limits
  /** Where its events go. */
  readonly queue: EventQueue
  /** Where it goes on. */
  readonly lastEventId: string
  /** Whether challenges are answered now. */
  readonly answersChallenges: () => boolean
  readonly onOpen: () => void
  /** Ends it. */
  readonly signal: AbortSignal
}

/** The event ID of a client that has nothing of any partition (docs/protocol.md): who was told of a gap begins anew. */
const NOTHING_YET = 'AQA='

/** What is left of a connection. */
export interface ConnectionEnd {
  /** null after a clean end. */
  readonly failure: StreamError | null
  /** The reason that the server gave before a clean end; empty where it gave none. */
  readonly reason: string
  /** As of the last event received in full. */
  readonly lastEventId: string
  /** The last `retry:` that came. */
  readonly retryMs: number | null
  readonly openMs: number
}

export class Connection implements EventSink {
  readonly #parts: ConnectionParts
  readonly #controller = new AbortController()
  readonly #send: Send
  readonly #tokens: TokenSource
  readonly #renewal: Renewal
  readonly #parser: EventParser
  /** Monotonic: the wall clock may be set while it is open. */
  #openedAtMs: number | null = null
  #retryMs: number | null = null
  #reason = ''

  constructor(parts: ConnectionParts) {
    const { url, options, limits, lastEventId } = parts
    const { signal } = this.#controller
    this.#parts = parts
    this.#send = sendingTo(url, options.fetch)
    this.#tokens = new TokenSource(options.getToken, signal)
    this.#renewal = new Renewal({
      send: this.#send,
      tokens: this.#tokens,
      handlers: options,
      isWanted: parts.answersChallenges,
      onUnknown: (error) => this.#controller.abort(error),
      signal,
    })
    this.#parser = new EventParser(this, { lastEventId, eventLengthMax: limits.eventLengthMax })
  }

  /** Never rejects. */
  async run(): Promise<ConnectionEnd> {
    const stop = (): void => this.#controller.abort()
    this.#parts.signal.addEventListener('abort', stop)
    const failure = await this.#failure()
    this.#parts.signal.removeEventListener('abort', stop)
    // The body that may be left unread, the renewal that may be under way.
    stop()
    return {
      failure,
      reason: this.#reason,
      lastEventId: this.#parser.lastEventId,
      retryMs: this.#retryMs,
      openMs: this.#openedAtMs === null ? 0 : performance.now() - this.#openedAtMs,
    }
  }

  event(event: StreamEvent): void {
    if (event.type === 'challenge') this.#renewal.challenged(event.data)
    // With `signals=1` these repeat, as events, what the comments have said already.
    else if (['ready', 'gap', 'ping', 'end'].includes(event.type)) this.moved(event.id)
    else this.#parts.queue.push(event)
  }

  moved(lastEventId: string): void {
    this.#parts.queue.move(lastEventId)
  }

  retry(retryMs: number): void {
    this.#retryMs = retryMs
  }

  comment(text: string): void {
    const [, type, reason = ''] = /^(ready|gap|end)(?: ([a-z-]{1,40}))?$/.exec(text) ?? []
    if (type === 'gap' && reason !== 'too-large') this.#parser.moveTo(NOTHING_YET)
    if (type === 'end') this.#reason = reason
    else if (type !== undefined) this.#parts.queue.push({ type, data: reason, id: this.#parser.lastEventId })
  }

  async #failure(): Promise<StreamError | null> {
    const { signal } = this.#controller
    try {
      await this.#read(await this.#open())
      return null
    } catch (error) {
      return asStreamError(signal.aborted ? signal.reason : error)
    }
  }

  async #open(): Promise<ReadableStreamDefaultReader<Uint8Array>> {
    const headers = streamHeaders(await this.#tokens.take(), this.#parts.lastEventId)
    const response = await this.#unlessSilent(this.#send('GET', headers, this.#controller.signal))
    checkAnswer(response)
    const reader = response.body?.getReader()
    if (reader === undefined) throw new StreamError('not-an-event-stream', 'The answer has no body')
    this.#openedAtMs = performance.now()
    this.#parts.onOpen()
    return reader
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    for (;;) {
      await this.#roomToRead()
      const { done, value } = await this.#unlessSilent(reader.read())
      if (done) return
      this.#parser.push(value)
    }
  }

  /** While nothing is read, a challenge would not be seen. */
  async #roomToRead(): Promise<void> {
    while (this.#parts.queue.full && !this.#controller.signal.aborted) {
      const room = await this.#parts.queue.room(this.#renewal.unaskedInMs())
      if (!room) this.#renewal.unasked()
    }
  }

  async #unlessSilent<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#controller
    const { heartbeatMs } = this.#parts.limits
    const timer = setTimeout(() => {
      this.#controller.abort(new StreamError('silent', `Not a byte came for ${heartbeatMs} ms`))
    }, heartbeatMs)
    try {
      const result = await work
      signal.throwIfAborted()
      return result
    } finally {
      clearTimeout(timer)
    }
  }
}
