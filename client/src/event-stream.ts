// A stream over any number of connections. After each one it waits, and opens the next one at the last event ID. It
// ends with `close()`, or with a response that a retry cannot change.

import { type ConnectionEnd, runConnection } from './connection.ts'
import { deliver, type Iteration } from './delivery.ts'
import { createEventQueue } from './event-queue.ts'
import { tell } from './handlers.ts'
import { readOptions, readUrl } from './option-checks.ts'
import type { ConnectOptions, StreamEvent, StreamState } from './options.ts'
import { sendingTo } from './request.ts'
import { createRetries } from './retries.ts'
import { isFinal, type StreamError } from './stream-error.ts'
import { createTokenSource } from './token-source.ts'
import { pause } from './waiting.ts'
import { type WakeUp, watchWakeUps } from './wake-ups.ts'

/**
 * While the consumer is busy it reads on, up to `readAheadMax`. Beyond that it leaves the body unread, so that
 * backpressure slows the server down. Challenges in the unread part cannot be seen, so meanwhile the token is renewed
 * 5 s before its `exp`, without a challenge. If the server ends the stream anyway, the next connection resumes.
 */
export interface EventStream extends AsyncIterable<StreamEvent> {
  readonly url: string
  /** Whether challenges are answered from now on. */
  challenges: boolean
  readonly state: StreamState
  /** Why it is not open: the code of an error, or the server's word for an end; empty if there is none. */
  readonly reason: string
  /** The event ID after the last delivered event, or a newer one of a heartbeat if there was no event in between. */
  readonly lastEventId: string
  /** Resolves when the stream has closed: with the error that ended it, or null after `close()` or the signal. */
  readonly closed: Promise<StreamError | null>
  /** Ends a wait for the next connection, though the server may have asked for it. */
  retryNow(): void
  /** Ends the connection, the timers and the iteration at once. No handler is called after it, but `onState` by it. */
  close(): void
  /**
   * For one consumer: a second one is a TypeError, and so is one besides `onEvent`. Leaving the loop closes the stream;
   * `return()` and `throw()` do so at once, and end a `next()` that waits. A final error is thrown after the last
   * event.
   */
  [Symbol.asyncIterator](): Iteration
}

/**
 * Opens the stream at `url` and keeps it open, until `close()`, the signal, or a final error (see StreamErrorCode).
 * Between connections it waits for a random time of up to 2 s or the server's `retry:`; each failure doubles that
 * limit, up to `retryMaxMs`. While the browser says that it has no network, the limit is `retryMaxMs` from the first
 * wait. It never comes sooner than the server's `retry:` or Retry-After say. It comes back at once when the network is
 * back, and when the page is shown again or the machine has slept, but for a Retry-After. A page that is left has no
 * connection, so that it can stay in the back-forward cache; that is no failure. Throws a TypeError or RangeError that
 * names an invalid option.
 */
export function connect(url: string | URL, options: ConnectOptions = {}): EventStream {
  const settings = readOptions(options)
  const { signal, onEvent } = settings
  const address = readUrl(url)
  const send = sendingTo(address, settings)
  /** As of the last complete event: the next connection resumes here. */
  let { lastEventId } = settings
  const retries = createRetries(settings.retryMaxMs, settings.random)
  const queue = createEventQueue(lastEventId, settings.readAheadMax)
  const closing = new AbortController()
  const tokens = createTokenSource(settings.getToken)
  const onHeard = watchWakeUps(settings.heartbeatMs, queue.isFull, closing.signal, wake)
  /** Ends the present connection, or the wait for the next one. */
  let turn = new AbortController()
  let isWaiting = false
  /** Of the present wait: what the server has asked for with Retry-After. */
  let heldMs: number | null | undefined
  let state: StreamState = 'connecting'
  let reason = ''
  let resolveClosed: (error: StreamError | null) => void

  const close = (): void => finish(null)
  const closed = new Promise<StreamError | null>((resolve) => {
    resolveClosed = resolve
  })
  const stream: EventStream = {
    url: address,
    challenges: settings.challenges,
    get state() {
      return state
    },
    get reason() {
      return reason
    },
    get lastEventId() {
      return queue.position()
    },
    closed,
    retryNow: () => {
      if (isWaiting) turn.abort()
    },
    close,
    [Symbol.asyncIterator]: deliver(queue, onEvent, closed, close),
  }

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      turn = new AbortController()
      change('connecting', reason)
      const parts = { send, settings, tokens, queue, lastEventId, stream, onOpen, onHeard, controller: turn }
      const end = await runConnection(parts)
      lastEventId = end.lastEventId
      if (closing.signal.aborted) return
      const { reason: endedBy } = turn.signal
      turn = new AbortController()
      isWaiting = true
      await pause(interrupted(end, endedBy), turn.signal)
      isWaiting = false
    }
  }

  function onOpen(): void {
    change('open', '')
    if (state === 'open') tell(settings.onOpen, { lastEventId })
  }

  /** The wait until the next connection, in ms. `endedBy`: the WakeUp that ended the last one, or another reason. */
  function interrupted(end: ConnectionEnd, endedBy: unknown): number {
    const { failure: error } = end
    // No server has answered, and none will.
    const isOffline = error?.status === null && globalThis.navigator?.onLine === false
    const waitMs = retries(end, isOffline || typeof endedBy === 'string')
    const isOver = error !== null && (waitMs === null || isFinal(error))
    const retryInMs = endedBy === 'woken' ? 0 : (waitMs ?? 0)
    heldMs = error?.retryAfterMs
    if (!isOver) change(isOffline ? 'offline' : 'waiting', error?.code ?? end.reason)
    // The handler of that may close it; and that a page is left is no failure.
    if (closing.signal.aborted || endedBy === 'left') return retryInMs
    if (error) tell(settings.onError, { error, retryInMs: isOver ? null : retryInMs, final: isOver })
    else tell(settings.onEnd, { reason, retryInMs })
    if (isOver) finish(error)
    return retryInMs
  }

  /** After `left` the next connection comes when the page is shown, or by its own wait if it was not unloaded. */
  function wake(wakeUp: WakeUp): void {
    if (isWaiting ? !heldMs && wakeUp !== 'left' : wakeUp !== 'shown') turn.abort(wakeUp)
  }

  function change(newState: StreamState, newReason: string): void {
    state = newState
    reason = newReason
    tell(settings.onState, { state, reason })
  }

  function finish(error: StreamError | null): void {
    if (closing.signal.aborted) return
    closing.abort()
    queue.end(!error)
    change('closed', error?.code ?? '')
    turn.abort()
    resolveClosed(error)
  }

  signal.addEventListener('abort', close, { signal: closing.signal })
  // Later, because the caller's handlers may refer to the stream that this function returns.
  queueMicrotask(() => (signal.aborted ? close() : run()))
  return stream
}
