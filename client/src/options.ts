// The client's options, and the events that it delivers. Types only.

import type { StreamError } from './stream-error.ts'

/** An event of a stream; `type` tells which. Events are delivered in the order in which the server sent them. */
export type StreamEvent = RecordEvent | DeleteEvent | GapEvent | ReadyEvent

interface Positioned {
  /** The event ID after this event. Pass it as `lastEventId` to resume after this event. */
  readonly id: string
}

/** A record. */
export interface RecordEvent extends Positioned {
  readonly type: 'message'
  /** The record's value, or its envelope, as the stream's `encoding` says. */
  readonly data: string
}

/** A tombstone: the record with this key is deleted, or is no longer among those that this stream gets. */
export interface DeleteEvent extends Positioned {
  readonly type: 'delete'
  /** The key's bytes in base64url, with padding. */
  readonly data: string
}

/**
 * The stream could not resume. With `too-large` one record is missing. With any other reason everything follows from
 * the beginning, so discard what you have.
 */
export interface GapEvent extends Positioned {
  readonly type: 'gap'
  /** The reason (docs/protocol.md, "Gaps"). A newer server may have others. */
  readonly data: GapReason | (string & {})
}

export type GapReason =
  | 'undecodable'
  | 'beyond-end'
  | 'too-old'
  | 'deletes-dropped'
  | 'recreated'
  | 'too-large'

/** All that the topic held when the stream opened has been delivered; from here on the stream is live. */
export interface ReadyEvent extends Positioned {
  readonly type: 'ready'
  /** Empty. */
  readonly data: string
}

/** What `getToken` is called with. */
export interface TokenRequest {
  /**
   * `connect`: for a new connection. `challenge`: to renew an open one. `refused`: for either, and the server has
   * answered 401 or 403 to the last token, so a cache has to get another one.
   */
  readonly reason: 'connect' | 'challenge' | 'refused'
  /** From 1: how often a token was asked for since the server last accepted one. */
  readonly attempt: number
  /** Aborts when the connection that needs the token has ended, at the latest after 30 s. */
  readonly signal: AbortSignal
}

export interface ConnectOptions {
  /**
   * Returns a fresh token, a JWT. Called for each connection and each answer to a challenge, and not again before it
   * has answered or its signal has aborted. null: there is no token (the user has signed out), and the stream closes.
   * What is neither a text nor null closes it with the error `bad-token`. Default: none. Then requests have no
   * Authorization, and the session is a cookie's, or what `headers` say.
   */
  getToken?: (request: TokenRequest) => string | null | Promise<string | null>
  /** Sent with each request, where the client sets none of that name itself. Default: none. */
  headers?: Record<string, string>
  /** Whether cookies are sent, as with `fetch`: `include` for a stream of another origin. Default: same-origin. */
  credentials?: 'omit' | 'same-origin' | 'include'
  /** Resume after this event ID. Default: none, and the server chooses the start. */
  lastEventId?: string
  /** Closes the stream when it aborts. */
  signal?: AbortSignal
  /** Whether challenges are answered. Default: true. `stream.challenges` changes it while the stream is open. */
  challenges?: boolean
  /**
   * Called for each event, as an alternative to `for await` over the stream. If it returns a promise, the next event
   * waits for it. An error of any handler is thrown outside, as with EventSource, and the stream continues.
   */
  onEvent?: (event: StreamEvent) => void | Promise<void>
  /**
   * The state has changed. `reason`: why the stream is not open, which is the code of an error or the server's word for
   * an end (`expired`, `shutdown`, …); empty if there is none.
   */
  onState?: (change: StateChange) => void
  /** A connection is open. It resumes after `lastEventId`; empty: the server chooses the start. */
  onOpen?: (open: { lastEventId: string }) => void
  /** The server has ended the response. `reason` (`expired`, `shutdown`, …) is empty if the server gave none. */
  onEnd?: (end: { reason: string; retryInMs: number }) => void
  /** A failure. `retryInMs`: at most this long until the next connection; null: it stays open, or the stream closed. */
  onError?: (failure: { error: StreamError; retryInMs: number | null; final: boolean }) => void
  /** A challenge came. `answered`: whether it will be answered. */
  onChallenge?: (challenge: { answered: boolean }) => void
  /** The server has accepted the new token: it has renewed the stream, or told the server that has it. */
  onRenewed?: () => void
  /** Used in place of the global `fetch`. It must honour `signal`. */
  fetch?: Fetch
  /** Silence after which a connection counts as lost, in ms, 1 to 2^31-1. Default: 27,000, three heartbeats. */
  heartbeatMs?: number
  /** Longest wait between connections, in ms, unless the server asks for more: 1 to 2^31-1. Default: 30,000. */
  retryMaxMs?: number
  /** Longest event, in UTF-16 units: 1 to 2^31-1. Default: 16 Mi + 128 Ki, the longest that the server sends. */
  eventLengthMax?: number
  /** Events that are read ahead of a slow consumer, in UTF-16 units: 1 to 2^31-1. Default: 1 Mi. */
  readAheadMax?: number
  /** Random numbers from 0 to below 1, of which the waits are made. Default: Math.random. */
  random?: () => number
}

export interface StateChange {
  state: StreamState
  reason: string
}

/**
 * `waiting`: for the next connection. `offline`: also for that, and the browser says that it has no network. The next
 * connection comes when the network is back, or within `retryMaxMs`, in case the browser is wrong.
 */
export type StreamState = 'connecting' | 'open' | 'waiting' | 'offline' | 'closed'

/** The part of `fetch` that the client uses. */
export type Fetch = (url: string, request: FetchRequest) => Promise<FetchResponse>

export interface FetchRequest {
  method: string
  headers: Record<string, string>
  credentials: 'omit' | 'same-origin' | 'include'
  signal: AbortSignal
  cache: 'no-store'
  redirect: 'manual'
}

export interface FetchResponse {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  readonly body: ReadableStream<Uint8Array> | null
}
