// What the client takes and hands out.

import type { StreamError } from './stream-error.ts'

/** What a stream hands out, in the order in which the server said it. */
export interface StreamEvent {
  /**
   * `message`: a record, `data` is its value. `delete`: a tombstone, `data` is the key as base64url.
   * `gap`: the stream could not go on where it was, `data` is the reason; unless that is `too-large` (one record is
   * missing) everything follows from the beginning, so forget what you have. `ready`: what the topic held when the
   * stream opened has all been handed out, from here it is live.
   */
  readonly type: 'message' | 'delete' | 'gap' | 'ready' | (string & {})
  readonly data: string
  /** The last event ID as of this event: keep it, and give it to `lastEventId` to go on after this event. */
  readonly id: string
}

export interface ConnectOptions {
  /**
   * Makes a token, a fresh one at each call: called for each connection and for each challenge. null: there is none
   * any more (signed out), the stream closes. The signal aborts when nobody waits for the token any longer (30 s).
   */
  getToken: (signal: AbortSignal) => string | null | Promise<string | null>
  /** Go on after this event ID. Default: none, which is where the server begins. */
  lastEventId?: string
  /** Closes the stream when it aborts. */
  signal?: AbortSignal
  /** Answer challenges. Default true; `stream.challenges` changes it while the stream is open. */
  challenges?: boolean
  /**
   * Each event in turn; where it returns a promise, the next one waits for it. Instead of `for await` over the stream.
   * What any handler throws is thrown outside (as EventSource does), and the stream goes on.
   */
  onEvent?: (event: StreamEvent) => void | Promise<void>
  /** A connection is open; `lastEventId` is where it goes on, empty for the server's beginning. */
  onOpen?: (open: { lastEventId: string }) => void
  /** The server ended the response in good order; `reason` (`expired`, `shutdown`, …) is empty where it gave none. */
  onEnd?: (end: { reason: string; retryInMs: number }) => void
  /** Something failed. `retryInMs`: when the next connection is tried; null: none is, it is still open or closed. */
  onError?: (failure: { error: StreamError; retryInMs: number | null; final: boolean }) => void
  /** A challenge came, and whether it will be answered. */
  onChallenge?: (challenge: { answered: boolean }) => void
  /** The server took the new token. */
  onRenewed?: () => void
  /** Another way to the server than the global `fetch`. It must honour `signal`. */
  fetch?: Fetch
  /** Without a byte for this long a connection counts as lost. Default 27,000: three heartbeats. */
  heartbeatMs?: number
  /** Bound of the wait between two tries, where the server does not ask for more. Default 30,000. */
  retryMaxMs?: number
  /** Longest event, in UTF-16 units (never more than its bytes). Default 16 Mi + 128 Ki: no server sends more. */
  eventLengthMax?: number
  /** Events read ahead of a slow consumer, in UTF-16 units; beyond it nothing is read. Default 1 Mi. */
  readAheadMax?: number
  /** 0 (inclusive) to 1: the jitter of the waits. Default Math.random. */
  random?: () => number
}

export type StreamState = 'connecting' | 'open' | 'waiting' | 'closed'

/** What `connect` needs of `fetch`. */
export type Fetch = (url: string, request: FetchRequest) => Promise<FetchResponse>

export interface FetchRequest {
  method: string
  headers: Record<string, string>
  signal: AbortSignal
  cache: 'no-store'
  redirect: 'manual'
}

export interface FetchResponse {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  readonly body: ReadableStream<Uint8Array> | null
}
