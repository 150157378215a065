// `kafka-sse tail URL`: prints a stream's events as they come, answers challenges, and resumes after interruptions.
// Promise: only records go to standard output, as they are, or made printable if it is a terminal; reports about the
// connection go to standard error.

import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { type ConnectOptions, connect, type StreamError, type StreamEvent } from 'kafka-sse-client'
import { EXIT_DONE, EXIT_FAILED, isClosedPipe } from '../app/exit.ts'
import { connectionFault } from '../check/connection-fault.ts'
import { printable, printableLine } from '../text/printable.ts'
import { type Outputs, runCommand } from './command-line.ts'
import { readTailArguments, TAIL_LINE, type TailArguments } from './tail-arguments.ts'

/** Where the command writes: the process, or a test. */
export interface Terminal extends Outputs {
  readonly stdin: Readable
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
  const { stdin, stdout, stderr } = process
  try {
    return await tailTo({ stdin, stdout, stderr, signal: interrupt.signal, folder: process.cwd() }, args, env)
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
}

function tailTo(terminal: Terminal, args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  return runCommand(
    TAIL_LINE,
    args,
    async (given) => {
      const read = await readTailArguments(given, env, terminal).catch((error: unknown) => {
        // Ctrl-C while the token was awaited.
        if (terminal.signal.aborted) return null
        throw error
      })
      return read === null ? EXIT_DONE : print(read, terminal)
    },
    terminal,
  )
}

async function print(
  { url, json, countMax, untilReady, warnings, options }: TailArguments,
  { stdout, stderr, signal }: Terminal,
): Promise<number> {
  const unwritable = new AbortController()
  const reading = AbortSignal.any([signal, unwritable.signal])
  const say = (line: string): void => {
    stderr.write(`${printableLine(line)}\n`)
  }
  let writeError: Error | null = null
  const onWriteError = (error: Error): void => {
    writeError = error
    unwritable.abort()
  }
  // Never removed, because a pipe's error may come after the last write.
  stdout.on('error', onWriteError)
  stderr.on('error', onWriteError)
  for (const warning of warnings) say(warning)
  const stream = connect(url, { ...options, ...reports(url, say), signal: reading })
  let count = 0
  try {
    for await (const event of stream) {
      await write(stdout, say, event, json, reading)
      if (event.type === 'message' || event.type === 'delete') count++
      if (count === countMax || (untilReady && event.type === 'ready')) break
    }
    return writeError === null || isClosedPipe(writeError) ? EXIT_DONE : fail(say, writeError)
  } catch (error) {
    // Already reported through onError.
    if ((await stream.closed) === error) return EXIT_FAILED
    throw error
  }
}

function reports(url: URL, say: (line: string) => void): Partial<ConnectOptions> {
  let hasOpened = false
  return {
    onOpen: ({ lastEventId }) => {
      hasOpened = true
      say(`open${lastEventId === '' ? '' : `, after ${lastEventId}`}`)
    },
    onEnd: ({ reason, retryInMs }) => say(`end${reason && ` (${reason})`}, again in ${retryInMs} ms`),
    onError: ({ error, retryInMs }) =>
      say(
        `error: ${hasOpened ? error.message : firstWords(url, error)}${retryInMs === null ? '' : `, again in ${retryInMs} ms`}`,
      ),
    onRenewed: () => say('renewed'),
  }
}

/** A connection that was never made may have a wrong URL or an unknown certificate: then it says what to do. */
function firstWords(url: URL, error: StreamError): string {
  const { words, advice } = error.code === 'lost' ? connectionFault(url, error.cause) : NO_ADVICE
  return advice === null ? error.message : `${url.host} cannot be reached: ${words}. ${advice}`
}

const NO_ADVICE = { words: '', advice: null }

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

function fail(say: (line: string) => void, error: Error): number {
  say(`error: ${error.message}`)
  return EXIT_FAILED
}
