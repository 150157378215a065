// The states of a cursor: seeking → resumed → merging → past → live. An object is made when a cursor goes from one to the next,
// never for a read.

import type { Position } from '../bus/position.ts'
import type { Merging } from './merging.ts'
import type { TimeSeek } from './time-seek.ts'

/**
 * A cursor enters at any of these but `merging`, and goes on from the left to the right. Only one that has told nothing goes
 * back, to `resumed` or `past`: see `Again`.
 */
export type State =
  /** Looks for the first record of every partition from a moment on. */
  | { readonly name: 'seeking'; readonly seek: TimeSeek }
  /** Has a position of the client's own, and has read no frame from there on. */
  | { readonly name: 'resumed'; readonly position: Position }
  /** Compares frames with the client's position, until the bus has all that the client has. */
  | Merging
  /** Reads frames from before it was made, without those that are hidden from it. */
  | { readonly name: 'past' }
  /** Reads every frame. */
  | { readonly name: 'live' }

export const PAST: State = { name: 'past' }
export const LIVE: State = { name: 'live' }

/** With what a cursor that has told nothing begins again when something left: a snapshot, or all that came since a moment. */
export type Again = 'snapshot' | { readonly seek: TimeSeek; readonly position: Position }
