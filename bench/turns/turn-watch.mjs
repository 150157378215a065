// How long a turn of this thread's event loop takes at the longest while streams are at work, by the thread's CPU time,
// garbage collection included. It never lets the loop rest, so that it sees every turn.

import { cpuMs } from './turn.mjs'

/** The CPU time is asked no more often than this, since that takes as long as a short turn. A turn may count as much longer. */
const RESOLUTION_MS = 1

/** Watches from now on; the returned function ends it and answers with the longest turn, in ms. */
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
    await new Promise((resolve) => setTimeout(resolve, 10)) // the turn that is under way counts, too
    isWatching = false
    return longestTurnMs
  }
}
