// Reads in the state `merging`: the client resumes from another process, which had another order of arrival.
// Passes over frames that the client has, and merges its position into the ids of the others. Ends when the bus's
// own ids are right for the client.

import { parseEventId } from '../bus/event-id.ts'
import { EMPTY_POSITION, type Position } from '../bus/position.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import { MergedPosition } from './merged-position.ts'
import type { Progress } from './progress.ts'
import { GATHERED_BYTES_MAX, NO_BYTES } from './runs.ts'
import type { Visibility } from './visibility.ts'

/** Most frames that one read compares with the client's position, so that a turn stays short. */
const COMPARED_MAX = 2_000
const END_OF_EVENT = Buffer.from('\n\n')

export class Merging {
  readonly name = 'merging'
  readonly merged: MergedPosition
  /** Whether merging has ended: the next frame is sent with its own id. */
  isOver = false
  /** Whether merging ends with the next frame: its own id is right. Until it is read, the merged position counts. */
  private endsAtNext = false
  private readonly progress: Progress
  private readonly visibility: Visibility

  /** `client`: the client's position. Merging begins at the next frame, which is in `segment`. */
  constructor(client: Position, segment: SegmentView, progress: Progress, visibility: Visibility) {
    const { at } = progress.place
    const prefix = new Map(parseEventId(segment.id(at)) ?? EMPTY_POSITION)
    prefix.set(segment.partition(at), segment.offset(at)) // the position before this frame
    this.merged = new MergedPosition(client, prefix)
    this.progress = progress
    this.visibility = visibility
  }

  /** The event id of all that was read so far. */
  id(): string {
    return this.merged.text().toString('latin1')
  }

  /** Frames that the client lacks, as copies with merged ids. Empty if it only passed frames over. */
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
        this.progress.last.mergedId = this.id() // the client's id until that frame is read
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

  /** Ends merging once the bus has all that the client has, even if the last record of it has no frame. */
  private settle(segment: SegmentView): void {
    const { merged } = this
    const { last } = this.progress
    if (!merged.agrees && last.segment === segment)
      merged.moveTo(parseEventId(segment.id(last.at)) ?? EMPTY_POSITION)
    this.isOver = merged.agrees
  }

  /** Adds a copy of the next frame with `id` in place of its own. Returns the number of its bytes. */
  private sendRenamed(segment: SegmentView, pieces: Buffer[], id: Buffer): number {
    const { at } = this.progress.place
    const lines = segment.bytes.subarray(segment.start(at), segment.frameEnd(at) - 2 - segment.idLength(at))
    pieces.push(lines, id, END_OF_EVENT)
    this.progress.send(segment, at, 1)
    this.progress.last.mergedId = id.toString('latin1')
    return lines.length + id.length + END_OF_EVENT.length
  }
}
