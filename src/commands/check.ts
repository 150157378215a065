// `kafka-sse check`: says, a line each, what is right and wrong with the settings, the certificate, Kafka, the keys, a
// token and a proxy, and what to do. Promise: it changes nothing, and prints no secret and no token.

import type { Readable } from 'node:stream'
import type { ParseArgsConfig } from 'node:util'
import { EXIT_DONE, exit } from '../app/exit.ts'
import type { CheckFinding, Verdict } from '../check/check-report.ts'
import { CHECK_NAMES, type CheckName, type CheckOptions, runChecks } from '../check/checks.ts'
import { nearestName } from '../config/suggestion.ts'
import { printable, printableLine } from '../text/printable.ts'
import { quoted } from '../text/quoted.ts'
import { type Given, type Outputs, runCommand } from './command-line.ts'
import { readAuthorities, readToken, streamUrl, TOKEN_IN_PS } from './stream-target.ts'

const HELP = `kafka-sse check [options]

Checks what kafka-sse serve would run with, by the same settings, and prints a line for each finding: ok, warn or fail.
It starts no server and writes nothing.

  --token TOKEN      check this token, too (default $KAFKA_SSE_TOKEN);
                     ${TOKEN_IN_PS}
  --token-file FILE  the same from a file; - is standard input
  --url URL          open a stream at this URL, with the token, and see whether a proxy buffers it
  --ca FILE          the authority of that URL (default for servers on this machine: the demo's in this folder)
  --only NAME,...    these checks alone: ${CHECK_NAMES.join(', ')}
  --json             print a line of JSON for each finding: check, verdict, words, advice

It ends with 0 if all is ok, with 1 if there are only warnings, and with 2 if something fails.
`

const OPTIONS = {
  token: { type: 'string' },
  'token-file': { type: 'string' },
  url: { type: 'string' },
  ca: { type: 'string' },
  only: { type: 'string', multiple: true, default: [] },
  json: { type: 'boolean', default: false },
} satisfies ParseArgsConfig['options']

/** Of the process. Wrong arguments count as a failure. */
const EXIT_CODES: Readonly<Record<Verdict, number>> = { ok: EXIT_DONE, warn: 1, fail: 2 }

const VERDICT_WIDTH = 5
const CHECK_WIDTH = 14

export interface CheckTerminal extends Outputs {
  readonly stdin: Readable
  readonly folder: string
}

/** Resolves with the exit code. Without a terminal it is the process, which then ends at once. */
export async function check(
  args: string[],
  env: NodeJS.ProcessEnv,
  terminal?: CheckTerminal,
): Promise<number> {
  if (terminal !== undefined) return checkTo(terminal, args, env)
  const { stdin, stdout, stderr } = process
  const done = checkTo({ stdin, stdout, stderr, folder: process.cwd() }, args, env)
  // Nothing reads what would be found. And what was given up, such as the search for a name, may still be under way.
  const unread = new Promise<number>((resolve) => stdout.once('close', () => resolve(EXIT_CODES.fail)))
  return exit(await Promise.race([done, unread]))
}

async function checkTo(terminal: CheckTerminal, args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  let hasEnded = false
  const code = await runCommand(
    { help: HELP, options: OPTIONS },
    args,
    async ({ values }) => {
      const options = await readOptions(values, env, terminal)
      const verdict = await runChecks(options, (finding) => print(finding, values.json, terminal))
      hasEnded = true
      return EXIT_CODES[verdict]
    },
    terminal,
  )
  return hasEnded || code === EXIT_DONE ? code : EXIT_CODES.fail
}

type Values = Given<typeof OPTIONS>['values']

async function readOptions(
  values: Values,
  env: NodeJS.ProcessEnv,
  { stdin, folder }: CheckTerminal,
): Promise<CheckOptions> {
  const only = readNames(values.only)
  if (values.ca !== undefined && values.url === undefined) throw new Error('--ca is for --url')
  const token = await readToken(values, env, stdin)
  if (only.has('token') && values.only.length > 0 && token === null)
    throw new Error('--only token needs --token, --token-file or KAFKA_SSE_TOKEN')
  if (only.has('url') && values.only.length > 0 && values.url === undefined)
    throw new Error('--only url needs --url')
  const url = values.url === undefined ? null : streamUrl(values.url)
  const isHttp = url === null || /^https?:$/.test(url.protocol)
  if (!isHttp) throw new Error('--url is one of http or https')
  return {
    env,
    folder,
    only,
    token,
    url: url && { url, token, authorities: readAuthorities(url, values.ca, folder) },
  }
}

function readNames(given: readonly string[]): ReadonlySet<CheckName> {
  const names = given.flatMap((list) => list.split(',')).map((name) => name.trim())
  if (names.length === 0) return new Set(CHECK_NAMES)
  return new Set(names.map(readName))
}

function readName(name: string): CheckName {
  const found = CHECK_NAMES.find((known) => known === name)
  if (found !== undefined) return found
  const nearest = nearestName(name, CHECK_NAMES)
  const hint = nearest === null ? `there are ${CHECK_NAMES.join(', ')}` : `did you mean ${nearest}?`
  throw new Error(`--only ${quoted(name)} is not a check; ${hint}`)
}

function print(finding: CheckFinding, json: boolean, { stdout }: Outputs): void {
  const { check, verdict, words, advice } = finding
  const told = advice === null ? words : `${words}${/[.?!]$/.test(words) ? '' : '.'} ${advice}`
  const line = `${verdict.padEnd(VERDICT_WIDTH)}${check.padEnd(CHECK_WIDTH)} ${told}`
  stdout.write(`${json ? printable(JSON.stringify(finding)) : printableLine(line)}\n`)
}
