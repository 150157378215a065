// Divides the reading of a large snapshot into tasks, so that a page can paint between them: what has arrived is
// otherwise read in one task, however much it is.

/** Half of a frame at 60 in a second. */
const TASK_MS = 8

export class Tasks {
  #sinceMs = performance.now()

  /** Resolves in the next task, if this one lasts long. A hidden page and Node have nothing to paint. */
  pause(): Promise<void> | undefined {
    if (typeof document === 'undefined' || document.visibilityState === 'hidden') return undefined
    if (performance.now() - this.#sinceMs < TASK_MS) return undefined
    return new Promise((resolve) => {
      setTimeout(() => {
        this.#sinceMs = performance.now()
        resolve()
      })
    })
  }
}
