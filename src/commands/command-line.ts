// The part that all commands have in common: parses arguments, prints help, reports errors, and chooses the exit code.
// Promise: errors go to standard error, a line for each problem, and never as a stack.

import type { Writable } from 'node:stream'
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { EXIT_DONE, tellProblems } from '../app/exit.ts'
import { errorWords } from '../errors.ts'

type Options = NonNullable<ParseArgsConfig['options']>

export interface CommandLine<O extends Options> {
  /** The text for --help. Its first line is the usage: the command with its arguments. */
  readonly help: string
  readonly options: O
  /** Whether it takes arguments that are not options. The command checks how many. Default: false. */
  readonly allowPositionals?: boolean
}

/** The parsed command line. */
export type Given<O extends Options> = Pick<
  ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>>,
  'values' | 'positionals'
>

/** Where a command writes: the outputs of the process, or those of a test. */
export interface Outputs {
  readonly stdout: Writable
  readonly stderr: Writable
}

/** Runs a command and resolves with its exit code. An error of `run` goes to standard error: EXIT_FAILED. */
export async function runCommand<O extends Options>(
  commandLine: CommandLine<O>,
  args: string[],
  run: (given: Given<O>) => Promise<number>,
  { stdout, stderr }: Outputs = process,
): Promise<number> {
  try {
    const given = parseLine(commandLine, asksForHelp(commandLine, args) ? ['--help'] : args)
    // TypeScript cannot type `values` for generic options.
    if ((given.values as { readonly help: boolean }).help) {
      stdout.write(commandLine.help)
      return EXIT_DONE
    }
    return await run(given as Given<O>)
  } catch (error) {
    return tellProblems(error, stderr)
  }
}

/** A command without options prints its help even if other arguments are wrong: none can have it as a value. */
function asksForHelp({ options }: CommandLine<Options>, args: readonly string[]): boolean {
  return Object.keys(options).length === 0 && args.some(isHelp)
}

export function isHelp(arg: string): boolean {
  return arg === '--help' || arg === '-h'
}

/** What an option of the form NAME=VALUE says. The name ends at the first `=`; the value may be empty. */
export function nameAndValue(option: string, text: string): [name: string, value: string] {
  const at = text.indexOf('=')
  if (at < 1) throw new Error(`${option} ${text} is not NAME=VALUE`)
  return [text.slice(0, at), text.slice(at + 1)]
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
