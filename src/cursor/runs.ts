// Stretches of frames side by side in a segment: how far one may go, how many it is, and a copy of several.

import { type EntryAt, NONE } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'

export const NO_BYTES = Buffer.alloc(0)
/** Bytes that one read copies at the most. */
export const GATHERED_BYTES_MAX = 64 * 1024

/** The furthest frame up to `last` that ends at `bound` or before; the first one, however long it is. */
export function lastWithin(segment: SegmentView, first: EntryAt, last: EntryAt, bound: number): EntryAt {
  let within = first
  for (let at = segment.next(first); at <= last && segment.frameEnd(at) <= bound; at = segment.next(at))
    within = at
  return within
}

/** How many frames stand from one to another, both counted. */
export function framesBetween(segment: SegmentView, first: EntryAt, last: EntryAt): number {
  let frames = 1
  for (let at = first; at < last; at = segment.next(at)) frames++
  return frames
}

/** One copy of stretches of a segment: pairs of where they start and end. */
export function gather(segment: SegmentView, runs: readonly number[], bytes: number): Buffer {
  if (bytes === 0) return NO_BYTES
  const gathered = Buffer.allocUnsafe(bytes)
  let to = 0
  for (let run = 0; run < runs.length; run += 2)
    to += segment.bytes.copy(gathered, to, runs[run], runs[run + 1])
  return gathered
}

/** Last published frame from `first` on whose sequence is below this one, or NONE. */
export function lastBefore(segment: SegmentView, first: EntryAt, sequence: number): EntryAt {
  const last = segment.lastPublished
  if (segment.lastSequence < sequence) return last
  let before: EntryAt = NONE
  for (let at = first; at <= last && segment.sequence(at) < sequence; at = segment.next(at)) before = at
  return before
}
