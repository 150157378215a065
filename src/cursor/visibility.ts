// Decides which of the frames that a bus had when a cursor was made are hidden from the cursor's client.

import type { BusView } from '../bus/bus-view.ts'
import type { Position } from '../bus/position.ts'
import type { EntryAt } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'

export class Visibility {
  /** Next sequence of the bus when the cursor was made. Frames before it are the past; all others are live. */
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
   * Whether a frame is hidden. A snapshot hides frames that were superseded before it. A client that resumes gets every
   * value that is still there, in case each counts. There is one exception. If the client has nothing of a partition
   * that lost tombstones, superseded frames of that partition are hidden: a lost tombstone may have deleted them.
   * Frames for streams of a key's former values are hidden from all others.
   */
  hides(segment: SegmentView, at: EntryAt): boolean {
    return (segment.hasLeaving && segment.isLeaving(at)) || this.hidesAlways(segment, at)
  }

  /**
   * The same for a stream that gets some records. In a snapshot of these no key has left yet. Of a partition that lost
   * frames for a key's former values, superseded frames are hidden, too: such a frame may have told that the key left.
   */
  hidesSelected(segment: SegmentView, at: EntryAt): boolean {
    const isOfSnapshot = this.isSnapshot && segment.sequence(at) < this.madeAt
    if ((isOfSnapshot && segment.isLeaving(at)) || this.hidesAlways(segment, at)) return true
    const partition = segment.partition(at)
    return (
      segment.supersededBefore(at, this.madeAt) &&
      this.hasNothingOf(partition) &&
      this.bus.leavings.lacksFrames(partition)
    )
  }

  private hidesAlways(segment: SegmentView, at: EntryAt): boolean {
    if (!segment.supersededBefore(at, this.madeAt)) return this.bus.isSkipped(segment, at)
    if (this.isSnapshot || segment.isRemoved(at)) return true
    const partition = segment.partition(at)
    return (
      (this.hasNothingOf(partition) && this.bus.lacksTombstones(partition)) || this.bus.isSkipped(segment, at)
    )
  }

  private hasNothingOf(partition: number): boolean {
    return (this.client.get(partition) ?? 0) <= 0
  }
}
