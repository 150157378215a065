// A wait that ends early when there is news, and at once when its owner closes. It uses a timer of its own, because
// `wake` shortens it.

/** News may come a hundred times a second. No wait is shorter than this, so that retries keep their distance. */
const WAIT_MIN_MS = 500

export class Pause {
  private readonly closing: AbortSignal
  private timer: NodeJS.Timeout | undefined
  /** Ends the wait under way; null while there is none. */
  private end: (() => void) | null = null
  /** News came while nothing waited: the next wait is short. */
  private woken = false
  private isCut = false
  private earliestEndMs = 0

  constructor(closing: AbortSignal) {
    this.closing = closing
  }

  /** Resolves after `ms`, soon after `wake()`, or at once when closed. One wait at a time. */
  async wait(ms: number): Promise<void> {
    if (this.closing.aborted) return
    this.earliestEndMs = performance.now() + WAIT_MIN_MS
    await new Promise<void>((resolve) => {
      this.end = resolve
      this.timer = setTimeout(resolve, ms)
      this.closing.addEventListener('abort', this.close)
      if (this.isCut) resolve()
      else if (this.woken) this.wake()
    })
    this.closing.removeEventListener('abort', this.close)
    clearTimeout(this.timer)
    this.end = null
    this.woken = false
    this.isCut = false
  }

  /** Ends the present wait, or the next one, at once. For rare news from this process, such as a bus that is added. */
  cut(): void {
    this.isCut = true
    this.end?.()
  }

  /** Clears `cut`, because its news is being handled: the next wait may be long. */
  clearCut(): void {
    this.isCut = false
  }

  private readonly close = (): void => this.end?.()

  wake(): void {
    this.woken = true
    if (this.end === null) return
    clearTimeout(this.timer)
    this.timer = setTimeout(this.end, Math.max(0, this.earliestEndMs - performance.now()))
  }
}

/** `ms`, up to a fifth more or less, so that many processes do not ask in step. `random` is 0 to 1. */
export function jittered(ms: number, random: number): number {
  return ms * (0.8 + 0.4 * random)
}

/** Repeats a question, with waits between, until its answer is not null. Rejects if `signal` aborts. */
export async function untilAnswered<T>(
  question: () => Promise<T | null>,
  signal: AbortSignal,
  waitMs: () => number,
): Promise<T> {
  const pause = new Pause(signal)
  for (;;) {
    const answer = await question()
    signal.throwIfAborted()
    if (answer !== null) return answer
    await pause.wait(waitMs())
  }
}
