// Reads the frames of a segment that match a route: copies of their events, with ids that are right for the client.

import type { EntryAt } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import { Candidates } from './candidates.ts'
import type { ClientIds } from './client-ids.ts'
import type { Progress } from './progress.ts'
import type { Route } from './route.ts'
import { GATHERED_BYTES_MAX, NO_BYTES } from './runs.ts'
import type { Visibility } from './visibility.ts'

const END_OF_EVENT = Buffer.from('\n\n')

export interface SelectedFramesParts {
  readonly route: Route
  readonly progress: Progress
  readonly visibility: Visibility
  readonly ids: ClientIds
}

export class SelectedFrames {
  readonly candidates: Candidates
  private readonly parts: SelectedFramesParts
  private sentPartition = -1
  private sentOffset = -1

  constructor(parts: SelectedFramesParts) {
    this.parts = parts
    this.candidates = new Candidates(parts.route)
  }

  /** The place was moved by others than `read`. */
  forget(): void {
    this.candidates.forget()
  }

  /** Next offset after the last record that was sent, if that is of this partition; otherwise 0. */
  sentTo(partition: number): number {
    return partition === this.sentPartition ? this.sentOffset + 1 : 0
  }

  /** The next events of a segment from the place on, as copies. Empty if nothing that it has searched matches. */
  read(segment: SegmentView, bytesMax: number): Buffer {
    const { candidates } = this
    const { progress } = this.parts
    candidates.search(segment, progress.place.at)
    const { entries } = candidates
    const pieces: Uint8Array[] = []
    const bound = Math.min(bytesMax, GATHERED_BYTES_MAX)
    let [bytes, taken] = [0, 0]
    for (; taken < entries.length; taken++) {
      const at = entries[taken] ?? 0
      if (bytes > 0 && bytes + segment.length(at) > bound) break
      progress.place.at = at
      if (this.isSent(segment, at)) bytes += this.send(segment, at, pieces)
      else this.pass(segment, at)
    }
    entries.splice(0, taken)
    if (entries.length === 0) this.passTo(segment, candidates.searchedTo)
    return bytes === 0 ? NO_BYTES : Buffer.concat(pieces, bytes)
  }

  private isSent(segment: SegmentView, at: EntryAt): boolean {
    const { route, ids, visibility } = this.parts
    if (ids.has(segment.partition(at), segment.offset(at)) || visibility.hidesSelected(segment, at))
      return false
    return route.matches(segment, at) && !(segment.isLeaving(at) && route.hasStayed(segment, at))
  }

  /** Adds the event of a frame, with an id that is right for the client. Returns the number of its bytes. */
  private send(segment: SegmentView, at: EntryAt, pieces: Uint8Array[]): number {
    const [start, end] = [segment.start(at), segment.frameEnd(at)]
    this.sentPartition = segment.partition(at)
    this.sentOffset = segment.offset(at)
    const id = this.parts.ids.merge(segment.id(at))
    this.parts.progress.send(segment, at, 1)
    this.parts.progress.last.mergedId = id
    if (id === null) {
      pieces.push(segment.bytes.subarray(start, end))
      return end - start
    }
    const lines = segment.bytes.subarray(start, end - END_OF_EVENT.length - segment.idLength(at))
    const idBytes = Buffer.from(id, 'latin1')
    pieces.push(lines, idBytes, END_OF_EVENT)
    return lines.length + idBytes.length + END_OF_EVENT.length
  }

  private pass(segment: SegmentView, at: EntryAt): void {
    const id = this.parts.ids.merge(segment.id(at))
    this.parts.progress.pass(segment, at)
    this.parts.progress.last.mergedId = id
  }

  /** Everything before `to` is read. */
  private passTo(segment: SegmentView, to: EntryAt): void {
    const { place } = this.parts.progress
    if (place.at >= to) return
    if (to > segment.lastPublished) this.pass(segment, segment.lastPublished)
    else place.enterAt(segment, to)
  }
}
