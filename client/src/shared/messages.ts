// What the tabs of one stream say to each other. Plain data, because it is cloned between tabs.

import type { StreamEvent, StreamState } from '../options.ts'
import type { StreamErrorCode } from '../stream-error.ts'

/** One step of the stream: an event, or a move of the position without one. */
export interface Entry {
  /** The event ID after it. */
  readonly id: string
  readonly event: StreamEvent | null
}

/**
 * Where a tab is in the stream: the event ID of its last record, delete or gap, and the last event ID, which heartbeats
 * move on. Both are empty at the start. Nothing of this stream lies between the two, so it can go on after either.
 */
export interface Place {
  readonly recordId: string
  readonly id: string
  /** Whether it has been told that it has the whole snapshot. */
  readonly isReady: boolean
}

export interface LeaderState {
  readonly state: StreamState
  readonly reason: string
}

/** An error without its class, which cloning would lose. It has no cause, because not everything can be cloned. */
export interface Failure {
  readonly code: StreamErrorCode
  readonly message: string
  readonly status: number | null
  readonly retryAfterMs: number | null
  readonly retryInMs: number | null
}

/** `join` counts the attempts of a follower, so that answers to an earlier one are told apart. */
export type Message =
  /** To all: who leads? */
  | { readonly type: 'seek'; readonly from: string }
  /** To all, by a new leader; to one, as the answer to `seek`. */
  | { readonly type: 'lead'; readonly from: string }
  /** To the leader: does its log have my place? Only a yes is answered, with `known`. */
  | { readonly type: 'ask'; readonly from: string; readonly place: Place }
  | { readonly type: 'known'; readonly from: string }
  /** To the leader: send all that comes after my place. */
  | { readonly type: 'join'; readonly from: string; readonly join: number; readonly place: Place }
  /** The leader cannot: the place is the start, or there are too many followers. */
  | { readonly type: 'refuse'; readonly from: string; readonly join: number }
  /** The leader has not been at the place yet, and sends what follows when it has. */
  | { readonly type: 'wait'; readonly from: string; readonly join: number }
  /** From the leader, numbered from 1; without entries it tells that the leader lives, and its state. */
  | {
      readonly type: 'batch'
      readonly from: string
      readonly join: number
      readonly number: number
      readonly entries: readonly Entry[]
      readonly state: LeaderState
    }
  /** To the leader: this batch has arrived. `isAsking`: answer, so that I know that you live. */
  | {
      readonly type: 'ack'
      readonly from: string
      readonly join: number
      readonly number: number
      readonly isAsking: boolean
    }
  /** To the leader: send nothing more. */
  | { readonly type: 'leave'; readonly from: string; readonly join: number }
  /** To the leader: end a wait for the next connection. */
  | { readonly type: 'retry'; readonly from: string }
  /** From the leader, of its connection. */
  | { readonly type: 'failure'; readonly from: string; readonly failure: Failure }
  /** To all, by a leader whose connection does not open: a tab that can do better may take the lock. */
  | { readonly type: 'yield'; readonly from: string }
  /** From a tab that does not lead, or does not have this follower (any more). */
  | { readonly type: 'gone'; readonly from: string; readonly join: number }
