// Notices that the network is back, or that the page or the machine has slept. Node has no such events, so there it
// notices sleep alone.

/**
 * `woken`: connections are likely to be lost. `left`: the page goes, maybe into the back-forward cache, from which
 * browsers drop a page that has a connection on which much comes. `shown`: the page is there again.
 */
export type WakeUp = 'woken' | 'left' | 'shown'

const TICK_MS = 2_000

/**
 * Calls `wake` when a page is left or shown, and when connections are likely to be lost: the network is back, or a
 * timer, or the event that the page is shown, is late by `silenceMs` in which no byte came. Timers stand still while a
 * machine sleeps or a page is frozen, so only the wall clock can tell. Where it is set by as much, a connection is
 * opened once more than necessary. Ends when the signal aborts. The function that it returns tells that a byte came.
 */
export function watchWakeUps(
  silenceMs: number,
  isUnread: () => boolean,
  signal: AbortSignal,
  wake: (wakeUp: WakeUp) => void,
): () => void {
  /** When the timer ran last, or a byte came after that. */
  let awakeAtMs: number
  const noteAwake = (): void => {
    awakeAtMs = Date.now()
  }
  noteAwake()
  const judge = (): void => {
    // The timers of a hidden page may come once a minute. While nothing is read, no byte tells that from sleep, so it
    // is decided when the page is shown, or by the first timer after it is read again.
    if (isUnread() && globalThis.document?.hidden) return
    const lateMs = Date.now() - awakeAtMs - TICK_MS
    noteAwake()
    if (lateMs >= silenceMs) wake('woken')
  }
  const timer = setInterval(judge, TICK_MS)
  signal.addEventListener('abort', () => clearInterval(timer))
  const events = { online: 'woken', pagehide: 'left', pageshow: 'shown', visibilitychange: 'shown' } as const
  for (const [type, wakeUp] of Object.entries(events)) {
    const heed = (): void => {
      // The timer may be late, too, and must not end the connection that is opened now.
      if (wakeUp !== 'shown') noteAwake()
      else if (globalThis.document?.hidden) return
      else judge()
      wake(wakeUp)
    }
    globalThis.addEventListener?.(type, heed, { signal })
  }
  return noteAwake
}
