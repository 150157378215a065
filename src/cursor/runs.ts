// Runs of neighbouring frames in a segment: where a run has to end, how many frames it has, and a copy of several runs.

import { type EntryAt, NONE } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'

export const NO_BYTES = Buffer.alloc(0)
/** Most bytes that one read copies. */
export const GATHERED_BYTES_MAX = 64 * 1024

/** The last frame, up to `last`, that ends at byte `bound` or before it. At least `first`, even if that is longer. */
export function lastWithin(segment: SegmentView, first: EntryAt, last: EntryAt, bound: number): EntryAt {
  let within = first
  for (let at = segment.next(first); at <= last && segment.frameEnd(at) <= bound; at = segment.next(at))
    within = at
  return within
}

/** The number of frames from `first` through `last`. */
export function framesBetween(segment: SegmentView, first: EntryAt, last: EntryAt): number {
  let frames = 1
  for (let at = first; at < last; at = segment.next(at)) frames++
  return frames
}

/** Copies runs into one buffer of `bytes` bytes. `runs`: pairs of start and end in the segment's bytes. */
export function gather(segment: SegmentView, runs: readonly number[], bytes: number): Buffer {
  if (bytes === 0) return NO_BYTES
  const gathered = Buffer.allocUnsafe(bytes)
  let to = 0
  for (let run = 0; run < runs.length; run += 2)
    to += segment.bytes.copy(gathered, to, runs[run], runs[run + 1])
  return gathered
}

/** The last published frame, from `first` on, with a sequence below `sequence`. NONE if there is none. */
export function lastBefore(segment: SegmentView, first: EntryAt, sequence: number): EntryAt {
  const last = segment.lastPublished
  if (segment.lastSequence < sequence) return last
  let before: EntryAt = NONE
  for (let at = first; at <= last && segment.sequence(at) < sequence; at = segment.next(at)) before = at
  return before
}
