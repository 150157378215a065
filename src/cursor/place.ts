// A cursor's place in a bus: the sequence of the next frame to read, and where its entry is.

import type { BusView } from '../bus/bus-view.ts'
import { parseEventId } from '../bus/event-id.ts'
import { covers, EMPTY_POSITION, type Position } from '../bus/position.ts'
import type { EntryAt } from '../segments/segment-layout.ts'
import { firstIndex, indexOfSequence } from '../segments/segment-search.ts'
import type { SegmentView } from '../segments/segment-view.ts'

export class Place {
  /** Sequence of the next frame to read. It defines the place; the other fields only save a search. */
  sequence: number
  segment: SegmentView | null = null
  /** Entry of the next frame in `segment`. */
  at: EntryAt = 0
  /**
   * Frames superseded before this sequence may be missing at the place or after it, because compaction ran ahead of the
   * cursor.
   */
  compactedAt = 0
  private readonly bus: BusView
  private generation = 0

  constructor(bus: BusView, sequence: number) {
    this.bus = bus
    this.sequence = sequence
  }

  /**
   * Finds the next frame's entry. Searches for the sequence again if the segment was reused. `unknown`: the writer, in
   * another thread, has taken the segment back, and this thread has not been told what replaces it.
   */
  locate(): 'here' | 'tail' | 'unknown' {
    const { segments } = this.bus
    for (;;) {
      const { segment } = this
      // Both checks are needed: the writer's segment changes its own generation; a view in
      // another thread keeps its first one.
      const isSame = segment?.generation === this.generation && segment.isCurrent
      if (isSame && this.at <= segment.lastPublished) return 'here'
      if (isSame && segment === segments.at(-1)) return 'tail'
      const next = segments[indexOfSequence(segments, this.sequence)]
      if (next === undefined) return 'tail'
      if (!this.enter(next)) return 'unknown'
      if (this.at <= next.lastPublished) return 'here'
      if (next === segments.at(-1)) return 'tail'
      this.sequence = next.lastSequence + 1 // compaction dropped the rest of it
    }
  }

  /** Moves to an entry of a segment that is in the bus. */
  enterAt(segment: SegmentView, at: EntryAt): void {
    this.segment = segment
    this.generation = segment.generation
    this.at = at
    this.sequence = segment.sequence(at)
  }

  goTo(sequence: number): void {
    this.sequence = sequence
    this.segment = null
  }

  /** Holds the located segment; the caller must release it. null if it was reused: then `locate` again. */
  hold(): SegmentView | null {
    const { segment } = this
    if (segment?.hold()) return segment
    this.segment = null
    return null
  }

  /**
   * Everything is read: the bus's frames and what it took sequences for. Call it at the tail alone. Returns `sequence`.
   */
  reachTail(): number {
    this.sequence = Math.max(this.sequence, this.bus.nextSequence)
    return this.sequence
  }

  /** Moves to the frame after this entry. */
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

  /** Notes what compaction did: it rewrote the segment, or removed segments before it. */
  private noteCompaction({ firstSequence, rewrittenAt }: SegmentView): void {
    const compactedAt = firstSequence > this.sequence ? this.bus.nextSequence : rewrittenAt
    this.compactedAt = Math.max(this.compactedAt, compactedAt)
  }
}

/** A sequence at or before the first frame after `position`. undefined if no segment can have such a frame. */
export function placeOf(segments: readonly SegmentView[], position: Position): number | undefined {
  const index = firstIndex(
    segments,
    ({ endId }) => endId === null || !covers(position, parseEventId(endId) ?? EMPTY_POSITION),
  )
  return segments[index]?.firstSequence
}
