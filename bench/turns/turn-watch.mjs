// How long a turn of this thread's event loop takes at the longest while streams are at work, by the thread's CPU time, and how
// much of that was garbage collection. It never lets the loop rest, so that it sees every turn.

import { PerformanceObserver } from 'node:perf_hooks'
import { cpuMs } from './turn.mjs'

/** The CPU time is asked no more often than this, since that takes as long as a short turn. A turn may count as much longer. */
const RESOLUTION_MS = 1

/** Watches from now on; the returned function ends it and answers with the longest turn, in ms. */
export function watchTurns() {
  let longest = { ms: 0, fromMs: 0, toMs: 0 }
  let isWatching = true
  let asked = { atMs: performance.now(), cpuMs: cpuMs() }
  const collections = []
  const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()))
  observer.observe({ entryTypes: ['gc'] })
  const turn = () => {
    const nowMs = performance.now()
    if (nowMs - asked.atMs > RESOLUTION_MS) {
      const now = { atMs: nowMs, cpuMs: cpuMs() }
      const ms = now.cpuMs - asked.cpuMs
      if (ms > longest.ms) longest = { ms, fromMs: asked.atMs, toMs: nowMs }
      asked = now
    }
    if (isWatching) setImmediate(turn)
  }
  setImmediate(turn)
  return async () => {
    await new Promise((resolve) => setTimeout(resolve, 100)) // the turn that is under way counts, too, and the observer is told
    isWatching = false
    observer.disconnect()
    return { longestTurnMs: longest.ms, collectionMs: Math.min(longest.ms, within(longest, collections)) }
  }
}

function within({ fromMs, toMs }, collections) {
  return collections
    .filter(({ startTime }) => startTime >= fromMs && startTime < toMs)
    .reduce((sum, { duration }) => sum + duration, 0)
}
