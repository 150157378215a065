// A serving process from start to end: on a signal it lingers, drains and closes. A failed start prints one line for
// each problem. Promise: the process ends, even if a part of it does not.

import { ConfigError } from '../config/parse.ts'
import type { ServerOptions } from '../options.ts'
import type { App, Ports } from './app.ts'
import type { StopSignals } from './stop-signals.ts'
import { settledWithin } from './time-limit.ts'

/** Time for closing: after a failed start, when the caller waits for the exit code, and after a drain. */
const CLOSE_FAILED_MS = 1000
const CLOSE_MS = 2000
/** Time for flushing outputs, which may have no reader. */
const FLUSH_MS = 500

/**
 * Serves until the first signal. Resolves with the exit code: 0 after a drain, and if the signal came before it
 * listened; 1 if it could not start or go on. A second signal ends the drain at once.
 */
export async function serveUntil(
  signals: StopSignals,
  build: () => Promise<App>,
  options: ServerOptions,
  onListening: (ports: Ports) => void,
): Promise<number> {
  const stop = signals.next()
  let server: App | null = null
  const start = async (): Promise<App> => {
    server = await build()
    const { log } = server
    signals.onHangup = () => log.warn('SIGHUP reloads nothing')
    const ports = await server.listen()
    log.info(ports, 'listening')
    onListening(ports)
    return server
  }
  try {
    const started = await Promise.race([start(), stop])
    if (typeof started !== 'string') return await serve(started, stop, signals, options)
    await closeWithin(CLOSE_FAILED_MS, server)
    return 0
  } catch (error) {
    process.stderr.write(`${startProblem(error, options)}\n`)
    await closeWithin(CLOSE_FAILED_MS, server)
    return 1
  }
}

async function serve(
  server: App,
  stop: Promise<NodeJS.Signals>,
  signals: StopSignals,
  options: ServerOptions,
): Promise<number> {
  const ended = await Promise.race([stop, server.failed])
  if (ended !== undefined) await leave(server, ended, signals.next(), options)
  await closeWithin(CLOSE_MS, server)
  server.log.info('closed')
  return ended === undefined ? 1 : 0
}

/** Readiness turns red, and everything else goes on until load balancers have seen it. Then streams are drained. */
async function leave(
  server: App,
  signal: NodeJS.Signals,
  second: Promise<NodeJS.Signals>,
  { lingerSeconds }: ServerOptions,
): Promise<void> {
  server.announceEnd()
  if (lingerSeconds > 0) {
    server.log.info({ signal, lingerSeconds }, 'not ready any more')
    if (await settledWithin(lingerSeconds * 1000, Promise.race([second, server.failed]))) return
  }
  server.log.info({ signal }, 'draining')
  await Promise.race([server.drain(), second])
}

async function closeWithin(timeMs: number, server: App | null): Promise<void> {
  if (server !== null) await settledWithin(timeMs, server.close())
}

/** Ends this process once its output is flushed. Handles that are still open do not matter. */
export async function exit(code: number): Promise<never> {
  const outputs = [process.stdout, process.stderr]
  const flushed = outputs.map((output) => new Promise((resolve) => output.write('', resolve)))
  await settledWithin(FLUSH_MS, Promise.all(flushed))
  process.exit(code)
}

/** Why the start failed, one line for each problem. */
export function startProblem(error: unknown, options: ServerOptions): string {
  const { code, port, path, address, message } = error as ListenError
  if (error instanceof ConfigError) return error.problems.map((problem) => `kafka-sse: ${problem}`).join('\n')
  if (code === 'EADDRINUSE') return `kafka-sse: port ${port} is in use (${portName(port, options)})`
  if (code === 'EACCES' && port !== undefined)
    return `kafka-sse: port ${port} may not be listened to (${portName(port, options)})`
  if (code === 'EADDRNOTAVAIL')
    return `kafka-sse: ${hostName(address, port, options)}: ${address} is no address of this machine`
  if (path !== undefined) return `kafka-sse: ${path} cannot be read (${code})`
  return `kafka-sse: ${message}`
}

/** Properties that Node adds to an error of `listen`. */
type ListenError = NodeJS.ErrnoException & { readonly port?: number; readonly address?: string }

function hostName(address: string | undefined, port: number | undefined, options: ServerOptions): string {
  const { host, adminHost, adminPort } = options
  return address === adminHost && (address !== host || port === adminPort) ? 'ADMIN_HOST' : 'HOST'
}

function portName(port: number | undefined, options: ServerOptions): string {
  return port === options.adminPort ? 'ADMIN_PORT' : 'PORT'
}
