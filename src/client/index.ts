// The client: one stream that stays open. It answers challenges, and after whatever cut it off it comes back with a
// fresh token and the last event ID, so that every record arrives once. A single file without imports, because
// browsers load it as /client.js; Node 20 and later imports it as `fastify-kafka-sse/client`.

import type {
  ConnectOptions,
  EventSink,
  FetchRequest,
  FetchResponse,
  StreamEvent,
  StreamState,
} from './options.ts'

export type * from './options.ts'

/** What a connection is refused or lost for. Never holds a token. */
export type StreamErrorCode =
  | 'lost' // no connection, or it broke: tried again
  | 'silent' // not a byte for `heartbeatMs`: tried again
  | 'token' // getToken threw or took too long: tried again
  | 'no-token' // getToken answered null: final
  | 'unauthorized' // 401 or 403: tried again once with another token, the second in a row is final
  | 'unavailable' // 408, 425, 429 or 5xx: tried again, not before Retry-After
  | 'refused' // 204, 3xx (never followed: the token would go along) or another 4xx: final
  | 'not-an-event-stream' // 200 with another content type: final
  | 'event-too-large' // an event beyond `eventLengthMax`, which would only come again: final
  | 'renewal' // a challenge could not be answered; the stream goes on for as long as the server lets it

export class StreamError extends Error {
  override readonly name = 'StreamError'
  readonly code: StreamErrorCode
  /** The HTTP status that it comes from, or null. */
  readonly status: number | null
  /** What the server asked to wait, by Retry-After; else null. */
  readonly retryAfterMs: number | null

  constructor(code: StreamErrorCode, message: string, details: StreamErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : {})
    this.code = code
    this.status = details.status ?? null
    this.retryAfterMs = details.retryAfterMs ?? null
  }
}

export interface StreamErrorDetails {
  status?: number
  retryAfterMs?: number | null
  cause?: unknown
}

/** No wait that a server asks for is longer than this, whatever it says. */
const SERVER_WAIT_MAX_MS = 600_000
/** The reconnection time until a server names one. */
const RETRY_MS = 2_000
/** A connection that was open this long counts as good: the waits start over. */
const STEADY_MS = 5_000
const TOKEN_TIMEOUT_MS = 30_000
/** A challenge is answered at most this often, and not closer together than a second. */
const RENEWAL_TRIES = 3
const RENEWAL_SPACING_MS = 1_000
const RENEWAL_TIMEOUT_MS = 5_000
/** While nothing is read, the token is renewed unasked when it has this long to live. */
const UNASKED_RENEWAL_MS = 5_000
/** What an event takes beyond its text, when read-ahead is counted. */
const EVENT_OVERHEAD = 64

/**
 * Opens the stream at `url` and keeps it open, until `close()`, the signal, or an answer that waiting cannot change
 * (see StreamErrorCode). Between tries it waits what the server's `retry:` says (2 s until then), doubled with each
 * failure up to `retryMaxMs`, plus up to a quarter of jitter; never less than Retry-After.
 */
export function connect(url: string | URL, options: ConnectOptions): EventStream {
  return new EventStream(url, options)
}

/**
 * Reads on while the consumer is busy, up to `readAheadMax`; beyond it the body is left unread, so that the server
 * slows down. A challenge that is stuck behind unread bytes cannot be seen: meanwhile the token is renewed unasked,
 * 5 s before the `exp` that it carries. Should the server end the stream all the same, the next one resumes.
 */
export class EventStream implements AsyncIterable<StreamEvent> {
  readonly url: string
  /** Whether challenges are answered from now on. */
  challenges: boolean
  /** Resolves when the stream has closed: with the error that ended it, or null after `close()` or the signal. */
  readonly closed: Promise<StreamError | null>

  readonly #options: ConnectOptions
  readonly #queue: EventQueue
  readonly #closing = new AbortController()
  readonly #closeOnAbort = (): void => this.close()
  #resolveClosed: (error: StreamError | null) => void = () => {}
  #state: StreamState = 'connecting'
  #connection: Connection | null = null
  /** As of the last event received in full: the next connection resumes here. */
  #lastEventId: string
  #retryMs = RETRY_MS
  /** Connections in a row that did not last: what the wait doubles with. */
  #failures = 0
  /** Refused tokens in a row. */
  #refusals = 0
  #consumed: boolean

  constructor(url: string | URL, options: ConnectOptions) {
    checkLimits(options)
    this.url = streamUrl(url)
    this.challenges = options.challenges ?? true
    this.#options = options
    this.#lastEventId = checkedId(options.lastEventId ?? '')
    this.#queue = new EventQueue(this.#lastEventId, options.readAheadMax ?? 1_048_576)
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    options.signal?.addEventListener('abort', this.#closeOnAbort, { once: true })
    if (options.signal?.aborted) this.close()
    // Not before the caller holds the stream, which its handlers may name.
    queueMicrotask(() => this.#run())
    this.#consumed = options.onEvent !== undefined
    if (options.onEvent) void this.#deliver(options.onEvent)
  }

  get state(): StreamState {
    return this.#state
  }

  /** The position after what was handed out, moved on by heartbeats where nothing had to be. */
  get lastEventId(): string {
    return this.#queue.position
  }

  /** Ends it at once, connection, timers and iteration; nothing more is handed out. */
  close(): void {
    this.#queue.clear()
    this.#finish(null)
  }

  /** One consumer per stream. Leaving the loop closes the stream; an error that ended it is thrown after its events. */
  async *[Symbol.asyncIterator](): AsyncGenerator<StreamEvent, void, undefined> {
    if (this.#consumed) throw new TypeError('This stream has its consumer already')
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
    while (!this.#closing.signal.aborted) {
      const waitMs = await this.#connect()
      if (waitMs !== null) await pause(waitMs, this.#closing.signal)
    }
  }

  /** One connection, from token to end. Answers how long to wait for the next; null when there will be none. */
  async #connect(): Promise<number | null> {
    this.#state = 'connecting'
    const connection = new Connection(this.url, this.#options, this.#queue, this.#lastEventId, {
      challenges: () => this.challenges,
      opened: () => this.#opened(),
      retry: (retryMs) => {
        this.#retryMs = Math.min(Math.max(retryMs, 1), SERVER_WAIT_MAX_MS)
      },
    })
    this.#connection = connection
    const failure = await connection.run()
    this.#connection = null
    this.#lastEventId = connection.lastEventId
    if (this.#closing.signal.aborted) return null
    this.#failures = connection.openMs() >= STEADY_MS ? 1 : this.#failures + 1
    return failure === null ? this.#ended(connection.endReason) : this.#failed(failure)
  }

  #opened(): void {
    this.#state = 'open'
    this.#refusals = 0
    tell(this.#options.onOpen, { lastEventId: this.#lastEventId })
  }

  #ended(reason: string): number {
    this.#state = 'waiting'
    const retryInMs = this.#waitMs(null)
    tell(this.#options.onEnd, { reason, retryInMs })
    return retryInMs
  }

  #failed(error: StreamError): number | null {
    if (error.code === 'unauthorized') this.#refusals++
    if (isFinal(error, this.#refusals)) {
      tell(this.#options.onError, { error, retryInMs: null, final: true })
      this.#finish(error)
      return null
    }
    this.#state = 'waiting'
    const retryInMs = this.#waitMs(error.retryAfterMs)
    tell(this.#options.onError, { error, retryInMs, final: false })
    return retryInMs
  }

  #waitMs(retryAfterMs: number | null): number {
    const ownMaxMs = Math.max(this.#retryMs, this.#options.retryMaxMs ?? 30_000)
    const ownMs = Math.min(this.#retryMs * 2 ** (this.#failures - 1), ownMaxMs)
    const jitter = 1 + (this.#options.random ?? Math.random)() / 4
    return Math.round(Math.max(ownMs, retryAfterMs ?? 0) * jitter)
  }

  #finish(error: StreamError | null): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#options.signal?.removeEventListener('abort', this.#closeOnAbort)
    this.#closing.abort()
    this.#connection?.abort()
    this.#queue.end()
    this.#resolveClosed(error)
  }
}

function isFinal(error: StreamError, refusals: number): boolean {
  if (error.code === 'unauthorized') return refusals >= 2
  return ['no-token', 'refused', 'not-an-event-stream', 'event-too-large'].includes(error.code)
}

/** What a connection asks of, and tells, the stream that it belongs to. */
interface ConnectionOwner {
  challenges(): boolean
  opened(): void
  retry(retryMs: number): void
}

interface Challenge {
  readonly method: string
  readonly headers: Record<string, string>
}

const DEFAULT_CHALLENGE: Challenge = {
  method: 'POST',
  headers: { 'content-type': 'application/x-challenge-response' },
}

/** One response: its token, its bytes, the answers to its challenges. Over when `run` resolves, nothing left behind. */
class Connection implements EventSink {
  /** The reason that the server gave before a clean end; empty where it gave none. */
  endReason = ''
  readonly #url: string
  readonly #options: ConnectOptions
  readonly #queue: EventQueue
  readonly #owner: ConnectionOwner
  readonly #parser: EventParser
  readonly #controller = new AbortController()
  #openedAtMs: number | null = null
  /** When the newest token expires, where that can be read in it. */
  #expiresAtMs: number | null = null
  #renewing = false
  #renewedAtMs = Number.NEGATIVE_INFINITY

  constructor(
    url: string,
    options: ConnectOptions,
    queue: EventQueue,
    lastEventId: string,
    owner: ConnectionOwner,
  ) {
    this.#url = url
    this.#options = options
    this.#queue = queue
    this.#owner = owner
    this.#parser = new EventParser(this, {
      lastEventId,
      eventLengthMax: options.eventLengthMax ?? 16_777_216,
    })
  }

  get lastEventId(): string {
    return this.#parser.lastEventId
  }

  /** Never rejects: answers null after a clean end, else why there is none. */
  async run(): Promise<StreamError | null> {
    try {
      await this.#read(await this.#open())
      return null
    } catch (error) {
      return asStreamError(this.#controller.signal.aborted ? this.#controller.signal.reason : error)
    } finally {
      this.abort()
    }
  }

  openMs(): number {
    return this.#openedAtMs === null ? 0 : Date.now() - this.#openedAtMs
  }

  abort(reason?: StreamError): void {
    this.#controller.abort(reason)
  }

  event(event: StreamEvent): void {
    if (event.type === 'challenge') this.#challenged(event.data)
    // With `signals=1` these repeat, as events, what the comments have said already.
    else if (['ready', 'gap', 'ping', 'end'].includes(event.type)) this.moved(event.id)
    else this.#queue.push(event)
  }

  moved(lastEventId: string): void {
    this.#queue.move(lastEventId)
  }

  retry(retryMs: number): void {
    this.#owner.retry(retryMs)
  }

  comment(text: string): void {
    const [, name, reason = ''] = /^(ready|gap|end)(?: ([a-z-]{1,40}))?$/.exec(text) ?? []
    if (name === 'end') this.endReason = reason
    else if (name !== undefined) this.#queue.push({ type: name, data: reason, id: this.lastEventId })
  }

  async #open(): Promise<ReadableStreamDefaultReader<Uint8Array>> {
    const token = await this.#token()
    const headers: Record<string, string> = { accept: 'text/event-stream', authorization: `Bearer ${token}` }
    if (this.lastEventId !== '') headers['last-event-id'] = headerText(this.lastEventId)
    const response = await this.#unlessSilent(this.#fetch('GET', headers, this.#controller.signal))
    this.#controller.signal.throwIfAborted()
    checkAnswer(response)
    const reader = response.body?.getReader()
    if (reader === undefined) throw new StreamError('not-an-event-stream', 'The answer has no body')
    this.#openedAtMs = Date.now()
    this.#owner.opened()
    return reader
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    for (;;) {
      await this.#roomToRead()
      const { done, value } = await this.#unlessSilent(reader.read())
      this.#controller.signal.throwIfAborted()
      if (done) return
      this.#parser.push(value)
    }
  }

  async #roomToRead(): Promise<void> {
    while (this.#queue.full && !this.#controller.signal.aborted) {
      const waitMs = this.#unaskedRenewalInMs()
      const room = await this.#queue.room(waitMs)
      if (!room) void this.#renew(DEFAULT_CHALLENGE)
    }
  }

  /** null: never. Spaced out, so that a clock which is wrong here does not make a renewal of every moment. */
  #unaskedRenewalInMs(): number | null {
    if (this.#expiresAtMs === null || !this.#owner.challenges()) return null
    const soonestMs = this.#renewedAtMs + UNASKED_RENEWAL_MS
    const dueAtMs = Math.max(this.#expiresAtMs - UNASKED_RENEWAL_MS, soonestMs)
    return Math.min(Math.max(dueAtMs - Date.now(), RENEWAL_SPACING_MS), SERVER_WAIT_MAX_MS)
  }

  async #unlessSilent<T>(work: Promise<T>): Promise<T> {
    const limitMs = this.#options.heartbeatMs ?? 27_000
    const timer = setTimeout(() => {
      this.abort(new StreamError('silent', `Not a byte came for ${limitMs} ms`))
    }, limitMs)
    try {
      return await work
    } finally {
      clearTimeout(timer)
    }
  }

  async #token(): Promise<string> {
    const token = await this.#askForToken()
    if (token === null) throw new StreamError('no-token', 'getToken gave no token')
    // Checked here, since a header that cannot be sent is quoted in the error of fetch.
    if (!/^[\x21-\x7e]+$/.test(token)) throw new StreamError('token', 'What getToken answered is no token')
    this.#expiresAtMs = expiryMs(token)
    return token
  }

  async #askForToken(): Promise<string | null> {
    try {
      const { getToken } = this.#options
      return await withTimeout(getToken, TOKEN_TIMEOUT_MS, this.#controller.signal)
    } catch (cause) {
      throw new StreamError('token', `No token could be had: ${messageOf(cause)}`, { cause })
    }
  }

  #fetch(method: string, headers: Record<string, string>, signal: AbortSignal): Promise<FetchResponse> {
    const request: FetchRequest = { method, headers, signal, cache: 'no-store', redirect: 'manual' }
    // Called as a function of the global object: browsers insist on it.
    return this.#options.fetch
      ? this.#options.fetch(this.#url, request)
      : globalThis.fetch(this.#url, request)
  }

  #challenged(data: string): void {
    const answered = this.#owner.challenges()
    tell(this.#options.onChallenge, { answered })
    if (!answered) return
    const challenge = readChallenge(data)
    if (challenge === null) this.#renewalFailed(new StreamError('renewal', 'The challenge cannot be read'))
    else void this.#renew(challenge)
  }

  /** One at a time; a challenge that comes meanwhile is answered by it. Gives up after three tries, and says so. */
  async #renew(challenge: Challenge): Promise<void> {
    if (this.#renewing) return
    this.#renewing = true
    const { signal } = this.#controller
    await pause(this.#renewedAtMs + RENEWAL_SPACING_MS - Date.now(), signal)
    for (let tries = 1; !signal.aborted; tries++) {
      const failure = await this.#answer(challenge)
      if (signal.aborted || failure === null) break
      if (!failure.again || tries === RENEWAL_TRIES) {
        this.#renewalFailed(failure.error)
        break
      }
      await pause(tries * RENEWAL_SPACING_MS, signal)
    }
    this.#renewedAtMs = Date.now()
    this.#renewing = false
  }

  /** Posts a fresh token to the stream's own URL, nowhere else. */
  async #answer(challenge: Challenge): Promise<{ error: StreamError; again: boolean } | null> {
    try {
      const token = await this.#token()
      const headers = { ...challenge.headers, authorization: `Bearer ${token}` }
      const response = await withTimeout(
        (signal) => this.#fetch(challenge.method, headers, signal),
        RENEWAL_TIMEOUT_MS,
        this.#controller.signal,
      )
      await response.body?.cancel()
      return this.#judge(response.status)
    } catch (cause) {
      const error = new StreamError('renewal', `The challenge was not answered: ${messageOf(cause)}`, {
        cause,
      })
      return { error, again: !(cause instanceof StreamError && cause.code === 'no-token') }
    }
  }

  /** 404: the server holds no stream of ours, so this one is somebody's dead end. Connect anew. */
  #judge(status: number): { error: StreamError; again: boolean } | null {
    if (status >= 200 && status < 300) {
      tell(this.#options.onRenewed, undefined)
      return null
    }
    const error = new StreamError('renewal', `The challenge's answer was refused with ${status}`, { status })
    if (status === 404) this.abort(error)
    return { error, again: isTemporary(status) }
  }

  #renewalFailed(error: StreamError): void {
    tell(this.#options.onError, { error, retryInMs: null, final: false })
  }
}

/** Throws unless the answer is an event stream. */
function checkAnswer(response: FetchResponse): void {
  const { status, headers } = response
  if (status === 200) {
    const mediaType = (headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
    if (mediaType === 'text/event-stream') return
    throw new StreamError('not-an-event-stream', `The answer is ${mediaType || 'of no type'}`, { status })
  }
  if (status === 401 || status === 403) {
    throw new StreamError('unauthorized', `The token was refused with ${status}`, { status })
  }
  // Browsers show a redirect that is not followed as status 0.
  const words = status === 0 ? 'a redirect' : `${status}`
  if (!isTemporary(status)) throw new StreamError('refused', `The server answered ${words}`, { status })
  const retryAfterMs = readRetryAfterMs(headers.get('retry-after'))
  throw new StreamError('unavailable', `The server answered ${words}`, { status, retryAfterMs })
}

function isTemporary(status: number): boolean {
  return status >= 500 || status === 408 || status === 425 || status === 429
}

/** Seconds or a date (RFC 9110, 10.2.3). */
function readRetryAfterMs(value: string | null): number | null {
  if (value === null) return null
  const waitMs = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now()
  return Number.isNaN(waitMs) ? null : Math.min(Math.max(waitMs, 0), SERVER_WAIT_MAX_MS)
}

/** Only what an answer can need: no header that says who is asking, or where the message ends. */
function readChallenge(data: string): Challenge | null {
  const { method, headers } = parseObject(data) ?? {}
  if (typeof method !== 'string' || !/^(POST|PUT|PATCH)$/.test(method)) return null
  if (typeof headers !== 'object' || headers === null) return null
  const named = Object.entries(headers).filter(
    (header): header is [string, string] =>
      /^(content-type|accept|x-[a-z0-9-]{1,60})$/i.test(header[0]) && typeof header[1] === 'string',
  )
  return { method, headers: Object.fromEntries(named) }
}

/** The `exp` of a JWT, unverified: only when to renew unasked depends on it. null where it cannot be read. */
function expiryMs(token: string): number | null {
  const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')
  if (!/^[A-Za-z0-9+/]+$/.test(payload) || payload.length % 4 === 1) return null
  const { exp } = parseObject(atob(payload)) ?? {}
  return typeof exp === 'number' ? exp * 1_000 : null
}

function parseObject(json: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null ? { ...value } : null
  } catch {
    return null
  }
}

function streamUrl(url: string | URL): string {
  const resolved = new URL(url, typeof location === 'undefined' ? undefined : location.href)
  if (!/^https?:$/.test(resolved.protocol)) throw new TypeError('A stream has an http or https URL')
  if (resolved.username !== '' || resolved.password !== '') {
    throw new TypeError('A stream URL holds no user and no password')
  }
  resolved.hash = ''
  return resolved.href
}

/** A timer beyond 2^31-1 ms would fire at once; a limit of nothing would never let anything through. */
function checkLimits(options: ConnectOptions): void {
  for (const name of ['heartbeatMs', 'retryMaxMs', 'eventLengthMax', 'readAheadMax'] as const) {
    const limit = options[name]
    if (limit === undefined || (Number.isInteger(limit) && limit >= 1 && limit < 2 ** 31)) continue
    throw new RangeError(`${name} is a whole number from 1 to 2147483647`)
  }
}

function checkedId(id: string): string {
  if (/[\0\r\n]/.test(id)) throw new TypeError('An event ID holds no line end and no NUL')
  return id
}

/** Header values are bytes: an ID beyond ASCII goes as UTF-8 (HTML spec 9.2.3). */
function headerText(id: string): string {
  return Array.from(new TextEncoder().encode(id), (byte) => String.fromCharCode(byte)).join('')
}

function asStreamError(error: unknown): StreamError {
  if (error instanceof StreamError) return error
  return new StreamError('lost', `The connection was lost: ${messageOf(error)}`, { cause: error })
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Node's fetch says no more than "fetch failed" itself, and of several addresses only the code.
  const cause = error.cause instanceof Error ? error.cause : error
  const code = 'code' in cause ? String(cause.code) : error.message
  return cause.message === '' ? code : cause.message
}

function tell<T>(handler: ((value: T) => void) | undefined, value: T): void {
  try {
    handler?.(value)
  } catch (error) {
    throwOutside(error)
  }
}

/** A handler's mistake is its owner's to hear of, and must not be taken for a lost connection. */
function throwOutside(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}

/** Resolves after the time or when the signal aborts, and leaves neither timer nor listener. */
function pause(timeMs: number, signal: AbortSignal): Promise<void> {
  if (timeMs <= 0 || signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', over)
      resolve()
    }
    const timer = setTimeout(over, timeMs)
    signal.addEventListener('abort', over)
  })
}

/** Work that may not know how to stop: told to, and left alone, after the time or when the signal aborts. */
async function withTimeout<T>(
  work: (signal: AbortSignal) => T | Promise<T>,
  timeMs: number,
  signal: AbortSignal,
): Promise<T> {
  signal.throwIfAborted()
  const waiting = new AbortController()
  const stop = (): void => waiting.abort(signal.reason)
  const timer = setTimeout(() => waiting.abort(new Error(`nothing came within ${timeMs} ms`)), timeMs)
  signal.addEventListener('abort', stop)
  try {
    return await Promise.race([work(waiting.signal), rejection(waiting.signal)])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

/** Events between the reader and the consumer. Takes what it is given; `full` tells the reader to stop reading. */
class EventQueue {
  /** The last event ID as of what was taken. */
  position: string
  readonly #lengthMax: number
  #events: { event: StreamEvent; position: string }[] = []
  /** Index of the next event to take: shifting an array of thousands for each would be slow. */
  #head = 0
  #length = 0
  #ended = false
  #wakeConsumer: (() => void) | null = null
  #wakeReader: (() => void) | null = null

  constructor(position: string, lengthMax: number) {
    this.position = position
    this.#lengthMax = lengthMax
  }

  get full(): boolean {
    return !this.#ended && this.#length >= this.#lengthMax
  }

  push(event: StreamEvent): void {
    if (this.#ended) return
    this.#events.push({ event, position: event.id })
    this.#length += lengthOf(event)
    this.#wakeConsumer?.()
  }

  /** The position moves without an event: together with the last one that waits, else at once. */
  move(position: string): void {
    const last = this.#events.at(-1)
    if (last === undefined) this.position = position
    else last.position = position
  }

  /** null: there is and will be none. */
  async take(): Promise<StreamEvent | null> {
    for (;;) {
      const next = this.#shift()
      if (next !== null || this.#ended) return next
      await new Promise<void>((resolve) => {
        this.#wakeConsumer = resolve
      })
      this.#wakeConsumer = null
    }
  }

  /** Resolves with true when there is room again, with false after `waitMs`; null waits for room only. */
  room(waitMs: number | null): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = waitMs === null ? undefined : setTimeout(() => over(false), waitMs)
      const over = (room: boolean): void => {
        clearTimeout(timer)
        this.#wakeReader = null
        resolve(room)
      }
      this.#wakeReader = () => over(true)
    })
  }

  clear(): void {
    this.#events = []
    this.#head = 0
    this.#length = 0
  }

  /** Nothing is added any more; what waits can still be taken. */
  end(): void {
    this.#ended = true
    this.#wakeConsumer?.()
    this.#wakeReader?.()
  }

  #forgetTaken(): void {
    this.#events = this.#events.slice(this.#head)
    this.#head = 0
  }

  #shift(): StreamEvent | null {
    const next = this.#events[this.#head]
    if (next === undefined) return null
    this.#head++
    this.#length -= lengthOf(next.event)
    this.position = next.position
    if (this.#head === this.#events.length || this.#head === 1_024) this.#forgetTaken()
    if (!this.full) this.#wakeReader?.()
    return next.event
  }
}

function lengthOf(event: StreamEvent): number {
  return event.data.length + event.id.length + EVENT_OVERHEAD
}

/**
 * Reads an event stream (HTML spec 9.2.6) from chunks cut anywhere: LF, CR and CRLF, a leading BOM, `id` in force only
 * with the blank line that dispatches. An event beyond `eventLengthMax` throws StreamError `event-too-large`.
 */
export class EventParser {
  /** As of the last blank line: an event that was cut off has not moved it. */
  lastEventId: string
  readonly #sink: EventSink
  readonly #lengthMax: number
  // Also takes the byte order mark away, once.
  readonly #decoder = new TextDecoder()
  /** The line that has not ended yet. */
  #line = ''
  /** The last chunk ended in CR: an LF that begins the next one belongs to it. */
  #afterReturn = false
  #type = ''
  #data: string[] = []
  #dataLength = 0
  #id: string

  constructor(sink: EventSink, options: { lastEventId?: string; eventLengthMax?: number } = {}) {
    this.#sink = sink
    this.#lengthMax = options.eventLengthMax ?? 16_777_216
    this.lastEventId = options.lastEventId ?? ''
    this.#id = this.lastEventId
  }

  push(chunk: Uint8Array): void {
    const text = this.#decoder.decode(chunk, { stream: true })
    if (text === '') return
    const lineEnd = /\r\n|\r|\n/g
    let start = this.#afterReturn && text.startsWith('\n') ? 1 : 0
    lineEnd.lastIndex = start
    for (let match = lineEnd.exec(text); match !== null; match = lineEnd.exec(text)) {
      this.#hold(text.slice(start, match.index))
      start = lineEnd.lastIndex
      const line = this.#line
      this.#line = ''
      this.#readLine(line)
    }
    this.#hold(text.slice(start))
    this.#afterReturn = text.endsWith('\r')
  }

  #hold(part: string): void {
    if (this.#dataLength + this.#line.length + part.length > this.#lengthMax) {
      throw new StreamError('event-too-large', `An event is longer than ${this.#lengthMax}`)
    }
    this.#line += part
  }

  #readLine(line: string): void {
    const colon = line.indexOf(':')
    if (line === '') this.#dispatch()
    else if (colon === 0) this.#sink.comment(line.slice(1))
    else if (colon === -1) this.#readField(line, '')
    else this.#readField(line.slice(0, colon), line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1))
  }

  #readField(name: string, value: string): void {
    if (name === 'data') {
      this.#data.push(value)
      this.#dataLength += value.length + 1
    } else if (name === 'event') this.#type = value
    else if (name === 'id' && !value.includes('\0')) this.#id = value
    else if (name === 'retry' && /^[0-9]+$/.test(value)) this.#sink.retry(Number(value))
  }

  #dispatch(): void {
    const event = { type: this.#type || 'message', data: this.#data.join('\n'), id: this.#id }
    const empty = this.#data.length === 0
    const moved = this.#id !== this.lastEventId
    this.#type = ''
    this.#data = []
    this.#dataLength = 0
    this.lastEventId = this.#id
    if (!empty) this.#sink.event(event)
    else if (moved) this.#sink.moved(event.id)
  }
}
