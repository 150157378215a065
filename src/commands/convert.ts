// `kafka-sse convert`: prints the CONFIG_FILE that does what a configuration of Zilla does. What it cannot convert goes
// to standard error, a line each, with the line of the configuration and what to do.

import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import { EXIT_DONE, EXIT_FAILED } from '../app/exit.ts'
import { fileFailure } from '../config/config-error.ts'
import { readTextFile, TEXT_BYTES_MAX } from '../config/text-file.ts'
import { errorWords } from '../errors.ts'
import { printable, printableLine } from '../text/printable.ts'
import { type Conversion, convertZilla } from '../zilla/conversion.ts'
import { type Outputs, runCommand } from './command-line.ts'

const HELP = `kafka-sse convert FILE

Converts a configuration of Zilla (zilla.yaml) and prints it as a CONFIG_FILE in JSON:

  kafka-sse convert zilla.yaml > streams.json

Standard error has a line for each line of FILE that is not in the CONFIG_FILE, and what to do about it. A stream that
would give its clients other records than Zilla does, or records to other clients, is left out; the exit code is 1 then.
docs/from-zilla.md says more. FILE may have 1 MiB at most; - is standard input.
`

export async function convert(
  args: string[],
  _env?: NodeJS.ProcessEnv,
  outputs: Outputs = process,
  stdin: Readable = process.stdin,
): Promise<number> {
  const commandLine = { help: HELP, options: {}, allowPositionals: true }
  return runCommand(
    commandLine,
    args,
    async ({ positionals: [path, second] }) => {
      if (path === undefined || second !== undefined)
        throw new Error('one file is converted at a time; see kafka-sse convert --help')
      const file = path === '-' ? 'standard input' : path
      return convertText(file, await readText(path, file, stdin), outputs)
    },
    outputs,
  )
}

/** `file`: its name in words. */
function convertText(file: string, text: string, { stdout, stderr }: Outputs): number {
  const { config, notes, streamsLeftOut, missing } = conversionOf(file, text)
  for (const { line, words } of notes)
    stderr.write(`${printableLine(`${basename(file)}:${line}: ${words}`)}\n`)
  if (config.streams.length === 0) {
    const why = missing === null ? '' : `: ${missing}`
    throw new Error(`${file}: no stream over SSE could be converted${why}`)
  }
  stdout.write(`${printable(JSON.stringify(config, null, 2))}\n`)
  if (streamsLeftOut === 0) return EXIT_DONE
  stderr.write(`kafka-sse: of ${file} not every stream is converted\n`)
  return EXIT_FAILED
}

async function readText(path: string, file: string, stdin: Readable): Promise<string> {
  try {
    return path === '-' ? await readInput(stdin) : readTextFile(path)
  } catch (error) {
    throw new Error(`cannot read ${file}: ${fileFailure(error)}`)
  }
}

/** As `readTextFile`. It reads no further than the limit, because an input may have no end. */
async function readInput(stdin: Readable): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stdin) {
    bytes += chunks[chunks.push(Buffer.from(chunk)) - 1]?.length ?? 0
    if (bytes > TEXT_BYTES_MAX) throw new Error(`it is larger than ${TEXT_BYTES_MAX} bytes`)
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/^\uFEFF/, '')
}

function conversionOf(file: string, text: string): Conversion {
  try {
    return convertZilla(text)
  } catch (error) {
    throw new Error(`${file}: ${errorWords(error)}`)
  }
}
