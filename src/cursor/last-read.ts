// The frame that a cursor read last, and its event id.

import { type EntryAt, NONE } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'

export class LastRead {
  /** null until a frame is read. */
  segment: SegmentView | null = null
  at: EntryAt = NONE
  /** The id merged with the client's position. null if the frame's own id is right. */
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

  /** The id, if the frame was sent. null if it was passed over, or if its segment has been reused. */
  sentId(): string | null {
    const id = this.id()
    // Checked after the id is read, because another thread may reuse the segment meanwhile.
    const isThere = this.segment?.generation === this.generation && this.segment.isCurrent
    return this.wasSent && isThere ? id : null
  }
}
