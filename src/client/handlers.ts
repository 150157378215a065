// Calls to what the caller gave: a mistake in there is its owner's to hear of, and must not be taken for a lost connection.

export function tell<T>(handler: ((value: T) => void) | undefined, value: T): void {
  try {
    handler?.(value)
  } catch (error) {
    throwOutside(error)
  }
}

/** Where nobody here catches it: `uncaughtException` in Node, `window.onerror` in browsers. */
export function throwOutside(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}
