// One connection: gets a token, requests the stream, reads it and answers its challenges. Promise: when `run` resolves,
// the request, the timers and the listeners are gone.

import { EventParser, type EventSink, type ParsedEvent } from './event-parser.ts'
import type { EventQueue } from './event-queue.ts'
import type { Limits } from './option-checks.ts'
import type { ConnectOptions } from './options.ts'
import { refusalReason } from './refusal-reason.ts'
import { Renewal } from './renewal.ts'
import { authorization, resumption, type Send } from './request.ts'
import { checkResponse } from './response.ts'
import { asStreamError, StreamError } from './stream-error.ts'
import type { TokenSource } from './token-source.ts'

export interface ConnectionParts {
  readonly send: Send
  readonly handlers: Pick<ConnectOptions, 'onChallenge' | 'onRenewed' | 'onError'>
  readonly limits: Limits
  /** Has the tokens of all connections of its stream. */
  readonly tokens: TokenSource
  /** Receives its events. */
  readonly queue: EventQueue
  /** The event ID after which it resumes; empty for the server's default. */
  readonly lastEventId: string
  /** Whether challenges are answered at present. */
  readonly isWanted: () => boolean
  readonly onOpen: () => void
  /** Called for each chunk. */
  readonly onHeard: () => void
  /** Ends the connection when it aborts, with its reason. Is aborted when the connection has ended. */
  readonly controller: AbortController
}

/** The event ID of a client that has no record yet (docs/protocol.md). After a gap the client starts from there. */
const NOTHING_YET = 'AQA='
/** The reason of a gap that is one record. */
const TOO_LARGE = 'too-large'

/** How a connection ended. */
export interface ConnectionEnd {
  /** null after a clean end. */
  readonly failure: StreamError | null
  /** The server's reason for a clean end; empty without one. */
  readonly reason: string
  /** As of the last complete event. */
  readonly lastEventId: string
  /** The last `retry:` that it received; null without one. */
  readonly retryMs: number | null
  readonly openMs: number
}

export class Connection implements EventSink {
  readonly #parts: ConnectionParts
  readonly #controller: AbortController
  readonly #renewal: Renewal
  readonly #parser: EventParser
  /** Monotonic, because the wall clock may be set while the connection is open. */
  #openedAtMs: number | null = null
  #retryMs: number | null = null
  #reason = ''
  /** The block of a record that was too large has begun. It counts with its id, as any record, so it is told once. */
  #tooLarge = false

  constructor(parts: ConnectionParts) {
    const { limits, lastEventId, controller } = parts
    this.#parts = parts
    this.#controller = controller
    this.#renewal = new Renewal({ ...parts, signal: controller.signal })
    this.#parser = new EventParser(this, { lastEventId, eventLengthMax: limits.eventLengthMax })
  }

  /** Never rejects. */
  async run(): Promise<ConnectionEnd> {
    const failure = await this.#failure()
    // Cancels a body that was not read to its end, and a renewal that is in progress.
    this.#controller.abort()
    return {
      failure,
      reason: this.#reason,
      lastEventId: this.#parser.lastEventId,
      retryMs: this.#retryMs,
      openMs: this.#openedAtMs === null ? 0 : performance.now() - this.#openedAtMs,
    }
  }

  // With `signals=1` the server sends other events in addition to the comments, which are handled below.
  event({ type, data, id }: ParsedEvent): void {
    if (type === 'challenge') this.#renewal.challenged(data)
    else if (type === 'message' || type === 'delete') this.#parts.queue.push({ type, data, id })
    else this.moved(id)
  }

  moved(lastEventId: string): void {
    if (this.#tooLarge) this.#parts.queue.push({ type: 'gap', data: TOO_LARGE, id: lastEventId })
    else this.#parts.queue.move(lastEventId)
    this.#tooLarge = false
  }

  retry(retryMs: number): void {
    this.#retryMs = retryMs
  }

  comment(text: string): void {
    const [, type, data = ''] = /^(ready|gap|end)(?: ([a-z-]{1,40}))?$/.exec(text) ?? []
    if (type === 'gap' && data !== TOO_LARGE) this.#parser.moveTo(NOTHING_YET)
    if (type === 'end') this.#reason = data
    else if (type === 'gap' && data === TOO_LARGE) this.#tooLarge = true
    else if (type === 'ready' || type === 'gap') {
      this.#parts.queue.push({ type, data, id: this.#parser.lastEventId })
    }
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
    const { tokens, send, lastEventId } = this.#parts
    const token = await tokens.take('connect')
    const accept = 'text/event-stream'
    const headers = { accept, ...authorization(token.text), ...resumption(lastEventId) }
    const response = await this.#unlessSilent(send('GET', headers, this.#controller.signal))
    tokens.answered(response.status)
    checkResponse(response, await refusalReason(response, token.text, this.#controller.signal))
    const reader = response.body?.getReader()
    if (reader === undefined) throw new StreamError('not-an-event-stream', 'The answer has no body')
    this.#renewal.opened(token)
    this.#openedAtMs = performance.now()
    this.#parts.onOpen()
    return reader
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    for (;;) {
      await this.#roomToRead()
      const { done, value } = await this.#unlessSilent(reader.read())
      if (done) return
      this.#parts.onHeard()
      this.#parser.push(value)
    }
  }

  /** Waits until the queue has room. Meanwhile challenges cannot be seen, so the token is renewed without one. */
  async #roomToRead(): Promise<void> {
    while (this.#parts.queue.full && !this.#controller.signal.aborted) {
      const room = await this.#parts.queue.room(this.#renewal.dueInMs())
      if (!room) this.#renewal.renewNow()
    }
  }

  // A timer that is cleared: one of AbortSignal.timeout would stay for `heartbeatMs` after each of thousands of reads.
  async #unlessSilent<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#controller
    const { heartbeatMs } = this.#parts.limits
    const timer = setTimeout(() => {
      this.#controller.abort(new StreamError('silent', `No byte came for ${heartbeatMs} ms`))
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
