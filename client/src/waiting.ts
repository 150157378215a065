// Waits that end with a signal. Promise: no timer and no listener is left behind. AbortSignal.any is not used, because
// it needs Chrome 116, Firefox 124 or Safari 17.4; timers/promises is Node's alone.

/** Resolves after the time, or when the signal aborts. */
export function pause(timeMs: number, signal: AbortSignal): Promise<void> {
  if (timeMs <= 0 || signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', over)
      resolve()
    }
    const timer = setTimeout(over, timeMs)
    signal.addEventListener('abort', over)
  })
}

/** The result of `work`. Rejects after the time, or when the signal aborts, even if `work` ignores its own signal. */
export async function withTimeout<T>(
  work: (signal: AbortSignal) => T | Promise<T>,
  timeMs: number,
  signal: AbortSignal,
): Promise<T> {
  signal.throwIfAborted()
  const waiting = new AbortController()
  const stop = (): void => waiting.abort(signal.reason)
  const timer = setTimeout(() => waiting.abort(new Error(`nothing came within ${timeMs} ms`)), timeMs)
  signal.addEventListener('abort', stop)
  try {
    return await Promise.race([work(waiting.signal), rejection(waiting.signal)])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
