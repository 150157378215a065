// Waits with a time limit, so that a library that never finishes closing does not keep the process alive.

/** Resolves with true when `work` has settled, resolved or rejected; with false after that time. Never rejects. */
export async function settledWithin(timeMs: number, work: Promise<unknown>): Promise<boolean> {
  // A timer that can be cleared and keeps the process alive. AbortSignal.timeout does neither.
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, timeMs, false)
  })
  const settled = work.then(
    () => true,
    () => true, // the process ends, so the error no longer matters
  )
  const isSettled = await Promise.race([settled, late])
  clearTimeout(timer)
  return isSettled
}

/** Time for closing what was opened before a failed build. */
const UNDO_MS = 1000

/** Calls `build`. If that fails, closes `opened` and rejects with the same error. */
export async function builtOrClosed<T>(
  opened: { close(): Promise<unknown> },
  build: () => Promise<T>,
): Promise<T> {
  try {
    return await build()
  } catch (error) {
    await settledWithin(UNDO_MS, opened.close())
    throw error
  }
}
