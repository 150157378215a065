// The arguments of `kafka-sse tail`: its help, and what it connects with. Promise: no error quotes a token, a header's
// value or the command that prints tokens.

import { exec } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { type ParseArgsConfig, promisify } from 'node:util'
import type { ConnectOptions } from 'kafka-sse-client'
import { parseSince } from '../../routes/since.ts'
import { isHere } from '../check/reachable-address.ts'
import { LOCAL_STREAM_URL } from '../config/server-settings.ts'
import { CA_FILE, DEMO_TOKEN_SECONDS, PRIVATE_KEY_FILE } from '../demo/identity.ts'
import { mintDemoToken } from '../demo/token.ts'
import { errorCode } from '../errors.ts'
import { SYSTEM_CLOCK } from '../stream/clock.ts'
import { quoted } from '../text/quoted.ts'
import { type Given, nameAndValue } from './command-line.ts'
import { readAuthorities, readToken, requestHeaders, streamUrl, TOKEN_IN_PS } from './stream-target.ts'
import { fetchTrusting } from './trusting-fetch.ts'

const HELP = `kafka-sse tail [URL] [options]

Prints the events of a stream. Default of URL: ${LOCAL_STREAM_URL}
https:// may be left out, and so may the path, which is that of the default.

  --token TOKEN           use this token until it expires (default $KAFKA_SSE_TOKEN);
                          ${TOKEN_IN_PS}
  --token-file FILE       the same from a file; - is standard input
  --token-command COMMAND run this command for each token; it prints a fresh one
                          (default for servers on this machine: tokens made with ./${PRIVATE_KEY_FILE})
  -H, --request-header 'NAME: VALUE'
                          send this header; may be repeated. Authorization or Cookie stand in for a token
  --ca FILE               trust this authority (default for servers on this machine: ./${CA_FILE})
  -k, --insecure          trust any certificate: anyone on the way can read the token
  -n, --count COUNT       end after so many records
  -e, --until-ready       end once everything that the topic held has been printed
  --last-event-id ID      resume after this event
  --from earliest|latest  where to start without an id
  --since TIME            start with records from then on: ISO 8601, epoch ms,
                          or how long ago: 90s, 10m, 2h, 7d
  --key KEY               only records with this key; repeat it for several keys
  --header NAME=VALUE     only records with this header; may be repeated
  --field POINTER=VALUE   only records with this field, such as /tenant=7; may be repeated
  --json                  print a line of JSON for each event: id, event, data
`
const OPTIONS = {
  token: { type: 'string' },
  'token-file': { type: 'string' },
  'token-command': { type: 'string' },
  'request-header': { type: 'string', short: 'H', multiple: true, default: [] },
  ca: { type: 'string' },
  insecure: { type: 'boolean', short: 'k', default: false },
  count: { type: 'string', short: 'n' },
  'until-ready': { type: 'boolean', short: 'e', default: false },
  'last-event-id': { type: 'string' },
  from: { type: 'string' },
  since: { type: 'string' },
  key: { type: 'string', multiple: true, default: [] },
  header: { type: 'string', multiple: true, default: [] },
  field: { type: 'string', multiple: true, default: [] },
  json: { type: 'boolean', default: false },
} satisfies ParseArgsConfig['options']

export const TAIL_LINE = { help: HELP, options: OPTIONS, allowPositionals: true }
const UNVERIFIED = 'insecure: the certificate is not verified, so anyone on the way can read the token'
const CLEARTEXT = 'http: the connection has no TLS, so anyone on the way can read the token'
const EPOCH_SECONDS = /^\d{9,10}$/
const SECONDS = 'is in 1970, so everything comes: epoch ms have three more digits'
const TOKEN_COMMAND_TIMEOUT_MS = 30_000
const TOKEN_BYTES_MAX = 65_536

export interface TailArguments {
  readonly url: URL
  readonly json: boolean
  /** When to end: after so many records, and at the first `ready`. */
  readonly countMax: number
  readonly untilReady: boolean
  /** What to say before the stream is opened. */
  readonly warnings: readonly string[]
  readonly options: ConnectOptions
}

interface Surroundings {
  readonly stdin: Readable
  readonly folder: string
  /** Ends the reading of a token, which may have no end. */
  readonly signal: AbortSignal
}

/** Rejects with an error of one line for invalid arguments. The error never quotes a token. */
export async function readTailArguments(
  { values, positionals }: Given<typeof OPTIONS>,
  env: NodeJS.ProcessEnv,
  { stdin, folder, signal }: Surroundings,
): Promise<TailArguments> {
  if (positionals.length > 1) throw new Error('tail takes one URL')
  const url = withQuery(streamUrl(positionals[0] ?? LOCAL_STREAM_URL), values)
  const { insecure } = values
  if (insecure && values.ca !== undefined) throw new Error('--insecure and --ca: keep one of them')
  const authorities = insecure ? null : readAuthorities(url, values.ca, folder)
  const headers = requestHeaders('-H', values['request-header'])
  const countMax = countOf(values.count)
  const isTold = headers.authorization !== undefined || headers.cookie !== undefined
  const command = values['token-command']
  if (command !== undefined && (values.token ?? values['token-file']) !== undefined)
    throw new Error('--token-command, --token and --token-file: keep one of them')
  const token = await readToken(values, isTold || command !== undefined ? {} : env, stdin, signal)
  const getToken = tokenMaker({ url, command, token, isTold, folder })
  const options: ConnectOptions = {
    ...(getToken !== null && { getToken }),
    headers,
    fetch: fetchTrusting(authorities, insecure),
    lastEventId: values['last-event-id'] ?? '',
  }
  return {
    url,
    json: values.json,
    countMax,
    untilReady: values['until-ready'],
    warnings: [
      ...(url.protocol === 'http:' && !isHere(url) ? [CLEARTEXT] : []),
      ...(insecure && url.protocol === 'https:' ? [UNVERIFIED] : []),
      ...(EPOCH_SECONDS.test(values.since ?? '') ? [`--since ${values.since} ${SECONDS}`] : []),
    ],
    options,
  }
}

function countOf(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY
  if (text === '0') throw new Error('--count 0 prints nothing; --from latest prints what comes from now on')
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new Error(`--count ${text} is not a number of records`)
  return Number(text)
}

/** Parameters of the query by which the client chooses records: docs/protocol.md, "Which records a stream gets". */
function choiceOf({ key, header, field }: Given<typeof OPTIONS>['values']): [string, string][] {
  const named = (option: string, room: string, texts: readonly string[]) =>
    texts.map((text): [string, string] => {
      const [name, value] = nameAndValue(option, text)
      return [`${room}.${name}`, value]
    })
  return [
    ...key.map((text): [string, string] => ['key', text]),
    ...named('--header', 'headers', header),
    ...named('--field', 'fields', field),
  ]
}

function withQuery(url: URL, values: Given<typeof OPTIONS>['values']): URL {
  const { from, since } = values
  for (const [name, value] of choiceOf(values)) url.searchParams.append(name, value)
  if (from !== undefined && from !== 'earliest' && from !== 'latest')
    throw new Error('--from takes earliest or latest')
  if (from !== undefined && since !== undefined) throw new Error('--from and --since: keep one of them')
  if (from !== undefined) url.searchParams.set('from', from)
  if (since !== undefined) url.searchParams.set('since', sinceOf(since, SYSTEM_CLOCK.epochMs()))
  return url
}

/** Milliseconds of each unit of `--since 10m`. */
const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** As the parameter `since` takes it. A length of time counts from now, once, so that a resumed stream has no other. */
function sinceOf(text: string, epochMs: number): string {
  const [, amount, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  if (amount !== undefined) return String(Math.max(0, epochMs - Number(amount) * (UNIT_MS[unit] ?? 0)))
  if (parseSince(text) !== null) return text
  throw new Error(
    `--since is ISO 8601, epoch ms or a length such as 10m, for example 2026-11-28T12:00Z, not ${quoted(text)}`,
  )
}

interface TokenWays {
  readonly url: URL
  readonly command: string | undefined
  readonly token: string | null
  /** Headers say who asks. */
  readonly isTold: boolean
  readonly folder: string
}

/** null: the headers say who asks. */
function tokenMaker({
  url,
  command,
  token,
  isTold,
  folder,
}: TokenWays): NonNullable<ConnectOptions['getToken']> | null {
  if (command !== undefined) return ({ signal }) => runForToken(command, signal)
  if (token !== null) return () => token
  if (isTold) return null
  if (isHere(url) && existsSync(join(folder, PRIVATE_KEY_FILE))) {
    return () => mintDemoToken({ folder, expiresInSeconds: DEMO_TOKEN_SECONDS })
  }
  throw new Error(
    'tail needs --token-file, --token-command or KAFKA_SSE_TOKEN (there is no demo in this folder for that URL)',
  )
}

async function runForToken(command: string, signal: AbortSignal): Promise<string> {
  try {
    const limits = { signal, timeout: TOKEN_COMMAND_TIMEOUT_MS, maxBuffer: TOKEN_BYTES_MAX }
    const { stdout } = await promisify(exec)(command, limits)
    return stdout.trim()
  } catch (error) {
    // The error of exec quotes the command, which may contain a password.
    throw new Error(`the token command failed (${errorCode(error) ?? 'unknown'})`)
  }
}
