// A lock for blocking calls: a question that waits for a broker, or a read that waits for a record. Promise: one such
// call runs at a time. So our calls hold at most one of the four threads of libuv's pool, which the process shares.

/** A refused reader tries again every few milliseconds. A reader that has not tried for this long loses its turn. */
const TURN_KEPT_MS = 100

/** What a consumer needs of it. */
export type ConsumerLock = Pick<BlockingLock, 'ask' | 'tryAcquire' | 'release' | 'forget'>

export class BlockingLock {
  /**
   * The same for a reader that never waits for a record, and so takes no turn from those that do. It polls: of two
   * readers that take turns, each learns of half of its records some 2 ms later.
   */
  readonly withoutWaits: ConsumerLock = {
    ask: (question) => this.ask(question),
    tryAcquire: () => false,
    release: () => {},
    forget: () => {},
  }
  private readonly nowMs: () => number
  private isHeld = false
  /** At most a few for each topic, since each caller waits for its answer. */
  private readonly questions: (() => void)[] = []
  /** When each refused reader last tried. The reader that has waited longest comes first. */
  private readonly refused = new Map<object, number>()

  /** `nowMs`: only differences count. */
  constructor(nowMs: () => number) {
    this.nowMs = nowMs
  }

  /** Asks the question once nothing else blocks. Questions come before reads, in the order in which they were asked. */
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
   * Whether this reader may wait for a record; if so, it calls `release` afterwards. If not, it polls, so that records
   * go on coming while a broker is silent. Refused readers take turns.
   */
  tryAcquire(reader: object): boolean {
    const nowMs = this.nowMs()
    this.refused.set(reader, nowMs)
    if (this.isHeld || this.first(nowMs) !== reader) return false
    this.refused.delete(reader)
    this.isHeld = true
    return true
  }

  /** Hands the lock to the next question, or frees it. */
  release(): void {
    const next = this.questions.shift()
    if (next === undefined) this.isHeld = false
    else next()
  }

  /** This reader has closed. The lock outlives it, and would keep all that refers to it. */
  forget(reader: object): void {
    this.refused.delete(reader)
  }

  private first(nowMs: number): object | undefined {
    for (const [reader, askedMs] of this.refused) {
      if (nowMs - askedMs <= TURN_KEPT_MS) return reader
      this.refused.delete(reader)
    }
    return undefined
  }
}

/** The one lock of the process. */
export const processLock = new BlockingLock(() => performance.now())
