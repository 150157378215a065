// The application that the commands serve: the front, the records' source and the admin port, put together in one thread.
// src/threads/crew-app.ts puts them together for several. No process, no signals.

import type { RequestListener } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { createConnectionFigures } from './connections.ts'
import { buildFront } from './front.ts'
import { Listeners, readTls } from './listener.ts'
import { buildOperator } from './operator.ts'
import type { ServerOptions } from './options.ts'
import { kafkaSse } from './plugin.ts'

export interface Ports {
  readonly port: number
  readonly adminPort: number
}

export interface App {
  readonly log: FastifyBaseLogger
  /** Rejects with an error that names what could not be read or listened to. */
  listen(): Promise<Ports>
  /** Takes no new streams, and ends those that are open within `drainSeconds`. Readiness turns red at once. */
  drain(): Promise<void>
  /** Ends every stream at once and closes everything, within 2 s. */
  close(): Promise<void>
  /** Resolves when it cannot go on. */
  readonly failed: Promise<void>
}

/** Streams, page and renewals, and health, metrics and status on a port of their own. */
export interface SingleApp extends App {
  readonly app: FastifyInstance
  readonly admin: FastifyInstance
}

/** `sockets`: descriptors of listening sockets that somebody else has opened; null: as the options say. */
export async function buildApp(
  options: ServerOptions,
  sockets: readonly number[] | null = null,
): Promise<SingleApp> {
  const { kafka, auth, streams, sse } = options
  const app = await buildFront(options, (scope) => kafkaSse(scope, { kafka, auth, streams, sse }))
  const connections = createConnectionFigures()
  const admin = await buildOperator(options, {
    streams: app.kafkaSse,
    topics: app.kafkaSseTopics,
    authenticator: app.kafkaSseAuth,
    connections,
  })
  const listeners = new Listeners()
  return {
    app,
    admin,
    log: app.log,
    failed: new Promise(() => {}),
    listen: async () => {
      const tls = options.tls === null ? null : await readTls(options.tls)
      const { host, port, adminHost } = options
      const operator = { host: adminHost, port: options.adminPort, tls: null, connections }
      const where = sockets === null ? { host, port } : { sockets }
      return {
        adminPort: await listeners.add(admin.routing as RequestListener, operator),
        port: await listeners.add(app.routing as RequestListener, { ...where, tls, connections }),
      }
    },
    drain: () => app.kafkaSse.drain(sse.drainSeconds * 1000),
    close: async () => {
      await app.kafkaSse.close()
      await admin.close()
      await listeners.close()
      await app.close()
    },
  }
}
