// Finds a segment in a bus's list by binary search: sequences only grow from one segment to the next.

import type { SegmentView } from './segment-view.ts'

/** Index of the first segment that covers `sequence` or a later one. If none does, the length of the list. */
export function indexOfSequence(segments: readonly SegmentView[], sequence: number): number {
  return firstIndex(segments, (segment) => segment.lastSequence >= sequence)
}

/**
 * Index of the first segment for which `holds`. If it holds for one, it must hold for all after it; if for none, the
 * result is the length of the list. Most cursors are near the tail, and `holds` may be slow. So it steps back from the
 * tail, twice as far each time, and then halves the rest.
 */
export function firstIndex(
  segments: readonly SegmentView[],
  holds: (segment: SegmentView) => boolean,
): number {
  const holdsAt = (index: number) => {
    const segment = segments[index]
    return segment !== undefined && holds(segment)
  }
  let [low, high] = [0, segments.length]
  for (let step = 1; high > low; step *= 2) {
    const index = Math.max(low, segments.length - step)
    if (!holdsAt(index)) {
      low = index + 1
      break
    }
    high = index
  }
  while (low < high) {
    const middle = (low + high) >> 1
    if (holdsAt(middle)) high = middle
    else low = middle + 1
  }
  return low
}
