// Calls the caller's handlers. An error in a handler goes to the caller's runtime, and never ends the connection.

/**
 * Resolves when the handler has: never rejects. Its error is thrown in a microtask of its own: `uncaughtException` in
 * Node, `window.onerror` in browsers.
 */
export async function tell<T>(
  handler: ((value: T) => void | Promise<void>) | undefined,
  value: T,
): Promise<void> {
  try {
    await handler?.(value)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
