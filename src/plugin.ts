// The plugin: `app.register(kafkaSse, options)`. The three parts and the routes, put together in the scope where they are
// registered, so that the host's prefix, hooks and logger hold for them.

import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'
import admin from '../plugins/admin.ts'
import auth from '../plugins/auth.ts'
import kafka from '../plugins/kafka.ts'
import sse from '../plugins/sse.ts'
import { adminRoutes } from '../routes/admin.ts'
import { streamRoutes } from '../routes/stream.ts'
import { validateOptions } from './config.ts'
import type { KafkaSseOptions } from './options.ts'
import { inPackage } from './package-path.ts'

export type { KafkaSseOptions } from './options.ts'
export type { Session } from './session.ts'

/**
 * Streams Kafka topics to whoever holds a token, as `options.streams` says. Rejects with every problem of the options at
 * once. docs/configuration.md has each option with its unit, default and range; docs/protocol.md what goes over the wire.
 */
export async function kafkaSse(app: FastifyInstance, options: KafkaSseOptions): Promise<void> {
  const resolved = validateOptions(options)
  await app.register(sse, resolved.sse)
  await app.register(kafka, resolved.kafka)
  await app.register(auth, resolved.auth)
  await registerAdmin(app, resolved.sse.adminPath)
  await registerCors(app, resolved.sse.corsOrigins)
  for (const { path, topic, scope, encoding, replay } of resolved.streams) {
    await app.register(streamRoutes, {
      path,
      scope,
      replay,
      topic: app.kafkaSseTopics.open(topic, encoding, replay === 'latest' ? 'latest' : 'all'),
      streams: app.kafkaSse,
      authenticator: app.kafkaSseAuth,
    })
  }
}

export default kafkaSse

/** Health, metrics and status where the host wants them. Who may see them is for the host's hooks to say. */
async function registerAdmin(app: FastifyInstance, prefix: string | null): Promise<void> {
  if (prefix === null) return
  const { kafkaSse: streams, kafkaSseTopics: topics, kafkaSseAuth: authenticator } = app
  await app.register(admin, { streams, topics, authenticator })
  await app.register(adminRoutes, { prefix, admin: app.kafkaSseAdmin, folder: inPackage('public') })
}

/** The host's own CORS, where it has @fastify/cors, holds for the streams like for everything else. */
async function registerCors(app: FastifyInstance, origins: string[]): Promise<void> {
  const isHosts = app.hasRequestDecorator('corsPreflightEnabled')
  if (origins.length > 0 && !isHosts) await app.register(cors, corsOptions(origins))
}

/** `authorization` by name, since `*` does not cover it (Fetch standard, 3.3.2); without credentials, since tokens are not. */
function corsOptions(origins: string[]) {
  return {
    origin: origins.includes('*') ? '*' : origins,
    methods: ['GET', 'POST'],
    allowedHeaders: ['authorization', 'last-event-id', 'content-type'],
    exposedHeaders: ['retry-after', 'www-authenticate'],
    maxAge: 86_400,
  }
}
