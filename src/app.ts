// The application that the commands serve: the plugin, the page and the admin port, put together. No process, no signals.

import { readFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import admin from '../plugins/admin.ts'
import { adminRoutes } from '../routes/admin.ts'
import { demoTokenRoutes } from '../routes/demo-token.ts'
import { pageRoutes } from '../routes/page.ts'
import { type ConnectionFigures, createConnectionFigures } from './connections.ts'
import { NotFound } from './errors.ts'
import { type Listener, listen, type TlsContext } from './listener.ts'
import { logRedaction } from './log-redaction.ts'
import type { ServerOptions, TlsOptions } from './options.ts'
import { inPackage } from './package-path.ts'
import { kafkaSse } from './plugin.ts'

export interface App {
  /** Streams, page and renewals. */
  readonly app: FastifyInstance
  /** Health, metrics and status, on a port of its own. */
  readonly admin: FastifyInstance
  /** Rejects with an error that names what could not be read or listened to. */
  listen(): Promise<{ port: number; adminPort: number }>
  /** Takes no new streams, and ends those that are open within `drainSeconds`. Readiness turns red at once. */
  drain(): Promise<void>
  /** Ends every stream at once and closes everything, within 2 s. */
  close(): Promise<void>
}

export async function buildApp(options: ServerOptions): Promise<App> {
  const app = fastify(frameworkOptions(options))
  app.setNotFoundHandler(async () => {
    throw new NotFound()
  })
  // Without a scope of its own, so that the admin port can look at what it decorates the app with.
  await app.register(fastifyPlugin(kafkaSse), pluginOptions(options))
  await app.register(pageRoutes, {
    folder: inPackage('public'),
    clientFolder: inPackage('dist/src/client'),
  })
  if (options.demo?.tokens) await app.register(demoTokenRoutes, { folder: options.demo.folder })
  await app.ready()
  const connections = createConnectionFigures()
  const operator = await buildAdmin(app, options, connections)
  return { app, admin: operator, ...lifetime(app, operator, options, connections) }
}

async function buildAdmin(
  app: FastifyInstance,
  options: ServerOptions,
  connections: ConnectionFigures,
): Promise<FastifyInstance> {
  const operator = fastify(frameworkOptions(options))
  await operator.register(admin, {
    streams: app.kafkaSse,
    topics: app.kafkaSseTopics,
    authenticator: app.kafkaSseAuth,
    connections,
  })
  await operator.register(adminRoutes, { admin: operator.kafkaSseAdmin, folder: inPackage('public') })
  await operator.ready()
  return operator
}

/** Fastify's own listen knows only one server; ours has one for each address, and guards what is connected to it. */
function lifetime(
  app: FastifyInstance,
  operator: FastifyInstance,
  options: ServerOptions,
  connections: ConnectionFigures,
) {
  const listeners: Listener[] = []
  const listenOn = async (handler: FastifyInstance, host: string, port: number, tls: TlsContext | null) => {
    const listener = await listen(handler.routing as RequestListener, { host, port, tls, connections })
    listeners.push(listener)
    return listener.port
  }
  return {
    listen: async () => {
      const tls = options.tls === null ? null : await readTls(options.tls)
      const adminPort = await listenOn(operator, options.adminHost, options.adminPort, null)
      return { adminPort, port: await listenOn(app, options.host, options.port, tls) }
    },
    drain: () => app.kafkaSse.drain(options.sse.drainSeconds * 1000),
    close: async () => {
      await app.kafkaSse.close()
      await operator.close()
      await Promise.all(listeners.map((listener) => listener.close()))
      await app.close()
    },
  }
}

function frameworkOptions({ logLevel }: ServerOptions): FastifyServerOptions {
  return {
    logger: { level: logLevel, ...logRedaction },
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 1024 },
    // A path that cannot be decoded is a path where there is nothing.
    frameworkErrors: (_error, _request, reply) => {
      reply.send(new NotFound() as never) // typed for a route's reply, and no route is meant
    },
  }
}

function pluginOptions({ kafka, auth, streams, sse }: ServerOptions) {
  return { kafka, auth, streams, sse }
}

async function readTls({ certFile, keyFile }: TlsOptions): Promise<TlsContext> {
  const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)])
  return { cert, key }
}
