// How a process ends: the exit codes, the lines that name its problems, and the exit itself. Promise: problems go to
// standard error, a line for each, and never as a stack.

import type { Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { ConfigError } from '../config/config-error.ts'
import { errorCode, errorWords } from '../errors.ts'
import { printable } from '../text/printable.ts'
import { flushLog } from './log-destination.ts'
import { settledWithin } from './time-limit.ts'

/** The command did what it was asked for, help included, or was stopped. */
export const EXIT_DONE = 0
/** The command's arguments or settings are wrong, or it cannot start or go on. */
export const EXIT_FAILED = 1

/** Those that a serving process handles. */
export const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** Time for flushing outputs, which may have no reader. */
const FLUSH_MS = 500

/**
 * Names each problem on a line of its own, by its first line: the reader changes a setting, not the source. It may
 * quote a broker or a server, so nothing in it acts on the terminal.
 */
export function tellProblems(error: unknown, stderr: Writable = process.stderr): typeof EXIT_FAILED {
  for (const problem of problemsOf(error))
    stderr.write(`kafka-sse: ${printable(problem.split('\n', 1)[0] ?? '')}\n`)
  return EXIT_FAILED
}

/** Whether this says what the installation lacks. The second line of it says what to run. */
export function isInstallationFault(error: unknown): boolean {
  return errorCode(error) === 'FKS_NATIVE_PART_MISSING'
}

/** Whether a write failed because nothing reads any more, such as `head` that has its lines. */
export function isClosedPipe(error: unknown): boolean {
  const code = errorCode(error)
  return code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED'
}

/**
 * Keeps this process from ending with a stack when an output cannot be written. A closed pipe is no failure: what is
 * written later is lost. Anything else is told, unless the command does it, and the process ends with EXIT_FAILED.
 */
export function outliveOutputs(): void {
  for (const output of [process.stdout, process.stderr]) {
    output.on('error', (error) => {
      if (isClosedPipe(error) || output.listenerCount('error') > 1) return
      process.once('exit', () => {
        process.exitCode = EXIT_FAILED
      })
      tellProblems(new Error(`the output cannot be written: ${errorWords(error)}`))
    })
  }
}

function problemsOf(error: unknown): readonly string[] {
  if (error instanceof ConfigError) return error.problems
  return isInstallationFault(error) ? errorWords(error).split('\n') : [errorWords(error)]
}

/** What `exit` looks at. */
export interface Haste {
  /** The signal that asked the process to end now; null: none did. */
  readonly hurry: NodeJS.Signals | null
}

/**
 * Ends this process once its output is flushed. Handles that are still open do not matter, but Node waits for DNS if a
 * name is being looked up. Then a signal ends the process at once, and so does one that has asked for it before.
 */
export async function exit(code: number, haste: Haste = { hurry: null }): Promise<never> {
  await flushOutputs()
  if (isLookingUp()) {
    // Node notes a signal when it comes, tells it in its next poll for events, and forgets it without listeners. There
    // is a poll between two turns.
    await turn()
    await turn()
    // Without listeners a signal does what it does to any process.
    for (const name of STOP_SIGNALS) process.removeAllListeners(name)
    if (haste.hurry !== null) process.kill(process.pid, haste.hurry)
  }
  process.exit(code)
}

/** Also the lines of the log that wait for others. */
export async function flushOutputs(): Promise<void> {
  flushLog()
  const outputs = [process.stdout, process.stderr]
  const flushed = outputs.map((output) => new Promise((resolve) => output.write('', resolve)))
  await settledWithin(FLUSH_MS, Promise.all(flushed))
}

/** Whether a name is being looked up, which holds a thread of libuv for as long as DNS is silent. */
export function isLookingUp(): boolean {
  return process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap')
}
