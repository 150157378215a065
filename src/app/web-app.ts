// What clients meet: streams, renewals and pages, as one Fastify application. It knows nothing of where records come from.

import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import auth from '../../plugins/auth.ts'
import sse from '../../plugins/sse.ts'
import { answerCors } from '../../routes/cors.ts'
import { demoTokenRoutes } from '../../routes/demo-token.ts'
import { pageRoutes } from '../../routes/page.ts'
import { streamRoutes } from '../../routes/stream.ts'
import { keepsFor } from '../bus/record.ts'
import type { TopicSource } from '../bus/topic.ts'
import { NotFound } from '../errors.ts'
import { logRedaction } from '../http/log-redaction.ts'
import type { ResolvedOptions, ServerOptions } from '../options.ts'
import type { Shared } from '../stream/streams.ts'
import { builtOrClosed } from './closing.ts'
import { LogDestination } from './log-destination.ts'
import { inPackage } from './package-path.ts'

/** What a front needs besides its options: whence its topics come, and what it shares with other threads, if it does. */
export interface RegistrationParts {
  readonly topics: (app: FastifyInstance) => TopicSource
  readonly shared?: Shared
}

/** Registers the streams in the scope of `app`, so that a host's prefix, hooks and logger hold for them. */
export async function registerStreams(
  app: FastifyInstance,
  options: Pick<ResolvedOptions, 'auth' | 'sse' | 'streams'>,
  { topics, shared }: RegistrationParts,
): Promise<void> {
  await app.register(sse, { ...options.sse, ...(shared && { shared }) })
  await app.register(auth, options.auth)
  // A scope of their own: what else is registered in `app`, such as a host's admin routes, is not for pages of other sites.
  await app.register(async (routes) => {
    answerCors(routes, options.sse.corsOrigins)
    for (const { path, topic, scope, encoding, replay } of options.streams) {
      await routes.register(streamRoutes, {
        path,
        scope,
        replay,
        topic: topics(app).open(topic, encoding, keepsFor(replay)),
        streams: app.kafkaSse,
        authenticator: app.kafkaSseAuth,
      })
    }
  })
}

/** Streams and pages, ready to be listened for. `register` brings the streams. */
export async function buildWebApp(
  options: ServerOptions,
  register: (app: FastifyInstance) => Promise<void>,
): Promise<FastifyInstance> {
  const app = fastify(frameworkOptions(options))
  return builtOrClosed(app, async () => {
    leaveBodies(app)
    app.setNotFoundHandler(async () => {
      throw new NotFound()
    })
    // All that is here is for any page: its answers that there is nothing at a path, and the client's files.
    answerCors(app, options.sse.corsOrigins)
    // Without a scope of its own, so that the admin port can look at what it decorates the app with.
    await app.register(fastifyPlugin(register))
    await app.register(pageRoutes, {
      folder: inPackage('public'),
      clientFolder: inPackage('dist/src/client'),
    })
    if (options.demo?.tokens) await app.register(demoTokenRoutes, { folder: options.demo.folder })
    await app.ready()
    return app
  })
}

/** No route of ours, nor what is not found, keeps, parses or waits for a body. One that wants one adds a parser in its scope. */
export function leaveBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _body, done) => done(null))
}

export function frameworkOptions({ logLevel }: ServerOptions): FastifyServerOptions {
  return {
    logger: { level: logLevel, stream: new LogDestination(), ...logRedaction },
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 1024 },
    // A path that cannot be decoded is a path where there is nothing.
    frameworkErrors: (_error, _request, reply) => {
      reply.send(new NotFound() as never) // typed for a route's reply, and no route is meant
    },
  }
}
