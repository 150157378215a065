// A position in a topic: the next offset of every partition. Its text is the event id (src/bus/event-id.ts).

/**
 * Next offset by partition. -2 is the beginning. -1 is the end as of the request; ids
 * are read with it, never written.
 */
export type Position = ReadonlyMap<number, number>

/** The position without any partition. */
export const EMPTY_POSITION: Position = new Map()

/** Offset of a partition that is to be read from its log start, wherever that is. */
export const FROM_BEGINNING = -2
/** Offset of a partition that is to be read from its end as of the request. */
export const FROM_NOW = -1

/** Whether `a` is at or after `b` in every partition of `b`. */
export function covers(a: Position, b: Position): boolean {
  for (const [partition, offset] of b) {
    if (offset > (a.get(partition) ?? FROM_BEGINNING)) return false
  }
  return true
}

/** The greater offset of each partition of `a` and `b`. */
export function furthest(a: Position, b: Position): Map<number, number> {
  const merged = new Map(a)
  for (const [partition, offset] of b) {
    merged.set(partition, Math.max(offset, merged.get(partition) ?? FROM_BEGINNING))
  }
  return merged
}
