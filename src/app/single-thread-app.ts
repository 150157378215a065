// The application that the commands serve, in one thread: the web app, the source of records, and the admin app.
// src/threads/multi-thread-app.ts has it for several threads. Knows nothing of processes and signals.

import { randomInt } from 'node:crypto'
import type { RequestListener } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { ConnectionBudget, createConnectionCounts, SEEDS } from '../http/connection-budget.ts'
import { createConnectionFigures } from '../http/connection-limits.ts'
import { Listeners, readTls } from '../http/listener.ts'
import type { ServerOptions } from '../options.ts'
import { adminBudget, buildAdminApp } from './admin-app.ts'
import { registerKafkaStreams } from './kafka-registration.ts'
import { builtOrClosed } from './time-limit.ts'
import { buildWebApp } from './web-app.ts'

export interface Ports {
  readonly port: number
  readonly adminPort: number
}

export interface App {
  readonly log: FastifyBaseLogger
  /** Rejects with an error that names the file or the port that failed. */
  listen(): Promise<Ports>
  /** Readiness turns red at once; everything else goes on. */
  announceEnd(): void
  /** Refuses new streams, and ends open ones within `drainSeconds`. Readiness turns red at once. */
  drain(): Promise<void>
  /** Ends every stream at once and closes everything, within 2 s. */
  close(): Promise<void>
  /** Resolves when the application cannot go on. */
  readonly failed: Promise<void>
}

/** Streams, page and renewals, and health, metrics and status on a port of their own. */
export interface SingleThreadApp extends App {
  readonly app: FastifyInstance
  readonly admin: FastifyInstance
}

/** `sockets`: descriptors of listening sockets that a supervisor has opened; null: listens on HOST and PORT. */
export async function buildSingleThreadApp(
  options: ServerOptions,
  sockets: readonly number[] | null = null,
): Promise<SingleThreadApp> {
  const app = await buildWebApp(options, (scope) => registerKafkaStreams(scope, options))
  const connections = createConnectionFigures()
  const departure = { isAnnounced: false }
  const parts = {
    streams: app.kafkaSse,
    topics: app.kafkaSseTopics,
    authenticator: app.kafkaSseAuth,
    departure,
    connections,
  }
  const admin = await builtOrClosed(app, () => buildAdminApp(options, parts))
  const [clientPorts, adminPorts] = [new Listeners(), new Listeners()]
  return {
    app,
    admin,
    log: app.log,
    failed: new Promise(() => {}),
    listen: async () => {
      const tls = options.tls === null ? null : await readTls(options.tls)
      const { host, port, adminHost, adminPort } = options
      const at = { host: adminHost, port: adminPort, tls: null, connections, budget: adminBudget() }
      const budget = new ConnectionBudget(options, createConnectionCounts(1, randomInt(SEEDS)), 0)
      const where = sockets === null ? { host, port } : { sockets }
      return {
        adminPort: await adminPorts.add(admin.routing as RequestListener, at),
        port: await clientPorts.add(app.routing as RequestListener, { ...where, tls, connections, budget }),
      }
    },
    announceEnd: () => {
      departure.isAnnounced = true
    },
    drain: () => app.kafkaSse.drain(options.sse.drainSeconds * 1000),
    close: async () => {
      await app.kafkaSse.close()
      await clientPorts.close()
      await app.close()
      // Last, so that readiness can be read until the end.
      await admin.close()
      await adminPorts.close()
    },
  }
}
