// The process's edge: chooses in how many threads, and so in how many processes, there will be served.

import { serveUntil } from './app/lifetime.ts'
import type { Ports } from './app/single-thread-app.ts'
import type { SignalQueue } from './app/stop-signals.ts'
import { inheritedSockets } from './http/inherited-sockets.ts'
import type { ServerOptions } from './options.ts'

/**
 * Serves until SIGTERM or SIGINT; resolves with the exit code: 0 after a drain, 1 where it could not start or go on. A
 * second signal does not wait for the drain; SIGHUP does nothing. With more than one worker the serving is done by a process
 * of its own. Sockets that a supervisor has opened take the place of HOST and PORT.
 */
export async function runServer(
  options: ServerOptions,
  signals: SignalQueue,
  onListening: (ports: Ports) => void,
): Promise<number> {
  const sockets = inheritedSockets(process.env, process.pid)
  if (options.workers > 1) {
    const { launch } = await import('./threads/launcher.ts')
    return launch(options, sockets, signals, onListening)
  }
  const { buildSingleThreadApp } = await import('./app/single-thread-app.ts')
  return serveUntil(signals, () => buildSingleThreadApp(options, sockets), options, onListening)
}
