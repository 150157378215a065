// How far a cursor has read: the place of the next frame, the last frame, and counts of what the last read returned.

import type { EntryAt } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import { LastRead } from './last-read.ts'
import type { Place } from './place.ts'

export class Progress {
  readonly place: Place
  readonly last = new LastRead()
  /** How many frames the last read returned. */
  frames = 0
  /** Timestamp of the first of these frames' records in epoch ms; 0 for none. */
  firstTimestampMs = 0
  /** How many of these frames replace a record that was too large. */
  tooLarge = 0

  constructor(place: Place) {
    this.place = place
  }

  /** Counts the frames up to `through` as sent, and moves past them. `frames`: how many these are. */
  send(segment: SegmentView, through: EntryAt, frames: number): void {
    if (this.frames === 0) this.firstTimestampMs = segment.timestampMs(this.place.at)
    this.frames += frames
    this.tooLarge += segment.tooLargeBetween(this.place.at, through)
    this.last.note(segment, through, true)
    this.place.pass(segment, through)
  }

  /** Moves past the frames up to `through` without sending them. */
  pass(segment: SegmentView, through: EntryAt): void {
    this.last.note(segment, through, false)
    this.place.pass(segment, through)
  }

  /** As `send`. Returns the frames' bytes as a slice of the segment, without a copy. */
  sendInPlace(segment: SegmentView, through: EntryAt, frames: number): Buffer {
    const start = segment.start(this.place.at)
    this.send(segment, through, frames)
    return segment.slice(start, segment.frameEnd(through))
  }
}
