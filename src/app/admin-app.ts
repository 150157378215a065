// The application of the admin port: health, metrics and status.

import fastify, { type FastifyInstance } from 'fastify'
import admin, { type AdminPluginOptions } from '../../plugins/admin.ts'
import { adminRoutes } from '../../routes/admin.ts'
import { HostUnknown, NotFound } from '../errors.ts'
import { ConnectionBudget, createConnectionCounts } from '../http/connection-budget.ts'
import { acceptedHostNames, isHostAccepted } from '../http/host-names.ts'
import { tellRequests } from '../http/request-lines.ts'
import type { ServerOptions } from '../options.ts'
import { inPackage } from './package-path.ts'
import { builtOrClosed } from './time-limit.ts'
import { frameworkOptions, leaveBodiesUnread } from './web-app.ts'

/** Connections to the admin port: probes, scrapers and the status page, whose own limit is 100. */
const CONNECTIONS_MAX = 1000

export async function buildAdminApp(
  options: ServerOptions,
  parts: AdminPluginOptions,
): Promise<FastifyInstance> {
  const names = acceptedHostNames(options.adminHost, options.adminHosts)
  const app = fastify({
    ...frameworkOptions(options),
    // No hook runs for a path that cannot be decoded, so the host is checked here, too.
    frameworkErrors: (_error, { headers }, reply) => {
      const refusal = isHostAccepted(headers.host, names) ? new NotFound() : new HostUnknown()
      reply.send(refusal as never) // typed for a route's reply, and no route is meant
    },
  })
  return builtOrClosed(app, async () => {
    leaveBodiesUnread(app)
    tellRequests(app)
    refuseOtherHosts(app, names)
    // In place of Fastify's own, which has a line of its own in the log.
    app.setNotFoundHandler(async () => {
      throw new NotFound()
    })
    await app.register(admin, parts)
    await app.register(adminRoutes, { admin: app.kafkaSseAdmin, folder: inPackage('public') })
    await app.ready()
    return app
  })
}

/** Applies to every path, also to those that do not exist. */
function refuseOtherHosts(app: FastifyInstance, names: ReadonlySet<string>): void {
  app.addHook('onRequest', async ({ headers }) => {
    if (!isHostAccepted(headers.host, names)) throw new HostUnknown()
  })
}

/** Counted apart from clients, so that a flood of client connections cannot lock operators out. */
export function adminBudget(): ConnectionBudget {
  const bounds = { connectionsMax: CONNECTIONS_MAX, connectionsPerAddressMax: CONNECTIONS_MAX }
  return new ConnectionBudget(bounds, createConnectionCounts(1, 0), 0)
}
