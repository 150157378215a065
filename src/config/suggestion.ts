// Did you mean …? The nearest of the known names, where it is near enough to be meant.

/** Names longer than this are compared by their beginning: the distance takes time by length squared. */
const COMPARED_MAX = 100

/**
 * The known name that takes the fewest keystrokes to reach; null where that is more than `editsMax`, or more than a quarter of
 * its length.
 */
export function nearestName(
  name: string,
  known: Iterable<string>,
  editsMax = Number.POSITIVE_INFINITY,
): string | null {
  let nearest: string | null = null
  let fewest = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    if (Math.abs(name.length - candidate.length) > editsMax) continue
    const edits = editDistance(name.toUpperCase(), candidate.toUpperCase())
    const allowed = Math.min(editsMax, Math.max(2, Math.floor(candidate.length / 4)))
    if (edits <= allowed && edits < fewest) [nearest, fewest] = [candidate, edits]
  }
  return nearest
}

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours, each one keystroke. */
function editDistance(from: string, to: string): number {
  const [left, right] = [from.slice(0, COMPARED_MAX), to.slice(0, COMPARED_MAX)]
  let beforeLast: number[] = []
  let last = Array.from({ length: right.length + 1 }, (_, at) => at)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let at = 1; at <= right.length; at++) {
      const differs = left[row - 1] === right[at - 1] ? 0 : 1
      const swapped =
        row > 1 && at > 1 && left[row - 1] === right[at - 2] && left[row - 2] === right[at - 1]
          ? (beforeLast[at - 2] ?? 0) + 1
          : Number.POSITIVE_INFINITY
      current[at] = Math.min(
        (last[at] ?? 0) + 1,
        (current[at - 1] ?? 0) + 1,
        (last[at - 1] ?? 0) + differs,
        swapped,
      )
    }
    ;[beforeLast, last] = [last, current]
  }
  return last[right.length] ?? 0
}
