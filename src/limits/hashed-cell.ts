// Names counted by hash, in a fixed number of cells. Two names with the same hash count as one, which is rare with this
// many cells. The hash has a seed, so that a client cannot provoke it.

export const CELLS = 65_536
/** Seeds are integers from 0 to one below this. */
export const SEEDS = 2 ** 31
const FNV_PRIME = 16_777_619

/** FNV-1a, its two halves folded: from 0 to `CELLS` - 1. */
export function cellOf(name: string, seed: number): number {
  let hash = seed
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), FNV_PRIME)
  return ((hash >>> 16) ^ hash) & (CELLS - 1)
}
