// The longest turn of this thread's event loop while streams work, by the thread's CPU time, with garbage collection.
// It keeps the loop busy, so that it sees every turn.

import { cpuMs } from './turn.mjs'

/**
 * Least time between two readings of the CPU time, each as long as a short turn. A turn may count as that much
 * longer.
 */
const RESOLUTION_MS = 1

/** Begins to watch. The returned function ends that and returns the longest turn, in ms. */
export function watchTurns() {
  let longestTurnMs = 0
  let isWatching = true
  let asked = { atMs: performance.now(), cpuMs: cpuMs() }
  const turn = () => {
    const nowMs = performance.now()
    if (nowMs - asked.atMs > RESOLUTION_MS) {
      const now = { atMs: nowMs, cpuMs: cpuMs() }
      longestTurnMs = Math.max(longestTurnMs, now.cpuMs - asked.cpuMs)
      asked = now
    }
    if (isWatching) setImmediate(turn)
  }
  setImmediate(turn)
  return async () => {
    await new Promise((resolve) => setTimeout(resolve, 10)) // the present turn counts, too
    isWatching = false
    return longestTurnMs
  }
}
