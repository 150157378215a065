// How much CPU time of its own thread a turn takes. Other work on the machine does not count.

import { openSync, readSync } from 'node:fs'

/** Room for the file's three numbers. */
const LINE = Buffer.alloc(64)
const file = openOwn()

/** CPU time of this thread, in ms; the clock's time if the system does not report it. */
export function cpuMs() {
  if (file === null) return performance.now()
  process.cpuUsage() // makes the kernel update its count, which is up to 4 ms old otherwise
  return Number.parseInt(LINE.latin1Slice(0, readSync(file, LINE, 0, LINE.length, 0)), 10) / 1e6
}

/** Opened once, because opening takes longer than reading. */
function openOwn() {
  try {
    return openSync('/proc/thread-self/schedstat')
  } catch {
    return null
  }
}

/** Keeps the longest turn of those that it runs. */
export class Turns {
  longestTurnMs = 0
  turns = 0

  /** Runs one turn and returns what it returns. */
  take(turn) {
    const before = cpuMs()
    const result = turn()
    this.longestTurnMs = Math.max(this.longestTurnMs, cpuMs() - before)
    this.turns++
    return result
  }
}

/** Runs scenarios against a folder of compiled code and prints a table. */
export async function printScenarios(scenarios, dist) {
  process.stdout.write('| scenario | longest turn, CPU ms | |\n|---|---|---|\n')
  for (const { name, run } of scenarios) {
    const { longestTurnMs, details = '' } = await run(dist)
    process.stdout.write(`| ${name} | ${longestTurnMs.toFixed(2)} | ${details} |\n`)
  }
}
