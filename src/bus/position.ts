// A position in a topic: the next offset of every partition. Its text is the event id (src/bus/event-id.ts).

/** Next offset by partition. -2 means the beginning; -1 (read, never written) means the end. */
export type Position = ReadonlyMap<number, number>

/** Offsets of no partition. */
export const EMPTY_POSITION: Position = new Map()

/** Offset of a partition that is read from its beginning, wherever that is. */
export const FROM_BEGINNING = -2
/** Offset of a partition that is read from its end as of the request. */
export const FROM_NOW = -1

/** Whether `a` has everything that `b` has: no partition of `b` is further on. */
export function covers(a: Position, b: Position): boolean {
  for (const [partition, offset] of b) {
    if (offset > (a.get(partition) ?? FROM_BEGINNING)) return false
  }
  return true
}

/** The further offset of each partition of either. */
export function furthest(a: Position, b: Position): Map<number, number> {
  const merged = new Map(a)
  for (const [partition, offset] of b) {
    merged.set(partition, Math.max(offset, merged.get(partition) ?? FROM_BEGINNING))
  }
  return merged
}
