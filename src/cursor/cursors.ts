// Makes the cursors of a stream: of every record of its bus, or of those that it selects.

import type { BusView } from '../bus/bus-view.ts'
import type { BusReader, LossReason } from '../bus/losses.ts'
import type { Position } from '../bus/position.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import type { RouteCondition } from '../selection/selection.ts'
import { Cursor } from './cursor.ts'
import { Route } from './route.ts'
import { type FrameWatch, SelectedCursor, type SelectedParts } from './selected-cursor.ts'

/** A place in a bus, as a stream reads from it. */
export interface StreamCursor extends BusReader {
  /** Whether the stream was told that it has everything from before the cursor was made. */
  isReadySent: boolean
  /** How many frames the last read returned, and how many of these replace a record that was too large. */
  readonly frames: number
  readonly tooLarge: number
  /** Timestamp of the first of these frames' records in epoch ms; 0 for none. */
  readonly firstTimestampMs: number
  /** Whether a frame that the cursor had still to read has left the bus. */
  readonly lost: boolean
  /** Why what it reads is no longer the topic; null if it is. */
  readonly outdatedBy: 'recreated' | 'deletes-dropped' | null
  readonly isOutdated: boolean
  /** Whether everything from before the cursor was made is read. */
  readonly complete: boolean
  /** Whole events. Empty: call it again. null: there is nothing to be read now. */
  read(bytesMax: number): Buffer | null
  /** The segment of the last read. The caller releases it when its bytes are taken. null if they are copies. */
  handOver(): SegmentView | null
  release(): void
  /** Whether everything is read. */
  atTail(): boolean
  /** The id of everything that was read. */
  id(): string
  /** The id of the last event that was sent; null if it is not known. */
  sentId(): string | null
}

/** The places at which a stream may begin. */
export interface Cursors {
  fromBeginning(): StreamCursor
  fromNow(): StreamCursor
  /** After the position of a client. `held`: where it has records from before. */
  fromPosition(position: Position, held?: Position): StreamCursor
  fromTime(sinceMs: number, latest?: Position): StreamCursor
  /** Why a client cannot go on from this position; null if it can. */
  gapFor(position: Position): LossReason | null
}

/** Cursors of every record. */
export class AllRecords implements Cursors {
  private readonly bus: BusView

  constructor(bus: BusView) {
    this.bus = bus
  }

  fromBeginning(): StreamCursor {
    return Cursor.fromBeginning(this.bus)
  }

  fromNow(): StreamCursor {
    return Cursor.fromNow(this.bus)
  }

  fromPosition(position: Position): StreamCursor {
    return Cursor.fromPosition(this.bus, position)
  }

  fromTime(sinceMs: number, latest?: Position): StreamCursor {
    return Cursor.fromTime(this.bus, sinceMs, latest)
  }

  gapFor(position: Position): LossReason | null {
    return this.bus.gapFor(position)
  }
}

/** Cursors of the records that match all conditions, of which there is one at least. */
export class SelectedRecords implements Cursors {
  private readonly bus: BusView
  private readonly conditions: readonly RouteCondition[]
  private readonly watch: FrameWatch
  private made: SelectedParts | null = null

  constructor(bus: BusView, conditions: readonly RouteCondition[], watch: FrameWatch) {
    this.bus = bus
    this.conditions = conditions
    this.watch = watch
  }

  get route(): Route {
    return this.parts.route
  }

  fromBeginning(): StreamCursor {
    return SelectedCursor.fromBeginning(this.parts)
  }

  fromNow(): StreamCursor {
    return SelectedCursor.fromNow(this.parts)
  }

  fromPosition(position: Position, held = position): StreamCursor {
    return SelectedCursor.fromPosition(this.parts, position, held)
  }

  fromTime(sinceMs: number, latest?: Position): StreamCursor {
    return SelectedCursor.fromTime(this.parts, sinceMs, latest)
  }

  /** A key never leaves a selection by keys. */
  gapFor(position: Position): LossReason | null {
    const isByKey = this.conditions.every(({ selector }) => selector.kind === 'key')
    return isByKey ? this.bus.gapFor(position) : this.bus.gapForSelected(position)
  }

  /** Made when they are first needed: in another thread the bus's hashes are not known before it has caught up. */
  private get parts(): SelectedParts {
    const { bus, conditions, watch } = this
    this.made ??= { bus, route: new Route(bus, conditions), watch }
    return this.made
  }
}
