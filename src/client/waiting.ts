// Waiting that ends with a signal, and leaves neither timer nor listener behind. AbortSignal.any is not used, because
// browsers from before 2024 do not have it.

/** Resolves after the time or when the signal aborts. */
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

/** Work that may not know how to stop: told to, and left alone, after the time or when the signal aborts. */
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
