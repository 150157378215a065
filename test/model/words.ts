// How a case of the resume model chooses among words, some of which come more often than others.

/** Each as often as is said; the first is what fast-check shrinks to. */
export function mostly<T>(weighted: readonly (readonly [T, number])[]): T[] {
  return weighted.flatMap(([of, times]) => Array<T>(times).fill(of))
}
