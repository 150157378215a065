// Which frames a cursor's client is to get, of those that were in the bus when the cursor was made.

import type { BusView } from '../bus/bus-view.ts'
import type { Position } from '../bus/position.ts'
import type { EntryAt } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'

export class Visibility {
  /** Next sequence of the bus when the cursor was made: what came before is its past, what comes after is live. */
  madeAt: number
  /** Whether the past is a snapshot: the newest value of every key. */
  readonly isSnapshot: boolean
  private readonly bus: BusView
  /** What the client has, by its id. */
  private readonly client: Position

  constructor(bus: BusView, isSnapshot: boolean, client: Position) {
    this.bus = bus
    this.isSnapshot = isSnapshot
    this.client = client
    this.madeAt = bus.nextSequence
  }

  /**
   * Whether a frame is passed over. A snapshot is without what was superseded before. A client that resumes gets every value that
   * is still there, in case each counts; of a partition of which it has nothing only where no tombstone is gone that may have
   * superseded it.
   */
  hides(segment: SegmentView, at: EntryAt): boolean {
    if (!segment.supersededBefore(at, this.madeAt)) return this.bus.isSkipped(segment, at)
    if (this.isSnapshot || segment.isRemoved(at)) return true
    const partition = segment.partition(at)
    const hasNothing = (this.client.get(partition) ?? 0) <= 0
    return (hasNothing && this.bus.lacksTombstones(partition)) || this.bus.isSkipped(segment, at)
  }
}
