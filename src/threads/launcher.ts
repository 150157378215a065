// Starts the serving process, with a duplicate of each listening socket for every worker and some spare ones. Node can
// duplicate a descriptor only by passing it to a child several times. So the process that opens the sockets only waits.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Ports } from '../app/app.ts'
import { EXIT_DONE, EXIT_FAILED } from '../app/exit.ts'
import { tellStartProblem } from '../app/lifetime.ts'
import type { SignalQueue } from '../app/stop-signals.ts'
import { addressesOf, BACKLOG } from '../http/listener.ts'
import type { ServerOptions } from '../options.ts'
import type { SettingsFeed, SettingsReading } from '../reload/settings-reader.ts'
import { type HandedOptions, handOver } from './handover.ts'

/** Workers that may be replaced before the process gives up. */
const SPARE = 4
/** The first descriptor that is free in a child, after the three standard ones and the message channel. */
const FIRST_DESCRIPTOR = 4

/** The first message to the serving process. */
export interface Launched {
  readonly handed: HandedOptions
  /** One list for each worker, spare ones included: a descriptor for each address. */
  readonly descriptors: readonly (readonly number[])[]
}

/** Any later message to it. */
export interface ToServing {
  readonly signal?: NodeJS.Signals
  readonly reading?: SettingsReading
}

/** A message of the serving process: that it listens, or the exit code if it is going to kill itself. */
export type FromServing = { readonly listening: Ports } | { readonly ended: number }

/**
 * Passes this process's signals to the serving process, and resolves with the exit code of that process. `inherited`:
 * descriptors of open listening sockets; null: opens HOST and PORT. Throws a ConfigError for options that cannot be
 * handed over.
 */
export async function launch(
  options: ServerOptions,
  inherited: readonly number[] | null,
  signals: SignalQueue,
  readings: SettingsFeed,
  onListening: (ports: Ports) => void,
): Promise<number> {
  const handed = handOver(options)
  let opened: Server[] = []
  try {
    if (inherited === null) opened = await openSockets(options)
  } catch (error) {
    return tellStartProblem(error, options)
  }
  // In the turn in which they were opened, so that no connection is accepted here.
  const child = startServing(inherited ?? opened.map(descriptorOf), handed)
  for (const socket of opened) socket.close()
  const start: Start = { isDone: false, isStopped: false }
  let ended: number | null = null
  child.on('message', (message: FromServing) => {
    if ('ended' in message) {
      ended = message.ended
      return
    }
    start.isDone = true
    onListening(message.listening)
  })
  // Read here, because this process has run CONFIG_FILE, and because it has nothing else to do.
  readings.passTo((reading) => tell(child, { reading: sendable(reading) }))
  void passSignals(signals, child, start)
  const [code] = await once(child, 'exit')
  return start.isStopped ? EXIT_DONE : (ended ?? code ?? EXIT_FAILED)
}

/** Without functions, which need a restart to change. */
function sendable(reading: SettingsReading): SettingsReading {
  return 'options' in reading ? { ...reading, options: handOver(reading.options).options } : reading
}

/** State of the serving process's start. */
interface Start {
  isDone: boolean
  isStopped: boolean
}

/** Listens on the same port at every address. No connection is accepted before the event loop turns. */
async function openSockets({ host, port }: ServerOptions): Promise<Server[]> {
  const sockets: Server[] = []
  for (const address of await addressesOf(host)) {
    const socket = createServer()
    sockets.push(socket)
    // `exclusive`: as a worker of node:cluster, it would otherwise be given a socket without a descriptor.
    socket.listen({ host: address, port: portOf(sockets[0]) || port, backlog: BACKLOG, exclusive: true })
    await once(socket, 'listening').catch((error) => {
      for (const opened of sockets) opened.close()
      throw error
    })
  }
  return sockets
}

function portOf(socket: Server | undefined): number {
  const address = socket?.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Node has no public property for it. */
function descriptorOf(socket: Server): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd
}

function startServing(opened: readonly number[], handed: HandedOptions): ChildProcess {
  const lists = Array.from({ length: handed.options.workers + SPARE }, (_, list) =>
    opened.map((_, address) => FIRST_DESCRIPTOR + list * opened.length + address),
  )
  const child = fork(fileURLToPath(new URL('./serving-process.js', import.meta.url)), [], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc', ...lists.flatMap(() => opened)],
    // JSON would drop undefined values, and change others (src/threads/handover.ts).
    serialization: 'advanced',
  })
  child.send({ handed, descriptors: lists } satisfies Launched)
  return child
}

/** A process that is ending does not take it, which is no failure: its exit code says how it went. */
function tell(child: ChildProcess, message: ToServing): void {
  // Without a function, the failure would be an event of the child, and end this process before it has the code.
  if (child.connected) child.send(message, () => {})
}

/** Sent as messages, because a terminal sends its signals to both processes, and each must count once. */
async function passSignals(signals: SignalQueue, child: ChildProcess, start: Start): Promise<never> {
  for (;;) {
    const signal = await signals.next()
    if (start.isDone) tell(child, { signal })
    else {
      // It has no streams yet, and may take seconds until it handles a message.
      start.isStopped = true
      child.kill('SIGKILL')
    }
  }
}
