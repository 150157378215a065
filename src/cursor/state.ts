// The states of a cursor: seeking → resumed → merging → past → live. A state is an object that is made when the cursor
// changes its state, never for a read.

import type { Position } from '../bus/position.ts'
import type { Merging } from './merging.ts'
import type { TimeSeek } from './time-seek.ts'

/**
 * A cursor begins in any of these but `merging`, and goes through the following ones. Only a cursor whose client was
 * told nothing yet goes back to `resumed` or `past`: see `Again`.
 */
export type State =
  /** Searches for each partition's first record from a moment on. */
  | { readonly name: 'seeking'; readonly seek: TimeSeek }
  /** Has the client's position, and has read no frame after it. */
  | { readonly name: 'resumed'; readonly position: Position }
  /** Compares frames with the client's position until it has passed all that the client has. */
  | Merging
  /** Reads frames from before it was made, without hidden ones. */
  | { readonly name: 'past' }
  /** Reads every frame. */
  | { readonly name: 'live' }

export const PAST: State = { name: 'past' }
export const LIVE: State = { name: 'live' }

/**
 * How a cursor begins again when a frame is lost before its client was told anything: with a snapshot, or with the
 * result of a search.
 */
export type Again = 'snapshot' | { readonly seek: TimeSeek; readonly position: Position }
