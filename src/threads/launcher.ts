// Starts the serving process with its listening sockets: as many duplicates as there will be workers, and some to spare. Node
// has no way to duplicate a descriptor but to hand it to a child several times, so the process that opens them only waits.

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
import { type HandedOptions, handOver } from './handover.ts'

/** Workers that may die before the process gives up. */
const SPARE = 4
/** Descriptors that a child has before ours: three standard ones, and the channel by which we speak. */
const FIRST_DESCRIPTOR = 4

/** What the serving process is told first. */
export interface Launched {
  readonly handed: HandedOptions
  /** One list for each worker that may ever be: a descriptor for each address. */
  readonly descriptors: readonly (readonly number[])[]
}

/** What the serving process says. */
export interface Listening {
  readonly listening: Ports
}

/**
 * Resolves with the exit code of the serving process, which ends on the signals that this one gets. `inherited`: descriptors of
 * listening sockets that are there already; null: they are opened here. Throws a ConfigError for options that cannot be handed
 * over.
 */
export async function launch(
  options: ServerOptions,
  inherited: readonly number[] | null,
  signals: SignalQueue,
  onListening: (ports: Ports) => void,
): Promise<number> {
  const handed = handOver(options)
  let opened: Server[] = []
  try {
    if (inherited === null) opened = await openSockets(options)
  } catch (error) {
    return tellStartProblem(error, options)
  }
  // In the turn in which they were opened, so that nobody is accepted here.
  const child = startServing(inherited ?? opened.map(descriptorOf), handed)
  for (const socket of opened) socket.close()
  const start: Start = { isDone: false, isStopped: false }
  child.on('message', ({ listening }: Listening) => {
    start.isDone = true
    onListening(listening)
  })
  void passSignals(signals, child, start)
  const [code] = await once(child, 'exit')
  return start.isStopped ? EXIT_DONE : (code ?? EXIT_FAILED)
}

/** What has become of the serving process's start. */
interface Start {
  isDone: boolean
  isStopped: boolean
}

/** The same port at every address; nothing is accepted before the event loop turns. */
async function openSockets({ host, port }: ServerOptions): Promise<Server[]> {
  const sockets: Server[] = []
  for (const address of await addressesOf(host)) {
    const socket = createServer()
    sockets.push(socket)
    socket.listen({ host: address, port: portOf(sockets[0]) || port, backlog: BACKLOG })
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

/** No public way leads to the number. */
function descriptorOf(socket: Server): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd
}

function startServing(opened: readonly number[], handed: HandedOptions): ChildProcess {
  const lists = Array.from({ length: handed.options.workers + SPARE }, (_, list) =>
    opened.map((_, address) => FIRST_DESCRIPTOR + list * opened.length + address),
  )
  const child = fork(fileURLToPath(new URL('./serving-process.js', import.meta.url)), [], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc', ...lists.flatMap(() => opened)],
    // JSON would leave out what is undefined, and more (src/threads/handover.ts).
    serialization: 'advanced',
  })
  child.send({ handed, descriptors: lists } satisfies Launched)
  return child
}

/** Told by message: a terminal sends its signals to both processes, and the second one must not count twice. */
async function passSignals(signals: SignalQueue, child: ChildProcess, start: Start): Promise<never> {
  const pass = (signal: NodeJS.Signals) => child.connected && child.send({ signal })
  signals.onHangup = () => pass('SIGHUP')
  for (;;) {
    const signal = await signals.next()
    if (start.isDone) pass(signal)
    else {
      // It serves nobody yet, and may take seconds until it hears of anything.
      start.isStopped = true
      child.kill('SIGKILL')
    }
  }
}
