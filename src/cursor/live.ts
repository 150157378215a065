// Reads in the state `live`: every frame is sent, so a read is one slice of the segment, without a copy. Left out are
// only frames that are for other streams.

import type { SegmentView } from '../segments/segment-view.ts'
import { readVisible } from './past.ts'
import type { Progress } from './progress.ts'
import { framesBetween, lastWithin } from './runs.ts'
import type { Visibility } from './visibility.ts'

/** The published frames from the cursor's place on, as one slice: at most `bytesMax` bytes, or one frame. */
export function readLive(
  progress: Progress,
  visibility: Visibility,
  segment: SegmentView,
  bytesMax: number,
): Buffer {
  const first = progress.place.at
  const last = segment.lastPublished
  if (segment.hasLeaving) return readVisible(progress, visibility, segment, last, bytesMax)
  const bound = segment.start(first) + bytesMax
  const through = segment.frameEnd(last) <= bound ? last : lastWithin(segment, first, last, bound)
  return progress.sendInPlace(segment, through, framesBetween(segment, first, through))
}
