// The process's edge: starts the application, ends it on a signal, and turns what fails at the start into one line.

import { buildApp } from './app.ts'
import type { ServerOptions } from './options.ts'

export interface Ports {
  readonly port: number
  readonly adminPort: number
}

/**
 * Serves until SIGTERM or SIGINT; resolves with the exit code: 0 after a drain, 1 where it could not start. A second
 * signal does not wait for the drain.
 */
export async function runServer(
  options: ServerOptions,
  onListening: (ports: Ports) => void,
): Promise<number> {
  const server = await buildApp(options)
  try {
    const ports = await server.listen()
    server.app.log.info(ports, 'listening')
    onListening(ports)
  } catch (error) {
    process.stderr.write(`${startProblem(error, options)}\n`)
    await server.close()
    return 1
  }
  const { log } = server.app
  log.info({ signal: await nextSignal() }, 'draining')
  await Promise.race([server.drain(), nextSignal()])
  await server.close()
  log.info('closed')
  return 0
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const heard = (signal: NodeJS.Signals) => {
      for (const name of ['SIGTERM', 'SIGINT'] as const) process.off(name, heard)
      resolve(signal)
    }
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, heard)
  })
}

function startProblem(error: unknown, options: ServerOptions): string {
  const { code, port, path, message } = error as NodeJS.ErrnoException & { port?: number }
  if (code === 'EADDRINUSE') return `kafka-sse: port ${port} is in use (${portName(port, options)})`
  if (code === 'EACCES' && port !== undefined)
    return `kafka-sse: port ${port} may not be listened to (${portName(port, options)})`
  if (path !== undefined) return `kafka-sse: ${path} cannot be read (${code})`
  return `kafka-sse: ${message}`
}

function portName(port: number | undefined, options: ServerOptions): string {
  return port === options.adminPort ? 'ADMIN_PORT' : 'PORT'
}
