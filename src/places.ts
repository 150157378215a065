// Where in a list of segments something is, found by halving: sequences and prefixes only grow from one to the next.

import { covers, type Position, parsePosition } from './position.ts'
import { NONE, type Segment } from './segment.ts'

/** First segment that stands for `sequence` or for a later one. */
export function indexOfSequence(segments: readonly Segment[], sequence: number): number {
  return firstIndex(segments, (segment) => segment.lastSequence >= sequence)
}

/** Sequence from which one reads on who has everything before `position`; undefined if no segment holds more. */
export function placeOf(segments: readonly Segment[], position: Position): number | undefined {
  const index = firstIndex(segments, (segment) => {
    const last = segment.lastPublished
    return last === NONE || !covers(position, parsePosition(segment.id(last)) ?? new Map())
  })
  return segments[index]?.firstSequence
}

/** Index of the first segment for which `holds`, given that it holds for all behind it; their number if for none. */
function firstIndex(segments: readonly Segment[], holds: (segment: Segment) => boolean): number {
  let [low, high] = [0, segments.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const segment = segments[middle]
    if (segment !== undefined && holds(segment)) high = middle
    else low = middle + 1
  }
  return low
}
