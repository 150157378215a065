// How long a turn of this thread's event loop takes at the longest, of its own: the smaller of what the clock says and what the
// process used of the processors, so that others on the machine do not count.

/** The processors are asked no more often than this, since it takes as long as a short turn. A turn may count as much longer. */
const RESOLUTION_MS = 1

/** Watches from now on; the returned function ends it and answers the longest turn in ms. */
export function watchTurns() {
  let longestMs = 0
  let isWatching = true
  let turnedAtMs = performance.now()
  let asked = { atMs: turnedAtMs, cpuMs: cpuMs() }
  const turn = () => {
    const nowMs = performance.now()
    if (nowMs - asked.atMs > RESOLUTION_MS) {
      const now = { atMs: nowMs, cpuMs: cpuMs() }
      longestMs = Math.max(longestMs, Math.min(nowMs - turnedAtMs, now.cpuMs - asked.cpuMs))
      asked = now
    }
    turnedAtMs = nowMs
    if (isWatching) setImmediate(turn)
  }
  setImmediate(turn)
  return async () => {
    await new Promise((resolve) => setImmediate(resolve)) // the turn that is under way counts, too
    isWatching = false
    return longestMs
  }
}

function cpuMs() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
