// Notices that the network is back, or that the page or the machine has slept. Node has no such events, so there it
// notices sleep alone.

const TICK_MS = 2_000
/** The timers of a hidden page may come once a minute. */
const HIDDEN_TICK_MS = 60_000

/**
 * Calls `wake` when a page is shown, and when connections are likely to be lost (`isLost`): the network is back, or a
 * timer is late by `silenceMs` in which no byte came. While nothing is read (`isUnread`), no byte can come, so the
 * timer has to be later than that of a hidden page, too. Timers stand still while a machine sleeps or a page is frozen,
 * so only the wall clock can tell. Where it is set by as much, a connection is opened once more than necessary.
 * `isLeft`: the page goes, maybe into the back-forward cache, from which browsers drop a page that has a connection on
 * which much comes. Ends when the signal aborts. The function that it returns tells that a byte came.
 */
export function watchWakeUps(
  silenceMs: number,
  isUnread: () => boolean,
  signal: AbortSignal,
  wake: (isLost: boolean, isLeft?: boolean) => void,
): () => void {
  /** When the timer ran last, or a byte came after that. */
  let awakeAtMs: number
  const noteAwake = (): void => {
    awakeAtMs = Date.now()
  }
  noteAwake()
  const timer = setInterval(() => {
    const lateMs = Date.now() - awakeAtMs - TICK_MS
    noteAwake()
    if (lateMs >= silenceMs + (isUnread() ? HIDDEN_TICK_MS : 0)) wake(true)
  }, TICK_MS)
  signal.addEventListener('abort', () => clearInterval(timer))
  const heed = ({ type }: Event): void => {
    if (type === 'visibilitychange') {
      if (document.hidden) return
    } else noteAwake() // the timer may be late, too, and must not end the connection that is opened now
    wake(type === 'online', type === 'pagehide')
  }
  for (const type of ['online', 'pagehide', 'pageshow', 'visibilitychange'])
    globalThis.addEventListener?.(type, heed, { signal })
  return noteAwake
}
