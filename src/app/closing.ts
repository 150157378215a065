// Ends that wait for others, and no longer than they say: a library that never lets go must not keep a process.

/** Resolves when `work` has settled, whatever came of it, or after that time; true where it had settled. */
export async function settledWithin(timeMs: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, timeMs, false)
  })
  const settled = work.then(
    () => true,
    () => true, // why it could not be closed helps nobody who is leaving
  )
  const isSettled = await Promise.race([settled, late])
  clearTimeout(timer)
  return isSettled
}

/** What something that was half built may take to be closed again. */
const UNDO_MS = 1000

/** Builds; where that fails, closes what was there so far, and fails as it did. */
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
