// Notices that the network is back, or that the page or the machine has slept. Node has no such events, so there it
// notices sleep alone.

const TICK_MS = 2_000

export interface WakeUps {
  /** A byte has come, so the connection is alive. */
  heard(): void
  stop(): void
}

/**
 * Calls `wake` when a page is shown, and when connections are likely to be lost (`isLost`): the network is back, the
 * page comes out of the back-forward cache, or a timer is late by `silenceMs` in which no byte came. Timers stand still
 * while a machine sleeps or a page is frozen, so only the wall clock can tell. Where it is set by as much, a connection
 * is opened once more than necessary.
 */
export function watchWakeUps(silenceMs: number, wake: (isLost: boolean) => void): WakeUps {
  let tickedAtMs = Date.now()
  let isHeard = false
  const timer = setInterval(() => {
    const isLate = Date.now() - tickedAtMs >= TICK_MS + silenceMs
    if (isLate && !isHeard) wake(true)
    tickedAtMs = Date.now()
    isHeard = false
  }, TICK_MS)
  const heed = (event: Event): void => {
    if (event.type === 'online' || ('persisted' in event && event.persisted)) wake(true)
    else if (globalThis.document?.visibilityState === 'visible') wake(false)
  }
  const events = ['online', 'pageshow', 'visibilitychange']
  for (const type of events) globalThis.addEventListener?.(type, heed)
  return {
    heard: () => {
      isHeard = true
    },
    stop: () => {
      clearInterval(timer)
      for (const type of events) globalThis.removeEventListener?.(type, heed)
    },
  }
}
