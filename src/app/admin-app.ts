// The admin port's application: health, metrics and status of whatever parts it is given.

import fastify, { type FastifyInstance } from 'fastify'
import admin, { type AdminPluginOptions } from '../../plugins/admin.ts'
import { adminRoutes } from '../../routes/admin.ts'
import { HostUnknown, NotFound } from '../errors.ts'
import { ConnectionBudget, createConnectionCounts } from '../http/connection-budget.ts'
import { isHostMeant, meantNames } from '../http/host-names.ts'
import type { ServerOptions } from '../options.ts'
import { builtOrClosed } from './closing.ts'
import { inPackage } from './package-path.ts'
import { frameworkOptions, leaveBodies } from './web-app.ts'

/** Connections of operators, in all: probes, scrapers and the status page, whose own limit is 100. */
const CONNECTIONS_MAX = 1000

export async function buildOperator(
  options: ServerOptions,
  parts: AdminPluginOptions,
): Promise<FastifyInstance> {
  const names = meantNames(options.adminHost, options.adminHosts)
  const operator = fastify({
    ...frameworkOptions(options),
    // No hook runs for a path that cannot be decoded.
    frameworkErrors: (_error, { headers }, reply) => {
      const refusal = isHostMeant(headers.host, names) ? new NotFound() : new HostUnknown()
      reply.send(refusal as never) // typed for a route's reply, and no route is meant
    },
  })
  return builtOrClosed(operator, async () => {
    leaveBodies(operator)
    refuseOtherHosts(operator, names)
    await operator.register(admin, parts)
    await operator.register(adminRoutes, { admin: operator.kafkaSseAdmin, folder: inPackage('public') })
    await operator.ready()
    return operator
  })
}

/** For every path, those where there is nothing, too. */
function refuseOtherHosts(operator: FastifyInstance, names: ReadonlySet<string>): void {
  operator.addHook('onRequest', async ({ headers }) => {
    if (!isHostMeant(headers.host, names)) throw new HostUnknown()
  })
}

/** Apart from the clients' connections, so that a flood of those keeps no operator out. */
export function operatorBudget(): ConnectionBudget {
  const bounds = { connectionsMax: CONNECTIONS_MAX, connectionsPerAddressMax: CONNECTIONS_MAX }
  return new ConnectionBudget(bounds, createConnectionCounts(1, 0), 0)
}
