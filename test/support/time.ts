// Time: vitest’s fake timers, and waiting until something is so.

import { afterEach, beforeEach, vi } from 'vitest'

/** Fake timers for each test of the file, from the same moment on. */
export function useFakeTime(): void {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_700_000_000_000 })
  })
  afterEach(() => {
    vi.useRealTimers()
  })
}

/** With fake timers: lets everything that is queued run, and this much time pass. */
export async function pass(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
}

/**
 * Waits until `check` throws no more: for up to 30 s, because other test files may keep the machine busy. A test of a
 * promised time measures it.
 */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 30_000, interval: 10 })
}

/** The same for what becomes true; resolves with it. */
export function until<T>(condition: () => T | Promise<T>) {
  return vi.waitUntil(condition, { timeout: 30_000, interval: 10 })
}
