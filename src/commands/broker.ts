// `kafka-sse broker`: runs the embedded broker in its own process, so that records outlive the server.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ParseArgsConfig } from 'node:util'
import { startMockBroker } from '../../plugins/kafka/client/mock-broker.ts'
import { EXIT_DONE } from '../app/exit.ts'
import { ONLY_STREAM } from '../config/streams/single-stream-settings.ts'
import { findBroker, removeBrokerFile, writeBrokerFile } from './broker-file.ts'
import { runCommand } from './command-line.ts'

const HELP = `kafka-sse broker [options]

Runs the embedded Kafka broker until Ctrl-C.

  --topic NAME            create this topic; may be repeated (default $KAFKA_TOPIC or ${ONLY_STREAM.topic})

It writes its address to .kafka-sse/broker.json, where the other commands find it. It is for trials only: it compacts
nothing, keeps nothing after its end, and holds about 5 MB of each of a topic's 4 partitions. It listens on a free port.
`
/** Internal option: set by `spawnBroker`, which talks to its child over Node's message channel. */
const CHILD = 'child'
const OPTIONS = {
  topic: { type: 'string', multiple: true },
  [CHILD]: { type: 'boolean', default: false },
} satisfies ParseArgsConfig['options']
const START_TIMEOUT_MS = 15_000
const END_TIMEOUT_MS = 3_000

export async function broker(args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  return runCommand({ help: HELP, options: OPTIONS }, args, ({ values }) =>
    serve(values.topic ?? [env.KAFKA_TOPIC || ONLY_STREAM.topic], values[CHILD], process.cwd()),
  )
}

export interface FoundBroker {
  /** host:port */
  readonly address: string
  /** Ends the broker if it was started for the caller; does nothing if it was running before. */
  close(): Promise<void>
}

/**
 * The running broker of this folder, or a new one in a child process. A new one ends at `close()`, and with the
 * caller's process. `entry` is the path of the `kafka-sse` program.
 */
export async function spawnBroker(
  folder: string,
  topics: readonly string[],
  entry = cli(),
): Promise<FoundBroker> {
  const address = await findBroker(folder)
  if (address !== null) return { address, close: async () => {} }
  const child = fork(entry, ['broker', `--${CHILD}`, ...topics.flatMap((topic) => ['--topic', topic])], {
    cwd: folder,
    // Without the caller's options of node, such as `--inspect` or `--watch`.
    execArgv: [],
  })
  return { address: await addressFrom(child), close: () => end(child) }
}

async function serve(topics: readonly string[], isChild: boolean, folder: string): Promise<number> {
  if (topics.includes('')) throw new Error('--topic is empty')
  const other = await findBroker(folder)
  if (other !== null) throw new Error(`a broker is running already for this folder, at ${other}`)
  const ended = endRequested(isChild)
  const running = await startMockBroker(topics)
  try {
    await writeBrokerFile(folder, running.address)
    if (isChild) process.send?.({ address: running.address })
    else
      process.stdout.write(
        `Kafka broker at ${running.address}, topic ${topics.join(', ')}. Ctrl-C ends it.\n`,
      )
    await ended
    await removeBrokerFile(folder)
  } finally {
    await running.close()
    // The channel to the demo keeps the process, which also ends if nothing could be written.
    if (process.connected) process.disconnect()
  }
  return EXIT_DONE
}

/**
 * Resolves when the broker is to end. The broker of a demo ignores Ctrl-C, which reaches both processes, so that the
 * server can end its streams first. It ends when the demo disconnects.
 */
function endRequested(isChild: boolean): Promise<void> {
  return new Promise((resolve) => {
    process.on('SIGTERM', () => resolve())
    process.on('SIGINT', () => isChild || resolve())
    process.on('SIGHUP', () => isChild || resolve())
    process.once('disconnect', () => resolve())
  })
}

function cli(): string {
  return fileURLToPath(new URL('../cli.js', import.meta.url))
}

async function addressFrom(child: ChildProcess): Promise<string> {
  const signal = AbortSignal.timeout(START_TIMEOUT_MS)
  const ended = once(child, 'exit', { signal }).then(() => {
    throw new Error('the embedded broker ended instead of starting')
  })
  try {
    const [message] = await Promise.race([once(child, 'message', { signal }), ended])
    return message.address
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  if (child.connected) child.disconnect()
  // Not `once` with AbortSignal.timeout: a child that is killed must still be waited for.
  const timer = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS)
  await exit.finally(() => clearTimeout(timer))
}
