// The admin routes: health, metrics and the status page, below the prefix at which they are registered.

import type { FastifyInstance } from 'fastify'
import type { Admin } from '../src/admin/admin.ts'
import { healthRoutes } from './health.ts'
import { metricsRoutes } from './metrics.ts'
import { type StatusOptions, statusRoutes } from './status.ts'

export async function adminRoutes(
  app: FastifyInstance,
  options: StatusOptions & { readonly admin: Admin },
): Promise<void> {
  // The options are not passed on whole: a prefix among them would be added twice.
  const { admin, folder, viewersMax, everyMs } = options
  const limits = { ...(viewersMax && { viewersMax }), ...(everyMs && { everyMs }) }
  await app.register(healthRoutes, { admin })
  await app.register(metricsRoutes, { admin })
  await app.register(statusRoutes, { admin, folder, ...limits })
}
