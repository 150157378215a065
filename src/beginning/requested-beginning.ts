// Where a request asks its stream to begin, and the possible results. A result is a cursor, with a reason if it is
// elsewhere, or the end of the stream.

import type { BusView } from '../bus/bus-view.ts'
import { parseEventId } from '../bus/event-id.ts'
import type { LossReason } from '../bus/losses.ts'
import { EMPTY_POSITION, type Position } from '../bus/position.ts'
import type { Cursors, StreamCursor } from '../cursor/cursors.ts'
import { type AheadOffsets, hasFromNow } from './ahead-offsets.ts'
import { earliestAfter } from './ends-at-request.ts'

export interface RequestedBeginning {
  /** The last event ID. If it is not null, the other fields do not count. */
  readonly id: string | null
  /** The moment, in epoch ms, from which the client wants every record. If it is not null, `from` does not count. */
  readonly sinceMs: number | null
  /** `earliest`: all that the bus keeps, then live records. `latest`: live records. */
  readonly from: 'earliest' | 'latest'
}

/** All that the bus keeps. */
export const FROM_EARLIEST: RequestedBeginning = { id: null, sinceMs: null, from: 'earliest' }

export function isFromNow({ id, sinceMs, from }: RequestedBeginning): boolean {
  return id === null && sinceMs === null && from === 'latest'
}

/** Whether the stream gets nothing from before the request. Also true for a moment that is still to come. */
export function saysFromNow(requested: RequestedBeginning, requestMs: number): boolean {
  const { id, sinceMs } = requested
  if (id !== null) return hasFromNow(parseEventId(id) ?? EMPTY_POSITION)
  return sinceMs === null ? isFromNow(requested) : sinceMs > requestMs
}

/** The moment from which to read, in epoch ms: early enough for every record that comes after the request. */
export function sinceOf({ sinceMs }: RequestedBeginning, requestMs: number): number | null {
  return sinceMs === null ? null : Math.min(sinceMs, earliestAfter(requestMs))
}

/** Why a stream does not begin at its client's position. Sent as the reason of `:gap`. */
export type BeginningReason = LossReason | 'undecodable' | 'beyond-end' | 'recreated'

export interface Begun {
  readonly cursor: StreamCursor
  /** Why the cursor is not at the client's position. null: it is. */
  readonly reason: BeginningReason | null
  /** Offsets of the client's id that Kafka has not confirmed yet. null: none. */
  readonly unconfirmed: AheadOffsets | null
}

/** The stream cannot begin, and ends for this reason. */
export interface End {
  readonly end: 'busy' | 'shutdown'
}

/** Every record from these ends on. If some of them are lost: the beginning, with a gap. */
export function fromEnds(bus: BusView, cursors: Cursors, ends: Position): Begun | End {
  const reason = bus.gapAfter(ends)
  if (reason !== null) return fromBeginning(bus, cursors, reason)
  return { cursor: cursors.fromPosition(ends, EMPTY_POSITION), reason, unconfirmed: null }
}

/** A snapshot, or all that the bus keeps. `busy` if the bus's snapshot is not whole. */
export function fromBeginning(bus: BusView, cursors: Cursors, reason: BeginningReason | null): Begun | End {
  // A bus that removed a key's newest value for lack of room has no whole snapshot. A replica with more room may have
  // one.
  return bus.isWhole ? { cursor: cursors.fromBeginning(), reason, unconfirmed: null } : { end: 'busy' }
}

/**
 * Every record from a moment on, and from `asOf` on. If the bus lacks some of them: the
 * beginning, with a gap, or `busy`.
 */
export function fromTime(
  bus: BusView,
  cursors: Cursors,
  sinceMs: number,
  asOf: Position | undefined,
): Begun | End {
  const reason = asOf === undefined ? null : bus.gapAfter(asOf)
  if (reason !== null) return fromBeginning(bus, cursors, reason)
  const isWhole = bus.isWholeSince(sinceMs)
  return isWhole
    ? { cursor: cursors.fromTime(sinceMs, asOf), reason: null, unconfirmed: null }
    : { end: 'busy' }
}
