// Notices that the page stops, and that it goes on. Stopped, it must not lead; and a browser drops it from its
// back-forward cache as soon as it has a connection of much data, or another tab writes to one of its channels.

/**
 * `stop`: the page is left, maybe for the back-forward cache, or its browser freezes it in the background. `goOn`: it
 * is shown again, or no longer frozen; also for a page that was not stopped. Ends when the signal aborts.
 */
export function watchPageLife(signal: AbortSignal, stop: () => void, goOn: () => void): void {
  // A page that was said to be left, and was not unloaded, gets no `pageshow`.
  const shown = (): void => {
    if (!document.hidden) goOn()
  }
  const listeners = { pagehide: stop, freeze: stop, pageshow: goOn, resume: goOn, visibilitychange: shown }
  for (const [type, listener] of Object.entries(listeners)) {
    // `freeze` and `resume` are events of the document, and do not bubble.
    globalThis.addEventListener?.(type, listener, { signal, capture: true })
  }
}
