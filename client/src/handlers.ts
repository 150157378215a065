// Calls the caller's handlers. An error in a handler goes to the caller's runtime, and never ends the connection.

export function tell<T>(handler: ((value: T) => void) | undefined, value: T): void {
  try {
    handler?.(value)
  } catch (error) {
    throwOutside(error)
  }
}

/** Throws in a microtask of its own: `uncaughtException` in Node, `window.onerror` in browsers. */
export function throwOutside(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}
