// Long work in short turns: lets the event loop turn when the work has gone on for a few milliseconds.

const TURN_MS = 4

export class Turns {
  private readonly nowMs: () => number
  private begunAtMs: number

  constructor(nowMs: () => number) {
    this.nowMs = nowMs
    this.begunAtMs = nowMs()
  }

  /** To be called between two pieces of work. */
  async next(): Promise<void> {
    if (this.nowMs() - this.begunAtMs < TURN_MS) return
    await nextTurn()
    this.begunAtMs = this.nowMs()
  }
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
