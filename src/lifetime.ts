// A serving process from its start to its end: on a signal it drains, and what fails at the start becomes one line.

import type { App, Ports } from './app.ts'
import type { ServerOptions } from './options.ts'

/** Serves until `signal` resolves, and does not wait for the drain once it does again. */
export async function serveUntil(
  signal: () => Promise<NodeJS.Signals>,
  server: App,
  options: ServerOptions,
  onListening: (ports: Ports) => void,
): Promise<number> {
  const { log } = server
  try {
    const ports = await server.listen()
    log.info(ports, 'listening')
    onListening(ports)
  } catch (error) {
    process.stderr.write(`${startProblem(error, options)}\n`)
    await server.close()
    return 1
  }
  const ended = await Promise.race([signal(), server.failed])
  if (ended !== undefined) {
    log.info({ signal: ended }, 'draining')
    await Promise.race([server.drain(), signal()])
  }
  await server.close()
  log.info('closed')
  return ended === undefined ? 1 : 0
}

export function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const heard = (signal: NodeJS.Signals) => {
      for (const name of ['SIGTERM', 'SIGINT'] as const) process.off(name, heard)
      resolve(signal)
    }
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, heard)
  })
}

/** What could not be had at the start, in a line for whoever starts it. */
export function startProblem(error: unknown, options: ServerOptions): string {
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
