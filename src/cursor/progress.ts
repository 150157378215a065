// How far a cursor has read: the place of the next frame, the frame that it read last, and what the last read returned.

import type { Place } from '../bus/place.ts'
import type { EntryAt } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import { LastRead } from './last-read.ts'

export class Progress {
  readonly place: Place
  readonly last = new LastRead()
  /** Frames that the last read returned. */
  frames = 0
  /** Those among them that say that a record was too large. */
  tooLarge = 0

  constructor(place: Place) {
    this.place = place
  }

  /** The frames up to `through` are sent: so many. */
  send(segment: SegmentView, through: EntryAt, frames: number): void {
    this.frames += frames
    this.tooLarge += segment.tooLargeBetween(this.place.at, through)
    this.last.note(segment, through, true)
    this.place.pass(segment, through)
  }

  /** The frames up to `through` are passed over. */
  pass(segment: SegmentView, through: EntryAt): void {
    this.last.note(segment, through, false)
    this.place.pass(segment, through)
  }

  /** Sends the frames up to `through` as they stand in the segment, without a copy. */
  sendInPlace(segment: SegmentView, through: EntryAt, frames: number): Buffer {
    const start = segment.start(this.place.at)
    this.send(segment, through, frames)
    return segment.slice(start, segment.frameEnd(through))
  }
}
