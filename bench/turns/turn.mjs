// How long a turn takes of its own thread: CPU time, so that what else runs on the machine does not count.

import { readFileSync } from 'node:fs'

/** CPU time of this thread, in ms; the clock where the system does not tell it. */
export function cpuMs() {
  process.cpuUsage() // the kernel brings its count up to now; what it shows by itself is up to 4 ms old
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]) / 1e6
  } catch {
    return performance.now()
  }
}

/** Remembers the longest of the turns that it is given. */
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
