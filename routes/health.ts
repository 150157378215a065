// GET /health/live and /health/ready, for load balancers and orchestrators: docs/observing.md, "Health".

import type { FastifyInstance } from 'fastify'
import type { Admin } from '../src/admin/admin.ts'
import { liveOperation, readyOperation } from '../src/description/admin-operations.ts'
import { described } from './description/described-route.ts'

export interface HealthOptions {
  readonly admin: Pick<Admin, 'notReady'>
}

export async function healthRoutes(app: FastifyInstance, { admin }: HealthOptions): Promise<void> {
  // Requested every few seconds, so requests are not logged.
  const options = { logLevel: 'warn' } as const
  app.get('/health/live', { ...options, ...described(app, liveOperation()) }, async (_request, reply) => {
    return reply.header('cache-control', 'no-store').send({ live: true })
  })
  app.get('/health/ready', { ...options, ...described(app, readyOperation()) }, async (_request, reply) => {
    const reasons = admin.notReady()
    reply.header('cache-control', 'no-store')
    if (reasons.length === 0) return reply.send({ ready: true })
    return reply.code(503).send({ ready: false, reasons })
  })
}
