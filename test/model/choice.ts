// How a case of the resume model chooses: by its own randomness, and among words of which some come more often than others.

/** A whole number from 0 to below the bound: the case's own randomness. */
export type Choose = (bound: number) => number

/** mulberry32: the same case from the same seed. */
export function chooseBy(seed: number): Choose {
  let state = seed | 0
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return bound === 0 ? 0 : ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }
}

/** Each as often as is said; the first is what fast-check shrinks to. */
export function mostly<T>(weighted: readonly (readonly [T, number])[]): T[] {
  return weighted.flatMap(([of, times]) => Array<T>(times).fill(of))
}
