// Vitest's fake time.

import { vi } from 'vitest'

/** Lets everything that is queued run, and this much time pass. */
export async function pass(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
}
