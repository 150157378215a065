// What all commands do alike: read their options, print their help, name what is wrong, and choose the exit code.
// Promise: what is wrong goes to standard error, a line for each problem, and never as a stack.

import type { Writable } from 'node:stream'
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { ConfigError } from '../config/problems.ts'
import { errorWords } from '../errors.ts'

/** The command did what it was asked for, help included, or was stopped. */
export const EXIT_DONE = 0
/** It was asked wrongly, or cannot go on. */
export const EXIT_FAILED = 1

type Options = NonNullable<ParseArgsConfig['options']>

export interface CommandLine<O extends Options> {
  /** Printed whole for --help. Its first line is the command as it is typed. */
  readonly help: string
  readonly options: O
  /** Whether it takes arguments that are not options. How many, and which, is for the command to check. */
  readonly allowPositionals?: boolean
}

/** What was given on the command line. */
export type Given<O extends Options> = Pick<
  ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>>,
  'values' | 'positionals'
>

/** Where a command writes: the process, or what a test gives instead. */
export interface Outputs {
  readonly stdout: Writable
  readonly stderr: Writable
}

/** Runs a command; resolves with its exit code. What `run` throws goes to standard error, and the code is EXIT_FAILED. */
export async function runCommand<O extends Options>(
  { help, options, allowPositionals = false }: CommandLine<O>,
  args: string[],
  run: (given: Given<O>) => Promise<number>,
  { stdout, stderr }: Outputs = process,
): Promise<number> {
  try {
    const given = parseArgs({
      args,
      allowPositionals,
      options: { ...options, help: { type: 'boolean', short: 'h', default: false } },
    })
    // TypeScript computes the values of options only where it knows them by name.
    if ((given.values as { readonly help: boolean }).help) {
      stdout.write(help)
      return EXIT_DONE
    }
    return await run(given as Given<O>)
  } catch (error) {
    return tellProblems(error, stderr)
  }
}

/** Names each problem on a line of its own, by its first line: the reader changes a setting, not the source. */
export function tellProblems(error: unknown, stderr: Writable = process.stderr): typeof EXIT_FAILED {
  const problems = error instanceof ConfigError ? error.problems : [errorWords(error)]
  for (const problem of problems) stderr.write(`kafka-sse: ${problem.split('\n', 1)[0]}\n`)
  return EXIT_FAILED
}
