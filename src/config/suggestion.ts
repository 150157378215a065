// Suggestions for misspelt names: the nearest known name, if it is near enough.

/** Characters that are compared: the time for a distance grows with the square of the length. */
const COMPARED_MAX = 100

/**
 * The known name with the smallest edit distance; null if that distance is more than `editsMax`, or more than both 2
 * and a quarter of the known name's length.
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

/** Optimal string alignment distance: an insertion, deletion, substitution or swap of neighbours counts 1. */
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
