// The lock that the leading tab holds. When that tab is closed or crashes, the browser gives it to the next one.

export interface LeaderLockParts {
  readonly name: string
  readonly elected: () => void
  /** Another tab has taken it. */
  readonly deposed: () => void
  /** The browser forbids it. */
  readonly refused: () => void
}

export class LeaderLock {
  readonly #parts: LeaderLockParts
  /** Ends the present request, or gives the lock back. */
  #turn = new AbortController()

  constructor(parts: LeaderLockParts) {
    this.#parts = parts
  }

  /** Replaces a request that waits. `steal`: takes it at once from a tab that has it. */
  stand(steal: boolean): void {
    this.resign()
    const turn = new AbortController()
    this.#turn = turn
    let isHeld = false
    const hold = async (): Promise<void> => {
      if (turn.signal.aborted) return
      isHeld = true
      this.#parts.elected()
      // A handler of the caller's may have closed the stream meanwhile.
      if (turn.signal.aborted) return
      await new Promise<void>((resolve) => turn.signal.addEventListener('abort', () => resolve()))
    }
    // A request that steals cannot have a signal.
    const options = steal ? { steal } : { signal: turn.signal }
    navigator.locks.request(this.#parts.name, options, hold).catch(() => {
      if (turn.signal.aborted) return
      if (isHeld) this.#parts.deposed()
      else this.#parts.refused()
    })
  }

  resign(): void {
    this.#turn.abort()
  }
}
