// Waits that end with a signal. Promise: no timer and no listener is left behind. AbortSignal.any is not used, because
// it needs Chrome 116, Firefox 124 or Safari 17.4; timers/promises is Node's alone.

import { StreamError } from './stream-error.ts'

/** A longer timer fires at once. */
export const TIMER_MAX_MS = 2 ** 31 - 1

/** Resolves after the time, after TIMER_MAX_MS at the latest, or when the signal aborts. */
export function pause(timeMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (timeMs <= 0 || signal.aborted) resolve()
    else arm(Math.min(timeMs, TIMER_MAX_MS), signal, resolve)
  })
}

/**
 * The result of `work`. Rejects with StreamError `silent` after the time, or when the signal aborts, even if `work`
 * ignores its own signal.
 */
export function withTimeout<T>(
  work: (signal: AbortSignal) => Promise<T>,
  timeMs: number,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const limit = new AbortController()
    const disarm = arm(timeMs, signal, () => {
      limit.abort()
      reject(signal.aborted ? signal.reason : new StreamError('silent', `nothing came within ${timeMs} ms`))
    })
    work(limit.signal).then(resolve, reject).finally(disarm)
  })
}

/** Calls `over` once, after the time or when the signal aborts, unless the function that it returns is called. */
function arm(timeMs: number, signal: AbortSignal, over: () => void): () => void {
  const timer = setTimeout(fire, timeMs)
  signal.addEventListener('abort', fire)
  function disarm(): void {
    clearTimeout(timer)
    signal.removeEventListener('abort', fire)
  }
  function fire(): void {
    disarm()
    over()
  }
  return disarm
}
