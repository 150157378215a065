// One connection: gets a token, requests the stream, reads it and answers its challenges. Promise: when `run` resolves,
// the request, the timers and the listeners are gone.

import { createEventParser } from './event-parser.ts'
import type { EventQueue } from './event-queue.ts'
import type { Settings } from './option-checks.ts'
import { createRenewal } from './renewal.ts'
import { headerText, type Send } from './request.ts'
import { readBody } from './response.ts'
import type { Interruption } from './retries.ts'
import { asStreamError, type StreamError } from './stream-error.ts'
import type { TokenSource } from './token-source.ts'
import { withTimeout } from './waiting.ts'

export interface ConnectionParts {
  readonly send: Send
  readonly settings: Settings
  /** Has the tokens of all connections of its stream. */
  readonly tokens: TokenSource
  /** Receives its events. */
  readonly queue: EventQueue
  /** The event ID after which it resumes; empty for the server's default. */
  readonly lastEventId: string
  /** Says whether challenges are answered at present. */
  readonly stream: { readonly challenges: boolean }
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
export interface ConnectionEnd extends Interruption {
  /** The server's reason for a clean end; empty without one. */
  readonly reason: string
  /** As of the last complete event. */
  readonly lastEventId: string
}

/** Never rejects. */
export async function runConnection(parts: ConnectionParts): Promise<ConnectionEnd> {
  const { send, tokens, queue, lastEventId, controller, onOpen, onHeard } = parts
  const { heartbeatMs, eventLengthMax } = parts.settings
  const { signal } = controller
  const renewal = createRenewal({ ...parts, signal })
  /** Infinity until then. Monotonic, because the wall clock may be set while the connection is open. */
  let openedAtMs = Infinity
  let failure: StreamError | null = null
  let retryMs: number | null = null
  let reason = ''
  /** `:gap too-large` came, and the id behind it has not. The gap waits for that id, so that no resume repeats it. */
  let isTooLarge = false

  function moved(id: string): void {
    if (isTooLarge) queue.push({ type: 'gap', data: TOO_LARGE, id })
    else queue.move(id)
    isTooLarge = false
  }

  const parser = createEventParser(
    {
      // With `signals=1` the server sends other events in addition to the comments, which are handled below.
      event: ({ type, data, id }) => {
        if (type === 'challenge') renewal.challenged()
        else if (type === 'message' || type === 'delete') queue.push({ type, data, id })
        else moved(id)
      },
      moved,
      retry: (ms) => {
        retryMs = ms
      },
      comment: (text) => {
        const found = /^(ready|gap|end)(?: ([a-z-]{1,40}))?$/.exec(text) ?? []
        const [, type, data = ''] = found as [string?, ('ready' | 'gap' | 'end')?, string?] // by the pattern
        if (type === 'end') reason = data
        else if (data === TOO_LARGE) isTooLarge = true
        else if (type) {
          if (type === 'gap') parser.moveTo(NOTHING_YET)
          queue.push({ type, data, id: parser.lastEventId() })
        }
      },
    },
    lastEventId,
    eventLengthMax,
  )

  const heard = <T>(work: () => Promise<T>): Promise<T> => withTimeout(work, heartbeatMs, signal)

  async function read(): Promise<void> {
    const token = await tokens.take('connect', signal)
    const headers = {
      accept: 'text/event-stream',
      ...token.headers,
      ...(lastEventId && { 'last-event-id': headerText(lastEventId) }),
    }
    const response = await heard(() => send('GET', headers, signal))
    tokens.answered(response.status)
    const reader = (await readBody(response, token.text, signal)).getReader()
    // The stream may have been closed since the answer came.
    signal.throwIfAborted()
    renewal.opened(token)
    openedAtMs = performance.now()
    onOpen()
    for (;;) {
      // Challenges in what is not read cannot be seen, so meanwhile the token is renewed without one.
      while (queue.isFull() && !signal.aborted) {
        await queue.room(renewal.dueInMs(), signal)
        if (queue.isFull()) renewal.renewNow()
      }
      const { done, value } = await heard(() => reader.read())
      if (done) return
      onHeard()
      parser.push(value)
    }
  }

  try {
    await read()
  } catch (error) {
    failure = asStreamError(signal.aborted ? signal.reason : error)
  }
  // Cancels a body that was not read to its end, and a renewal that is in progress.
  controller.abort()
  const openMs = performance.now() - openedAtMs
  return { failure, reason, lastEventId: parser.lastEventId(), retryMs, openMs }
}
