// `kafka-sse tail URL`: prints a stream's events as they come, answers challenges, and resumes after interruptions.
// Promise: only records go to standard output, as they are, or made printable if it is a terminal; reports about the
// connection go to standard error.

import { exec } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { type ParseArgsConfig, promisify } from 'node:util'
import { type ConnectOptions, connect, type StreamEvent } from 'kafka-sse-client'
import { EXIT_DONE, EXIT_FAILED } from '../app/exit.ts'
import { fileFailure } from '../config/config-error.ts'
import { LOCAL_STREAM_URL } from '../config/server-settings.ts'
import { CA_FILE, DEMO_TOKEN_SECONDS, PRIVATE_KEY_FILE } from '../demo/identity.ts'
import { mintDemoToken } from '../demo/token.ts'
import { errorCode } from '../errors.ts'
import { type Given, nameAndValue, type Outputs, runCommand } from './command-line.ts'
import { printable } from './printable.ts'
import { fetchTrusting } from './trusting-fetch.ts'

const HELP = `kafka-sse tail [URL] [options]

Prints the events of a stream. Default of URL: ${LOCAL_STREAM_URL}

  --token TOKEN           use this token until it expires (default $KAFKA_SSE_TOKEN)
  --token-command COMMAND run this command for each token; it prints a fresh one
                          (default for servers on this machine: tokens made with ./${PRIVATE_KEY_FILE})
  --ca FILE               trust this authority (default for servers on this machine: ./${CA_FILE})
  --last-event-id ID      resume after this event
  --from earliest|latest  where to start without an id
  --key KEY               only records with this key; repeat it for several keys
  --header NAME=VALUE     only records with this header; may be repeated
  --field POINTER=VALUE   only records with this field, such as /tenant=7; may be repeated
  --json                  print a line of JSON for each event: id, event, data
`
const OPTIONS = {
  token: { type: 'string' },
  'token-command': { type: 'string' },
  ca: { type: 'string' },
  'last-event-id': { type: 'string' },
  from: { type: 'string' },
  key: { type: 'string', multiple: true, default: [] },
  header: { type: 'string', multiple: true, default: [] },
  field: { type: 'string', multiple: true, default: [] },
  json: { type: 'boolean', default: false },
} satisfies ParseArgsConfig['options']
const TOKEN_COMMAND_TIMEOUT_MS = 30_000
const TOKEN_BYTES_MAX = 65_536

/** Where the command writes: the process, or a test. */
export interface Terminal extends Outputs {
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal
  /** The folder with the demo's test-ca.crt and private.pem, if any. */
  readonly folder: string
}

/** Resolves with EXIT_DONE after Ctrl-C or when its output is closed, with EXIT_FAILED after a final error. */
export async function tail(args: string[], env: NodeJS.ProcessEnv, terminal?: Terminal): Promise<number> {
  if (terminal !== undefined) return await tailTo(terminal, args, env)
  const interrupt = new AbortController()
  const stop = (): void => interrupt.abort()
  process.once('SIGINT', stop).once('SIGTERM', stop)
  const { stdout, stderr } = process
  try {
    return await tailTo({ stdout, stderr, signal: interrupt.signal, folder: process.cwd() }, args, env)
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
}

function tailTo(terminal: Terminal, args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  const line = { help: HELP, options: OPTIONS, allowPositionals: true }
  return runCommand(
    line,
    args,
    async (given) => print(readArguments(given, env, terminal.folder), terminal),
    terminal,
  )
}

interface TailArguments {
  readonly url: URL
  readonly json: boolean
  readonly options: ConnectOptions
}

/** Throws an error of one line for invalid arguments. The error never quotes a token. */
function readArguments(
  { values, positionals }: Given<typeof OPTIONS>,
  env: NodeJS.ProcessEnv,
  folder: string,
): TailArguments {
  if (positionals.length > 1) throw new Error('tail takes one URL')
  const url = streamUrl(positionals[0] ?? LOCAL_STREAM_URL, values.from, choiceOf(values))
  const authorities = readAuthorities(url, values.ca, folder)
  const options: ConnectOptions = {
    getToken: tokenMaker(url, values.token ?? env.KAFKA_SSE_TOKEN, values['token-command'], folder),
    fetch: fetchTrusting(authorities),
    lastEventId: values['last-event-id'] ?? '',
  }
  return { url, json: values.json, options }
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

function streamUrl(text: string, from: string | undefined, choice: readonly [string, string][]): URL {
  if (!URL.canParse(text)) throw new Error(`the URL cannot be read; one is ${LOCAL_STREAM_URL}`)
  const url = new URL(text)
  for (const [name, value] of choice) url.searchParams.append(name, value)
  if (from === undefined) return url
  if (from !== 'earliest' && from !== 'latest') throw new Error('--from takes earliest or latest')
  url.searchParams.set('from', from)
  return url
}

function readAuthorities(url: URL, file: string | undefined, folder: string): string | null {
  const ours = join(folder, CA_FILE)
  const path = file ?? (isHere(url) && existsSync(ours) ? ours : null)
  try {
    return path === null ? null : readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`--ca: cannot read ${path}: ${fileFailure(error)}`)
  }
}

function tokenMaker(
  url: URL,
  token: string | undefined,
  command: string | undefined,
  folder: string,
): NonNullable<ConnectOptions['getToken']> {
  if (command !== undefined) return ({ signal }) => runForToken(command, signal)
  if (token !== undefined && token !== '') return () => token
  if (isHere(url) && existsSync(join(folder, PRIVATE_KEY_FILE))) {
    return () => mintDemoToken({ folder, expiresInSeconds: DEMO_TOKEN_SECONDS })
  }
  throw new Error(
    'tail needs --token, --token-command or KAFKA_SSE_TOKEN (there is no demo in this folder for that URL)',
  )
}

/** Whether the URL is on this machine: demo keys are used for no other. */
function isHere({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
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

async function print(
  { url, json, options }: TailArguments,
  { stdout, stderr, signal }: Terminal,
): Promise<number> {
  const unwritable = new AbortController()
  const reading = AbortSignal.any([signal, unwritable.signal])
  const say = (line: string): void => {
    stderr.write(`${printable(line)}\n`)
  }
  let writeError: Error | null = null
  const onWriteError = (error: Error): void => {
    writeError = error
    unwritable.abort()
  }
  // Never removed, because a pipe's error may come after the last write.
  stdout.on('error', onWriteError)
  stderr.on('error', onWriteError)
  const stream = connect(url, { ...options, ...reports(say), signal: reading })
  try {
    for await (const event of stream) await write(stdout, say, event, json, reading)
    return writeError === null || isClosedPipe(writeError) ? EXIT_DONE : fail(say, writeError)
  } catch (error) {
    // Already reported through onError.
    if ((await stream.closed) === error) return EXIT_FAILED
    throw error
  }
}

function reports(say: (line: string) => void): Partial<ConnectOptions> {
  return {
    onOpen: ({ lastEventId }) => say(`open${lastEventId === '' ? '' : `, after ${lastEventId}`}`),
    onEnd: ({ reason, retryInMs }) => say(`end${reason && ` (${reason})`}, again in ${retryInMs} ms`),
    onError: ({ error, retryInMs }) =>
      say(`error: ${error.message}${retryInMs === null ? '' : `, again in ${retryInMs} ms`}`),
    onRenewed: () => say('renewed'),
  }
}

async function write(
  stdout: Writable,
  say: (line: string) => void,
  { type, data, id }: StreamEvent,
  json: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (!json && type !== 'message') {
    say(data === '' ? type : `${type} ${data}`)
    return
  }
  const line = json ? JSON.stringify({ id, event: type, data }) : data
  const shown = 'isTTY' in stdout && stdout.isTTY === true ? printable(line) : line
  if (stdout.write(`${shown}\n`) || signal.aborted) return
  // After an abort no `drain` comes, and the loop over the stream ends.
  await once(stdout, 'drain', { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}

function isClosedPipe(error: Error): boolean {
  return 'code' in error && (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED')
}

function fail(say: (line: string) => void, error: Error): number {
  say(`error: ${error.message}`)
  return EXIT_FAILED
}
