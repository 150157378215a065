// What a request asks to begin with, and what comes of it: a cursor, with a word on why it is not elsewhere, or the end.

import type { BusView } from '../bus/bus-view.ts'
import { parseEventId } from '../bus/event-id.ts'
import type { LossReason } from '../bus/losses.ts'
import { EMPTY_POSITION, type Position } from '../bus/position.ts'
import { Cursor } from '../cursor/cursor.ts'
import { type AheadOffsets, hasFromNow } from './ahead-offsets.ts'
import { earliestAfter } from './ends-at-request.ts'

export interface RequestedBeginning {
  /** The last event ID, null where there is none. It wins over the others. */
  readonly id: string | null
  /** A moment, in epoch ms, from which on the client wants every record; null: none is named. It wins over `from`. */
  readonly sinceMs: number | null
  /** What to begin with otherwise: what the bus keeps, or what comes from now on. */
  readonly from: 'earliest' | 'latest'
}

/** All that the bus keeps. */
export const FROM_EARLIEST: RequestedBeginning = { id: null, sinceMs: null, from: 'earliest' }

export function isFromNow({ id, sinceMs, from }: RequestedBeginning): boolean {
  return id === null && sinceMs === null && from === 'latest'
}

/** Also by a moment that has yet to come. */
export function saysFromNow(requested: RequestedBeginning, requestMs: number): boolean {
  const { id, sinceMs } = requested
  if (id !== null) return hasFromNow(parseEventId(id) ?? EMPTY_POSITION)
  return sinceMs === null ? isFromNow(requested) : sinceMs > requestMs
}

/** What comes after the request comes, also where it has an earlier timestamp than the moment. */
export function sinceOf({ sinceMs }: RequestedBeginning, requestMs: number): number | null {
  return sinceMs === null ? null : Math.min(sinceMs, earliestAfter(requestMs))
}

/** Why a stream does not begin where its client left off. */
export type BeginningReason = LossReason | 'undecodable' | 'beyond-end' | 'recreated'

/** A cursor, a word on why it is not where the client left off, and what of the client's id was taken at its word. */
export interface Begun {
  readonly cursor: Cursor
  readonly reason: BeginningReason | null
  readonly doubt: AheadOffsets | null
}

/** Why this stream cannot be. */
export interface End {
  readonly end: 'busy' | 'shutdown'
}

/** Everything behind these ends, where all of that is here. */
export function fromEnds(bus: BusView, ends: Position): Begun | End {
  const reason = bus.gapAfter(ends)
  if (reason !== null) return fromBeginning(bus, reason)
  return { cursor: Cursor.fromPosition(bus, ends), reason, doubt: null }
}

export function fromBeginning(bus: BusView, reason: BeginningReason | null): Begun | End {
  // A bus that had to drop what nothing superseded has no whole snapshot to give; replicas with more room may.
  return bus.isWhole ? { cursor: Cursor.fromBeginning(bus), reason, doubt: null } : { end: 'busy' }
}

/** Everything since a moment, and all behind `asOf`, where all of that is here. */
export function fromTime(bus: BusView, sinceMs: number, asOf: Position | undefined): Begun | End {
  const reason = asOf === undefined ? null : bus.gapAfter(asOf)
  if (reason !== null) return fromBeginning(bus, reason)
  const isWhole = bus.isWholeSince(sinceMs)
  return isWhole
    ? { cursor: Cursor.fromTime(bus, sinceMs, asOf), reason: null, doubt: null }
    : { end: 'busy' }
}
