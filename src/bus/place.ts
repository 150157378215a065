// A cursor's place in a bus: the sequence of the next frame to read, and the entry where that frame stands.

import type { EntryAt } from '../segments/segment-layout.ts'
import { firstIndex, indexOfSequence } from '../segments/segment-search.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import type { BusView } from './bus-view.ts'
import { parseEventId } from './event-id.ts'
import { covers, EMPTY_POSITION, type Position } from './position.ts'

export class Place {
  /** Sequence of the next frame to be read: all that the place is; the rest only saves looking it up. */
  sequence: number
  segment: SegmentView | null = null
  /** Entry of the next frame, in `segment`. */
  at: EntryAt = 0
  /** Frames superseded up to this sequence may be missing behind the place, since compaction was there first. */
  compactedAt = 0
  private readonly bus: BusView
  private generation = 0

  constructor(bus: BusView, sequence: number) {
    this.bus = bus
    this.sequence = sequence
  }

  /**
   * Finds the next frame's entry. Where the segment has been reused since, the sequence is looked up again. `unknown`: the writer, in
   * another thread, has taken it back, and has yet to tell what stands in its place.
   */
  locate(): 'here' | 'tail' | 'unknown' {
    const { segments } = this.bus
    for (;;) {
      const { segment } = this
      // Two looks: the writer's own segment changes its number, a view in another thread keeps the one that it was made with.
      const isSame = segment?.generation === this.generation && segment.isCurrent
      if (isSame && this.at <= segment.lastPublished) return 'here'
      if (isSame && segment === segments.at(-1)) return 'tail'
      const next = segments[indexOfSequence(segments, this.sequence)]
      if (next === undefined) return 'tail'
      if (!this.enter(next)) return 'unknown'
      if (this.at <= next.lastPublished) return 'here'
      if (next === segments.at(-1)) return 'tail'
      this.sequence = next.lastSequence + 1 // the rest of it was compacted away
    }
  }

  goTo(sequence: number): void {
    this.sequence = sequence
    this.segment = null
  }

  /** Counts this thread into the segment it is in, for the caller to release; null where that is to be located again. */
  hold(): SegmentView | null {
    const { segment } = this
    if (segment?.hold()) return segment
    this.segment = null
    return null
  }

  /** Behind the entry. */
  pass(segment: SegmentView, at: EntryAt): void {
    this.sequence = segment.sequence(at) + 1
    this.at = segment.next(at)
  }

  private enter(segment: SegmentView): boolean {
    this.segment = null
    if (!segment.hold()) return false
    this.segment = segment
    this.generation = segment.generation
    this.at = 0
    while (this.at <= segment.lastPublished && segment.sequence(this.at) < this.sequence)
      this.at = segment.next(this.at)
    segment.release()
    this.noteCompaction(segment)
    return true
  }

  /** It rewrote the segment, or dropped one before it. */
  private noteCompaction({ firstSequence, rewrittenAt }: SegmentView): void {
    const compactedAt = firstSequence > this.sequence ? this.bus.nextSequence : rewrittenAt
    this.compactedAt = Math.max(this.compactedAt, compactedAt)
  }
}

/** Sequence from which one reads on who has everything before `position`: undefined if no segment may hold more. */
export function placeOf(segments: readonly SegmentView[], position: Position): number | undefined {
  const index = firstIndex(
    segments,
    ({ endId }) => endId === null || !covers(position, parseEventId(endId) ?? EMPTY_POSITION),
  )
  return segments[index]?.firstSequence
}
