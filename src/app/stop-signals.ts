// The signals that stop a serving process. Each is kept until it is taken, so that a signal during the start is not
// lost. SIGHUP does not stop the process: it has the settings read again.

import { type Haste, STOP_SIGNALS } from './exit.ts'

export interface StopSignals {
  /** The oldest signal that was not taken, or the next one that comes. */
  next(): Promise<NodeJS.Signals>
  /** Called for each SIGHUP; null: SIGHUP is ignored. */
  onHangup: (() => void) | null
}

/** The first signal drains, the second stops at once; more have no meaning. */
const KEPT_MAX = 2

export class SignalQueue implements StopSignals, Haste {
  onHangup: (() => void) | null = null
  /** Called for a signal that comes before the first `next()`. */
  onEarly: (() => void) | null = null
  /** Whether any signal that stops has come. */
  hasCome = false
  /** The second one. */
  hurry: NodeJS.Signals | null = null
  private readonly kept: NodeJS.Signals[] = []
  private readonly waiting: ((signal: NodeJS.Signals) => void)[] = []

  push(signal: NodeJS.Signals): void {
    if (signal === 'SIGHUP') {
      this.onHangup?.()
      return
    }
    if (this.hasCome) this.hurry ??= signal
    this.hasCome = true
    if (this.waiting.length > 0) this.waiting.shift()?.(signal)
    else if (this.kept.length < KEPT_MAX) this.kept.push(signal)
    if (this.kept.length > 0) this.onEarly?.()
  }

  next(): Promise<NodeJS.Signals> {
    this.onEarly = null
    const kept = this.kept.shift()
    return kept === undefined ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve(kept)
  }
}

/** This process's signals. From now on they no longer end it by themselves. */
export function processSignals(): SignalQueue {
  const queue = new SignalQueue()
  for (const name of STOP_SIGNALS) process.on(name, () => queue.push(name))
  surviveLostOutputs()
  if (process.env.npm_lifecycle_event !== undefined) stopWithoutParent(queue)
  return queue
}

/** How often it is looked whether the parent is there: one system call. */
const PARENT_MS = 250

/**
 * npm, npx and their like run a command in a shell, and pass SIGTERM to that shell alone. It ends without a word to the
 * command, which would then go on with its ports and without anyone to stop it. A script that ends on purpose, as with
 * `nohup … &`, has done so before this looks for the first time.
 */
function stopWithoutParent(queue: SignalQueue): void {
  const parent = process.ppid
  const looking = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(looking)
    // After Ctrl-C the shell is gone, too, and a second signal would end the drain.
    if (!queue.hasCome) queue.push('SIGTERM')
  }, PARENT_MS).unref()
}

/** Output to a terminal that was closed is lost, and nothing else happens. */
export function surviveLostOutputs(): void {
  for (const output of [process.stdout, process.stderr]) output.on('error', () => {})
}
