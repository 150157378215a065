// The entry that a cursor read last, and the id that goes with it.

import { type EntryAt, NONE } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'

export class LastRead {
  segment: SegmentView | null = null
  at: EntryAt = NONE
  /** Its id where that was merged with the client's position. */
  mergedId: string | null = null
  private generation = 0
  private wasSent = false

  note(segment: SegmentView, at: EntryAt, wasSent: boolean): void {
    this.segment = segment
    this.at = at
    this.generation = segment.generation
    this.wasSent = wasSent
    this.mergedId = null
  }

  id(): string | null {
    return this.mergedId ?? this.segment?.id(this.at) ?? null
  }

  /** The id, where its event was sent; null where its segment may hold something else by now. */
  sentId(): string | null {
    const id = this.id()
    // Looked at after the id was read: another thread may have begun to reuse the segment.
    const isThere = this.segment?.generation === this.generation && this.segment.isCurrent
    return this.wasSent && isThere ? id : null
  }
}
