// A bus's bound of records, shared out over the partitions that are to be read: no more is read than could be kept.

import type { Watermarks } from './record.ts'

/**
 * Where each partition's reading is to begin, so that no more than `recordsMax` offsets lie ahead in all `partitionsCount`
 * partitions of the topic. A partition that holds less than its share leaves the rest to the others of `marks`.
 */
export function readingStarts(
  marks: ReadonlyMap<number, Watermarks>,
  recordsMax: number,
  partitionsCount: number,
): Map<number, number> {
  let left = Math.floor((recordsMax * marks.size) / Math.max(partitionsCount, marks.size))
  let partitionsLeft = marks.size
  const starts = new Map<number, number>()
  for (const [partition, { start, end }] of [...marks].sort(([, a], [, b]) => held(a) - held(b))) {
    const taken = Math.min(end - start, Math.floor(left / partitionsLeft))
    starts.set(partition, end - taken)
    left -= taken
    partitionsLeft--
  }
  return starts
}

function held({ start, end }: Watermarks): number {
  return end - start
}
