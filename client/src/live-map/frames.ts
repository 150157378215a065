// Runs something once per animation frame, as long as it is asked for. A page that is hidden has no frames, and neither
// has Node: a timer takes their place. Promise: after `cancel` nothing runs.

/** For a page that is hidden between the request and its frame. Longer than a frame of a page that has much to do. */
const NO_FRAME_MS = 250

export class Frames {
  readonly #run: () => void
  #frame: number | null = null
  #timer: ReturnType<typeof setTimeout> | null = null

  constructor(run: () => void) {
    this.#run = run
  }

  /** Calls `run` before the next frame is painted; without frames in the next turn. */
  request(): void {
    if (this.#timer !== null) return
    const isShown = typeof document === 'undefined' || document.visibilityState !== 'hidden'
    const hasFrames = isShown && typeof requestAnimationFrame === 'function'
    const run = (): void => {
      this.cancel()
      this.#run()
    }
    this.#frame = hasFrames ? requestAnimationFrame(run) : null
    this.#timer = setTimeout(run, hasFrames ? NO_FRAME_MS : 0)
  }

  cancel(): void {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame)
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#frame = null
    this.#timer = null
  }
}
