// The state `merging`: the client comes from another process, whose order of arrival was another. Frames that it has are passed
// over; the others' ids are merged with its position, until the bus's own ids speak for it.

import { parseEventId } from '../bus/event-id.ts'
import { EMPTY_POSITION, type Position } from '../bus/position.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import { MergedPosition } from './merged-position.ts'
import type { Progress } from './progress.ts'
import { GATHERED_BYTES_MAX, NO_BYTES } from './runs.ts'
import type { Visibility } from './visibility.ts'

/** Frames that one read looks at to tell which of them the client has: bounds a turn. */
const COMPARED_MAX = 2_000
const END_OF_EVENT = Buffer.from('\n\n')

export class Merging {
  readonly name = 'merging'
  readonly merged: MergedPosition
  /** The bus's prefix has all that the client has: the next frame is sent with its own id. */
  isOver = false
  /** It has once the next frame is read, and not before: what left the bus in between the client may have. */
  private endsAtNext = false
  private readonly progress: Progress
  private readonly visibility: Visibility

  /** `client`: its own position. The first frame to be looked at is the next one, in `segment`. */
  constructor(client: Position, segment: SegmentView, progress: Progress, visibility: Visibility) {
    const { at } = progress.place
    const prefix = new Map(parseEventId(segment.id(at)) ?? EMPTY_POSITION)
    prefix.set(segment.partition(at), segment.offset(at)) // before the frame, that is
    this.merged = new MergedPosition(client, prefix)
    this.progress = progress
    this.visibility = visibility
  }

  /** Id of all that was read so far. */
  id(): string {
    return this.merged.text().toString('latin1')
  }

  /** Frames after the client's position, with ids of their own; none where all that was looked at is passed over. */
  read(segment: SegmentView, bytesMax: number): Buffer {
    this.isOver = this.endsAtNext
    if (this.isOver) return NO_BYTES
    const { merged, progress, visibility } = this
    const { place } = progress
    const pieces: Buffer[] = []
    const bound = Math.min(bytesMax, GATHERED_BYTES_MAX)
    let bytes = 0
    for (let compared = 0; compared < COMPARED_MAX && place.at <= segment.lastPublished; compared++) {
      const { at } = place
      const [partition, offset] = [segment.partition(at), segment.offset(at)]
      const isSent = !merged.has(partition, offset) && !visibility.hides(segment, at)
      if (isSent && bytes > 0 && bytes + segment.length(at) > bound) break
      if (isSent && merged.agreesAfter(partition, offset)) {
        this.progress.last.mergedId = this.id() // until the next is read the client has the id so far
        this.endsAtNext = true
        this.isOver = bytes === 0
        break
      }
      merged.move(partition, offset)
      if (isSent) bytes += this.sendRenamed(segment, pieces, merged.text())
      else progress.pass(segment, at)
      if (merged.agrees) break
    }
    if (!this.endsAtNext) this.settle(segment)
    return bytes === 0 ? NO_BYTES : Buffer.concat(pieces, bytes)
  }

  /** Ends the merging once the bus has all that the client has, also where no frame tells so. */
  private settle(segment: SegmentView): void {
    const { merged } = this
    const { last } = this.progress
    if (!merged.agrees && last.segment === segment)
      merged.moveTo(parseEventId(segment.id(last.at)) ?? EMPTY_POSITION)
    this.isOver = merged.agrees
  }

  /** Adds the next frame with another id in place of its own; returns the bytes of it. */
  private sendRenamed(segment: SegmentView, pieces: Buffer[], id: Buffer): number {
    const { at } = this.progress.place
    const lines = segment.bytes.subarray(segment.start(at), segment.frameEnd(at) - 2 - segment.idLength(at))
    pieces.push(lines, id, END_OF_EVENT)
    this.progress.send(segment, at, 1)
    this.progress.last.mergedId = id.toString('latin1')
    return lines.length + id.length + END_OF_EVENT.length
  }
}
