// `kafka-sse convert`: prints the CONFIG_FILE that does what a configuration of Zilla does. What it cannot convert goes
// to standard error, a line each, with the line of the configuration and what to do.

import { basename } from 'node:path'
import { EXIT_DONE, EXIT_FAILED } from '../app/exit.ts'
import { fileFailure } from '../config/config-error.ts'
import { readTextFile } from '../config/text-file.ts'
import { errorWords } from '../errors.ts'
import { printable, printableLine } from '../http/printable.ts'
import { convertZilla } from '../zilla/conversion.ts'
import { type Outputs, runCommand } from './command-line.ts'

const HELP = `kafka-sse convert FILE

Converts a configuration of Zilla (zilla.yaml) and prints it as a CONFIG_FILE in JSON:

  kafka-sse convert zilla.yaml > streams.json

Standard error has a line for each line of FILE that is not in the CONFIG_FILE, and what to do about it. A stream that
would give its clients other records than Zilla does, or records to other clients, is left out; the exit code is 1 then.
docs/from-zilla.md says more. FILE may have 1 MiB at most.
`

export async function convert(
  args: string[],
  _env?: NodeJS.ProcessEnv,
  outputs: Outputs = process,
): Promise<number> {
  const commandLine = { help: HELP, options: {}, allowPositionals: true }
  return runCommand(commandLine, args, async ({ positionals }) => convertFile(positionals, outputs), outputs)
}

function convertFile([file, second]: readonly string[], { stdout, stderr }: Outputs): number {
  if (file === undefined || second !== undefined) {
    throw new Error('one file is converted at a time; see kafka-sse convert --help')
  }
  const { config, notes, streamsLeftOut } = conversionOf(file)
  for (const { line, words } of notes)
    stderr.write(`${printableLine(`${basename(file)}:${line}: ${words}`)}\n`)
  if (config.streams.length === 0) throw new Error(`${file}: no stream over SSE could be converted`)
  stdout.write(`${printable(JSON.stringify(config, null, 2))}\n`)
  if (streamsLeftOut === 0) return EXIT_DONE
  stderr.write(`kafka-sse: of ${file} not every stream is converted\n`)
  return EXIT_FAILED
}

function conversionOf(file: string): ReturnType<typeof convertZilla> {
  let text: string
  try {
    text = readTextFile(file)
  } catch (error) {
    throw new Error(`cannot read ${file}: ${fileFailure(error)}`)
  }
  try {
    return convertZilla(text)
  } catch (error) {
    throw new Error(`${file}: ${errorWords(error)}`)
  }
}
