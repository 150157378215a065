// What all commands do alike: read their options, print their help, name what is wrong, and choose the exit code.
// Promise: what is wrong goes to standard error, a line for each problem, and never as a stack.

import type { Writable } from 'node:stream'
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { EXIT_DONE, tellProblems } from '../app/exit.ts'
import { errorWords } from '../errors.ts'

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
  commandLine: CommandLine<O>,
  args: string[],
  run: (given: Given<O>) => Promise<number>,
  { stdout, stderr }: Outputs = process,
): Promise<number> {
  try {
    const given = parseLine(commandLine, args)
    // TypeScript computes the values of options only where it knows them by name.
    if ((given.values as { readonly help: boolean }).help) {
      stdout.write(commandLine.help)
      return EXIT_DONE
    }
    return await run(given as Given<O>)
  } catch (error) {
    return tellProblems(error, stderr)
  }
}

/** Throws an error of one line: what is wrong, and the command that prints the help. */
function parseLine<O extends Options>({ help, options, allowPositionals }: CommandLine<O>, args: string[]) {
  const withHelp = { ...options, help: { type: 'boolean', short: 'h', default: false } } as const
  try {
    return parseArgs({ args, allowPositionals: allowPositionals ?? false, options: withHelp })
  } catch (error) {
    // Node adds a second sentence about positional arguments to some of these errors.
    const [problem] = errorWords(error).split(/\.\s|\.$/m, 1)
    const [command] = /^kafka-sse \w+/.exec(help) ?? ['kafka-sse']
    throw new Error(`${problem}; see ${command} --help`)
  }
}
