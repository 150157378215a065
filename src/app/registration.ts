// Registers the plugin's parts and routes in one scope of Fastify, so that the host's prefix, hooks and logger apply to
// them. Promise: workers may load this file, because nothing in it loads node-rdkafka, which only the main thread can.

import type { FastifyInstance } from 'fastify'
import admin from '../../plugins/admin.ts'
import auth from '../../plugins/auth.ts'
import sse from '../../plugins/sse.ts'
import { adminRoutes } from '../../routes/admin.ts'
import { answerCors } from '../../routes/cors.ts'
import { streamRoutes } from '../../routes/stream.ts'
import { keepsFor } from '../bus/record.ts'
import type { TopicSource } from '../bus/topic.ts'
import { selectorsOf } from '../config/streams/stream-selectors.ts'
import type { ResolvedOptions } from '../options.ts'
import { SelectionPlan } from '../selection/selection.ts'
import type { Shared } from '../stream/streams.ts'
import { inPackage } from './package-path.ts'
import { sealedIdsOf } from './sealing.ts'

export type StreamsOptions = Pick<ResolvedOptions, 'auth' | 'sse' | 'streams'>

/** What streams need besides their options. */
export interface StreamSources {
  readonly topics: TopicSource
  /** What the streams of several threads share; without it they are the only ones. */
  readonly shared?: Shared
}

/** Streams whose topics may come from another thread. */
export async function registerStreams(
  app: FastifyInstance,
  options: StreamsOptions,
  { topics, shared }: StreamSources,
): Promise<void> {
  const sealing = sealedIdsOf(options)
  const { secretKey: _, ...settings } = options.sse
  await app.register(sse, { ...settings, ...(shared && { shared }) })
  await app.register(auth, options.auth)
  // A scope of their own: CORS must not apply to what else is registered in `app`, such as a host's admin routes.
  await app.register(async (routes) => {
    answerCors(routes, options.sse.corsOrigins)
    for (const stream of options.streams) {
      const { path, topic, scope, encoding, replay, ids } = stream
      const selectors = selectorsOf(stream, options.streams)
      await routes.register(streamRoutes, {
        path,
        scope,
        replay,
        plan: new SelectionPlan(stream),
        sealing: ids === 'sealed' ? sealing : null,
        topic: topics.open(topic, encoding, keepsFor(replay), selectors),
        streams: app.kafkaSse,
        authenticator: app.kafkaSseAuth,
      })
    }
  })
}

/** Health, metrics and status below `prefix`; null: none. The host's hooks decide who may see them. */
export async function registerAdmin(app: FastifyInstance, prefix: string | null): Promise<void> {
  if (prefix === null) return
  const { kafkaSse: streams, kafkaSseTopics: topics, kafkaSseAuth: authenticator } = app
  await app.register(admin, { streams, topics, authenticator })
  await app.register(adminRoutes, { prefix, admin: app.kafkaSseAdmin, folder: inPackage('public') })
}
