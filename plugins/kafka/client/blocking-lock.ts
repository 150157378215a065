// What keeps our calls from blocking more than one thread of libuv's pool, which has four for everything that a process does:
// a question that waits for a broker, and a read that waits for a record, hold the gate for as long. There is one for a process.

/** A reader that was refused asks again every few milliseconds: one that has not for so long has something else to do. */
const TURN_KEPT_MS = 100

export class BlockingLock {
  private readonly nowMs: () => number
  private isHeld = false
  /** At most a few for each topic: whoever asks waits for the answer. */
  private readonly questions: (() => void)[] = []
  /** Readers that were refused, the one that has waited longest first, and when they last asked. */
  private readonly refused = new Map<object, number>()

  /** `nowMs`: only differences count. */
  constructor(nowMs: () => number) {
    this.nowMs = nowMs
  }

  /** Puts a question when nothing else blocks; questions come before reads, in the order in which they were asked. */
  async ask<T>(question: () => Promise<T>): Promise<T> {
    if (this.isHeld) await new Promise<void>((resolve) => this.questions.push(resolve))
    this.isHeld = true
    try {
      return await question()
    } finally {
      this.release()
    }
  }

  /**
   * Whether this reader may wait for a record; if so, it calls `leave` afterwards. If not, it polls: records go on coming
   * while a broker is silent. Readers that were refused come in turn.
   */
  tryAcquire(reader: object): boolean {
    const nowMs = this.nowMs()
    this.refused.set(reader, nowMs)
    if (this.isHeld || this.first(nowMs) !== reader) return false
    this.refused.delete(reader)
    this.isHeld = true
    return true
  }

  /** Hands the gate on. */
  release(): void {
    const next = this.questions.shift()
    if (next === undefined) this.isHeld = false
    else next()
  }

  private first(nowMs: number): object | undefined {
    for (const [reader, askedMs] of this.refused) {
      if (nowMs - askedMs <= TURN_KEPT_MS) return reader
      this.refused.delete(reader)
    }
    return undefined
  }
}

/** The process's. */
export const processLock = new BlockingLock(() => performance.now())
