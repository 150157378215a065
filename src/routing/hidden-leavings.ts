// The ids whose clients may keep keys that have left their selection unseen, of one partition.

/** Ids above `from` and below `below`. */
export interface HiddenLeaving {
  from: number
  below: number
  /** Sequence of the last record by which a key may have left. */
  at: number
  /** Sequence as of which values are gone that this process had read. 0: none. Readers from before have them. */
  goneAt: number
}

/** Beyond that the two oldest are merged, so that some clients may start over needlessly. */
const SPANS_MAX = 8

/** Adds a span, merged with those that it overlaps. */
export function addHiddenLeaving(spans: HiddenLeaving[], span: HiddenLeaving): void {
  const added = { ...span }
  for (let last = spans.at(-1); last !== undefined && added.from < last.below; last = spans.at(-1)) {
    spans.pop()
    widen(added, last)
  }
  spans.push(added)
  const [oldest, second] = spans
  if (spans.length <= SPANS_MAX || oldest === undefined || second === undefined) return
  widen(second, oldest)
  spans.shift()
}

/** Whether a client with this offset of the partition may keep what has left. */
export function isWithin({ from, below }: HiddenLeaving, offset: number): boolean {
  return offset > 0 && offset > from && offset < below
}

function widen(span: HiddenLeaving, other: HiddenLeaving): void {
  span.from = Math.min(span.from, other.from)
  span.below = Math.max(span.below, other.below)
  span.at = Math.max(span.at, other.at)
  span.goneAt = Math.max(span.goneAt, other.goneAt)
}
