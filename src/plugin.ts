// The plugin: `app.register(kafkaSse, options)`. The three parts and the routes, put together in the scope where they are
// registered, so that the host's prefix, hooks and logger hold for them.

import type { FastifyInstance } from 'fastify'
import admin from '../plugins/admin.ts'
import kafka from '../plugins/kafka.ts'
import { adminRoutes } from '../routes/admin.ts'
import { inPackage } from './app/package-path.ts'
import { registerStreams } from './app/web-app.ts'
import { validateOptions } from './config/parse.ts'
import type { KafkaSseOptions } from './options.ts'

export { logRedaction } from './http/log-redaction.ts'
export type { KafkaSseOptions } from './options.ts'
export type { HostAnswer, HostSession, Session } from './token/session.ts'

/**
 * Streams Kafka topics to whoever holds a token, as `options.streams` says. Rejects with every problem of the options at
 * once. docs/configuration.md has each option with its unit, default and range; docs/protocol.md what goes over the wire.
 */
export async function kafkaSse(app: FastifyInstance, options: KafkaSseOptions): Promise<void> {
  const resolved = validateOptions(options)
  await app.register(kafka, resolved.kafka)
  await registerStreams(app, resolved, { topics: () => app.kafkaSseTopics })
  await registerAdmin(app, resolved.sse.adminPath)
}

export default kafkaSse

/** Health, metrics and status where the host wants them. Who may see them is for the host's hooks to say. */
async function registerAdmin(app: FastifyInstance, prefix: string | null): Promise<void> {
  if (prefix === null) return
  const { kafkaSse: streams, kafkaSseTopics: topics, kafkaSseAuth: authenticator } = app
  await app.register(admin, { streams, topics, authenticator })
  await app.register(adminRoutes, { prefix, admin: app.kafkaSseAdmin, folder: inPackage('public') })
}
