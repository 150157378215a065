// Cuts long work into short turns: yields to the event loop once the work has taken its time slice.

const SLICE_MS = 4

export class TimeSlice {
  private readonly nowMs: () => number
  private begunAtMs: number

  constructor(nowMs: () => number) {
    this.nowMs = nowMs
    this.begunAtMs = nowMs()
  }

  /** Call between two pieces of work. Yields if the slice is used up, and begins another one. */
  async yieldIfUsed(): Promise<void> {
    if (this.nowMs() - this.begunAtMs < SLICE_MS) return
    await nextTurn()
    this.begunAtMs = this.nowMs()
  }
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
