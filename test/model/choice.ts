// How a case of the resume model chooses: by its own randomness, some things more often than others.

import { bitsOf } from '../support/random.mjs'

/** A whole number from 0 to below the bound: the case's own randomness. */
export type Choose = (bound: number) => number

/** The same case from the same seed. */
export function chooseBy(seed: number): Choose {
  const bits = bitsOf(seed)
  return (bound) => {
    const drawn = bits()
    return bound === 0 ? 0 : drawn % bound
  }
}

/** Each as often as is said; the first is what fast-check shrinks to. */
export function mostly<T>(weighted: readonly (readonly [T, number])[]): T[] {
  return weighted.flatMap(([of, times]) => Array<T>(times).fill(of))
}
