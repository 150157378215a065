// The application for clients: streams, renewals and pages. Its caller registers the streams, and decides where records
// come from.

import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { answerCors } from '../../routes/cors.ts'
import { demoTokenRoutes } from '../../routes/demo-token.ts'
import { otherLogoutMethods } from '../../routes/logout.ts'
import { pageRoutes } from '../../routes/page.ts'
import { NotFound } from '../errors.ts'
import { serverLog, tellRequests } from '../http/request-lines.ts'
import { trustedProxies } from '../limits/trusted-proxies.ts'
import type { ServerOptions } from '../options.ts'
import { startExporter } from '../tracing/exporter.ts'
import { FORWARDED_UNTRUSTED, noticeForwarded } from './forwarded-notice.ts'
import type { KafkaSse } from './host-handle.ts'
import { LogDestination } from './log-destination.ts'
import { clientFolder, inPackage } from './package-path.ts'
import { corsRules } from './registration.ts'
import { builtOrClosed } from './time-limit.ts'

/**
 * Ready, and not listening yet. `registerStreams` registers the streams in the scope it is given. `tellForwarded`: a
 * proxy that is not trusted names its clients; said in this thread's log by default.
 */
export async function buildWebApp(
  options: ServerOptions,
  registerStreams: (scope: FastifyInstance) => Promise<void>,
  tellForwarded?: () => void,
): Promise<FastifyInstance> {
  const app = fastify({
    ...frameworkOptions(options),
    // A function, because Fastify believes nothing if it gets a number. The admin port believes no proxy.
    trustProxy: trustedProxies(options.trustProxy) ?? false,
  })
  return builtOrClosed(app, async () => {
    await exportSpans(app)
    leaveBodiesUnread(app)
    tellRequests(app)
    if (options.trustProxy.length === 0)
      noticeForwarded(app, tellForwarded ?? (() => app.log.warn(FORWARDED_UNTRUSTED)))
    app.setNotFoundHandler(async () => {
      throw new NotFound()
    })
    // Pages of other sites may use everything here: the client's files, and the answers for paths that do not exist.
    answerCors(app, corsRules(options))
    // Not in a scope of its own: the admin port reads the decorators that it adds to the app.
    await app.register(fastifyPlugin(registerStreams))
    const { kafkaSseStreams: streams } = app
    // All that `authenticate` of a CONFIG_FILE may ask for: readiness and metrics are on the admin port.
    app.decorate('kafkaSse', { revoke: (request) => streams.revoke(request) } as KafkaSse)
    const { logoutPath } = options.auth
    if (logoutPath !== null) await app.register(otherLogoutMethods, { path: logoutPath, streams })
    await app.register(pageRoutes, {
      folder: inPackage('public'),
      clientFolder: clientFolder(),
      page: options.page,
    })
    if (options.demo?.tokens) await app.register(demoTokenRoutes, options.demo)
    await app.ready()
    return app
  })
}

/** The first hook of all, so that it runs behind those that end streams. */
async function exportSpans(app: FastifyInstance): Promise<void> {
  const exporter = await startExporter(process.env, app.log)
  if (exporter !== null) app.addHook('onClose', async () => exporter.close())
}

/** No route, nor the 404 handler, parses or waits for a body. A route that needs one adds a parser in its scope. */
export function leaveBodiesUnread(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _body, done) => done(null))
}

export function frameworkOptions({ logLevel }: ServerOptions): FastifyServerOptions {
  return {
    logger: { level: logLevel, stream: new LogDestination(), ...serverLog },
    routerOptions: { maxParamLength: 1024 },
    // A path that cannot be decoded does not exist.
    frameworkErrors: (_error, _request, reply) => {
      reply.send(new NotFound() as never) // typed for a route's reply, and no route is meant
    },
  }
}
