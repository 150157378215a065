// How many lines the requests of one address have in the log. By HTTP/2 a request of 20 bytes may repeat a URL of
// 2 KiB, so a stranger could fill a disk at a hundred times the rate at which it sends. Promise: LINES_AT_ONCE and then
// LINES_PER_SECOND for each address in a thread, in memory of a fixed size.

import { randomInt } from 'node:crypto'
import { CELLS, cellOf, SEEDS } from '../limits/hashed-cell.ts'

export const LINES_AT_ONCE = 1000
export const LINES_PER_SECOND = 20

const STEP_MS = 1000 / LINES_PER_SECOND

export class LineBudget {
  /** Per cell the moment at which its addresses have used up nothing, in monotonic ms (as in rate-limits.ts). */
  private readonly freeAtMs = new Float64Array(CELLS)
  private readonly seed = randomInt(SEEDS)
  private leftOut = 0

  /** Counts one line of this address. False, and counted as left out, if it has had too many. */
  take(address: string, nowMs: number): boolean {
    const cell = cellOf(address, this.seed)
    const next = Math.max(this.freeAtMs[cell] ?? 0, nowMs) + STEP_MS
    if (next - nowMs > STEP_MS * LINES_AT_ONCE) {
      this.leftOut++
      return false
    }
    this.freeAtMs[cell] = next
    return true
  }

  /** How many were left out since it was asked last. */
  takeLeftOut(): number {
    const { leftOut } = this
    this.leftOut = 0
    return leftOut
  }
}
