// How a command says that it cannot go on: each problem on a line of its own, on standard error, and exit code 1.

import { ConfigError } from '../config/parse.ts'

/** Writes what went wrong, never a stack: whoever reads it is to change a setting, not the source. */
export function tellProblem(error: unknown): 1 {
  const problems = error instanceof ConfigError ? error.problems : [messageOf(error)]
  for (const problem of problems) process.stderr.write(`kafka-sse: ${problem}\n`)
  return 1
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n', 1)[0] ?? error.name) : String(error)
}
