// Decides where the reading of partitions begins, so that a bus reads no more records than it may keep.

import type { Watermarks } from './record.ts'

/**
 * The offset from which to read each partition of `marks`. All `partitionsCount` partitions of the topic
 * then have at most `recordsMax` offsets to read. A partition with fewer offsets than its share leaves the
 * rest to the others of `marks`.
 */
export function readingStarts(
  marks: ReadonlyMap<number, Watermarks>,
  recordsMax: number,
  partitionsCount: number,
): Map<number, number> {
  let left = Math.floor((recordsMax * marks.size) / Math.max(partitionsCount, marks.size))
  let partitionsLeft = marks.size
  const starts = new Map<number, number>()
  for (const [partition, { start, end }] of [...marks].sort(([, a], [, b]) => lengthOf(a) - lengthOf(b))) {
    const taken = Math.min(end - start, Math.floor(left / partitionsLeft))
    starts.set(partition, end - taken)
    left -= taken
    partitionsLeft--
  }
  return starts
}

function lengthOf({ start, end }: Watermarks): number {
  return end - start
}
