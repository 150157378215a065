// What tells a serving process to stop: kept until it is asked for, from the first moment on, so that one that comes
// during the start is not lost. SIGHUP stops nothing: it comes when a terminal goes away, too.

export interface StopSignals {
  /** The next one that has not been taken, or that comes. */
  next(): Promise<NodeJS.Signals>
  /** Called for each SIGHUP; null: it is passed over. */
  onHangup: (() => void) | null
}

/** A first one stops, a second one stops at once: a third has nothing to say. */
const KEPT_MAX = 2

export class SignalQueue implements StopSignals {
  onHangup: (() => void) | null = null
  /** Called for the first signal if it comes before anything has asked for one. */
  onEarly: (() => void) | null = null
  private readonly kept: NodeJS.Signals[] = []
  private readonly waiting: ((signal: NodeJS.Signals) => void)[] = []

  push(signal: NodeJS.Signals): void {
    if (signal === 'SIGHUP') this.onHangup?.()
    else if (this.waiting.length > 0) this.waiting.shift()?.(signal)
    else if (this.kept.length < KEPT_MAX) this.kept.push(signal)
    if (this.kept.length > 0) this.onEarly?.()
  }

  next(): Promise<NodeJS.Signals> {
    this.onEarly = null
    const kept = this.kept.shift()
    return kept === undefined ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve(kept)
  }
}

/** Those that the operating system sends to this process, which end it from now on only by way of the queue. */
export function processSignals(): SignalQueue {
  const queue = new SignalQueue()
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => queue.push(name))
  surviveLostOutputs()
  return queue
}

/** A terminal that was closed takes no more words: that they are lost is all that comes of it. */
export function surviveLostOutputs(): void {
  for (const output of [process.stdout, process.stderr]) output.on('error', () => {})
}
