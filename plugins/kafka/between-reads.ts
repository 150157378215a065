// What has to wait until no read is under way: records that a read has already fetched come after it was begun, and none of
// a partition may come once it was given up.

interface Waiting {
  readonly run: () => void
  readonly drop: (reason: unknown) => void
}

export class BetweenReads {
  /** A look waits for its own; a topic made anew adds one more. So they are as few as topics. */
  private waiting: Waiting[] = []
  private closed: { reason: unknown } | null = null

  /** Resolves when `action` has run; rejects as it throws, or when reading is over before. */
  do(action: () => void): Promise<void> {
    if (this.closed !== null) return Promise.reject(this.closed.reason)
    return new Promise((resolve, reject) => {
      const run = () => {
        try {
          resolve(action())
        } catch (error) {
          reject(error)
        }
      }
      this.waiting.push({ run, drop: reject })
    })
  }

  /** Runs what waits: to be called while no read is under way. */
  run(): void {
    const { waiting } = this
    if (waiting.length === 0) return
    this.waiting = []
    for (const { run } of waiting) run()
  }

  close(reason: unknown): void {
    this.closed = { reason }
    for (const { drop } of this.waiting) drop(reason)
    this.waiting = []
  }
}
