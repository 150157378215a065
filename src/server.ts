// Starts the server: in this process with one worker, in a child process with several.

import type { Ports } from './app/app.ts'
import { serveUntil } from './app/lifetime.ts'
import type { SignalQueue } from './app/stop-signals.ts'
import { inheritedSockets } from './http/inherited-sockets.ts'
import type { ServerOptions } from './options.ts'
import { type SettingsFeed, SettingsReader, type SettingsReaderParts } from './reload/settings-reader.ts'
import { requireExporter } from './tracing/exporter.ts'

/** How the settings are read again. */
export type Rereading = Pick<SettingsReaderParts, 'read' | 'files'>

/**
 * Serves until SIGTERM or SIGINT. Resolves with the exit code: 0 after a drain, 1 after a failure. A second signal ends
 * the drain at once; SIGHUP, and a file that has changed, have the settings read again. Sockets that a supervisor has
 * opened replace HOST and PORT.
 */
export async function runServer(
  options: ServerOptions,
  signals: SignalQueue,
  rereading: Rereading,
  onListening: (ports: Ports) => void,
): Promise<number> {
  // First of all, so that no signal and no change of a file is lost while the rest is loaded.
  const reader = new SettingsReader({ ...rereading, everyMs: options.reloadSeconds * 1000 })
  signals.onHangup = () => reader.again('SIGHUP')
  try {
    await requireExporter(process.env)
    return await serveByThreads(options, signals, reader.feed, onListening)
  } finally {
    reader.close()
  }
}

async function serveByThreads(
  options: ServerOptions,
  signals: SignalQueue,
  readings: SettingsFeed,
  onListening: (ports: Ports) => void,
): Promise<number> {
  const sockets = inheritedSockets(process.env, process.pid)
  if (options.workers > 1) {
    const { launch } = await import('./threads/launcher.ts')
    return launch(options, sockets, signals, readings, onListening)
  }
  const { buildSingleThreadApp } = await import('./app/single-thread-app.ts')
  return serveUntil(signals, () => buildSingleThreadApp(options, sockets), options, readings, onListening)
}
