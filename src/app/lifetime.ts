// A serving process from start to end: on a signal it lingers, drains and closes. A failed start prints one line for
// each problem. Promise: the process ends, even if a part of it does not.

import cluster from 'node:cluster'
import type { ServerOptions } from '../options.ts'
import { tellCertificateEnds } from '../reload/certificate-end.ts'
import { Reload } from '../reload/reload.ts'
import type { SettingsFeed } from '../reload/settings-reader.ts'
import type { App, Ports } from './app.ts'
import { EXIT_DONE, EXIT_FAILED, tellProblems } from './exit.ts'
import type { StopSignals } from './stop-signals.ts'
import { systemdNotice } from './systemd-notice.ts'
import { settledWithin } from './time-limit.ts'

/** Time for closing: after a failed start, when the caller waits for the exit code, and after a drain. */
const CLOSE_FAILED_MS = 1000
const CLOSE_MS = 2000

/**
 * Serves until the first signal. Resolves with the exit code: EXIT_DONE after a drain, or if the signal came before the
 * server listened; EXIT_FAILED if the server could not start or go on. A second signal ends the drain at once.
 */
export async function serveUntil(
  signals: StopSignals,
  build: () => Promise<App>,
  options: ServerOptions,
  readings: SettingsFeed,
  onListening: (ports: Ports) => void,
): Promise<number> {
  const stop = signals.next()
  let server: App | null = null
  let telling: NodeJS.Timeout | undefined
  const start = async (): Promise<App> => {
    server = await build()
    const { log } = server
    const ports = await server.listen()
    const systemd = systemdNotice(process.env, log)
    systemd.ready(ports.port)
    const reload = new Reload(server, options)
    readings.passTo((reading) => {
      systemd.reloading()
      void reload.take(reading).then(() => systemd.ready(ports.port))
    })
    void stop.then(() => systemd.stopping())
    log.info(ports, 'listening')
    telling = tellCertificateEnds(server)
    onListening(ports)
    return server
  }
  // Until then, because a certificate may expire while the server lingers.
  const close: Close = async (withinMs) => {
    readings.passTo(null)
    clearInterval(telling)
    if (server !== null) await settledWithin(withinMs, server.close())
  }
  try {
    const started = await Promise.race([start(), stop])
    if (typeof started !== 'string') return await serve(started, stop, signals, options, close)
    await close(CLOSE_FAILED_MS)
    return EXIT_DONE
  } catch (error) {
    const code = tellStartProblem(error, options)
    await close(CLOSE_FAILED_MS)
    return code
  }
}

/** Nothing is reloaded any more, and the server closes within that time or is left as it is. */
type Close = (withinMs: number) => Promise<void>

async function serve(
  server: App,
  stop: Promise<NodeJS.Signals>,
  signals: StopSignals,
  options: ServerOptions,
  close: Close,
): Promise<number> {
  const ended = await Promise.race([stop, server.failed])
  if (ended !== undefined) await leave(server, ended, signals.next(), options)
  await close(CLOSE_MS)
  server.log.info('closed')
  return ended === undefined ? EXIT_FAILED : EXIT_DONE
}

/** Readiness turns red, and everything else goes on until load balancers have seen it. Then streams are drained. */
async function leave(
  server: App,
  signal: NodeJS.Signals,
  second: Promise<NodeJS.Signals>,
  { lingerSeconds }: ServerOptions,
): Promise<void> {
  server.announceEnd()
  // SIGINT comes from a terminal, where somebody waits, and no load balancer.
  if (lingerSeconds > 0 && signal !== 'SIGINT') {
    server.log.info({ signal, lingerSeconds }, 'not ready any more')
    if (await settledWithin(lingerSeconds * 1000, Promise.race([second, server.failed]))) return
  }
  server.log.info({ signal }, 'draining')
  await Promise.race([server.drain(), second])
}

/** Writes why the start failed, one line for each problem. */
export function tellStartProblem(error: unknown, options: ServerOptions): typeof EXIT_FAILED {
  const words = systemProblem(error as ListenError, options)
  return tellProblems(words === null ? error : new Error(words))
}

/** What an error of the operating system means here, with the setting's name; null for any other error. */
function systemProblem({ code, port, path, address }: ListenError, options: ServerOptions): string | null {
  if (code === 'EADDRINUSE') return `port ${port} is in use (${portName(port, options)})${clusterWords()}`
  if (code === 'EACCES' && port !== undefined)
    return `no permission to listen on port ${port} (${portName(port, options)})`
  if (code === 'EADDRNOTAVAIL')
    return `${hostName(address, port, options)}: ${address} is not an address of this machine`
  return path === undefined ? null : `${path} cannot be read (${code})`
}

/** Processes of a cluster do not share what a server knows, such as its streams and limits. */
function clusterWords(): string {
  return cluster.isWorker
    ? ': this is a worker of node:cluster or pm2, of which one can serve. Start one, and set WORKERS for more threads'
    : ''
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
