// Reads in the state `past`: frames from before the cursor was made, without those that are hidden from its client.

import { type EntryAt, NONE } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import type { Progress } from './progress.ts'
import { GATHERED_BYTES_MAX, gather, lastBefore } from './runs.ts'
import type { Visibility } from './visibility.ts'

/** Runs of visible frames with fewer bytes than this are copied together into one write. */
const RUN_BYTES_MIN = 4 * 1024

/** The next visible frames from before the cursor was made. */
export function readPast(
  progress: Progress,
  visibility: Visibility,
  segment: SegmentView,
  bytesMax: number,
): Buffer {
  const last = lastBefore(segment, progress.place.at, visibility.madeAt)
  return readVisible(progress, visibility, segment, last, bytesMax)
}

/** The next visible frames up to `last`: one long run as a slice of the segment, or several short runs as one copy. */
export function readVisible(
  progress: Progress,
  visibility: Visibility,
  segment: SegmentView,
  last: EntryAt,
  bytesMax: number,
): Buffer {
  const { place } = progress
  const runs: number[] = []
  const bound = Math.min(bytesMax, GATHERED_BYTES_MAX)
  let bytes = 0
  while (skipHidden(progress, visibility, segment, last)) {
    const { through, frames } = runEnd(place.at, visibility, segment, last, bytesMax)
    const [start, end] = [segment.start(place.at), segment.frameEnd(through)]
    if (bytes === 0 && end - start >= RUN_BYTES_MIN) return progress.sendInPlace(segment, through, frames)
    if (bytes > 0 && (end - start >= RUN_BYTES_MIN || bytes + end - start > bound)) break
    runs.push(start, end)
    bytes += end - start
    progress.send(segment, through, frames)
  }
  return gather(segment, runs, bytes)
}

/** Moves to the next visible frame. Returns false if there is none up to `last`. */
function skipHidden(
  progress: Progress,
  visibility: Visibility,
  segment: SegmentView,
  last: EntryAt,
): boolean {
  let skipped: EntryAt = NONE
  let { at } = progress.place
  for (; at <= last && visibility.hides(segment, at); at = segment.next(at)) skipped = at
  if (skipped !== NONE) progress.pass(segment, skipped)
  return at <= last
}

/**
 * Finds the run of visible frames that begins at `first`. Returns its last frame, within `bytesMax` bytes, and its
 * length.
 */
function runEnd(
  first: EntryAt,
  visibility: Visibility,
  segment: SegmentView,
  last: EntryAt,
  bytesMax: number,
): { through: EntryAt; frames: number } {
  const bound = segment.start(first) + bytesMax
  let [through, frames] = [first, 1]
  for (let at = segment.next(first); at <= last && segment.frameEnd(at) <= bound; at = segment.next(at)) {
    if (visibility.hides(segment, at)) break
    through = at
    frames++
  }
  return { through, frames }
}
