// GET /metrics, in Prometheus's text format: docs/observing.md, "Metrics".

import type { FastifyInstance } from 'fastify'
import type { Admin } from '../src/admin/admin.ts'
import { metricsOperation } from '../src/description/admin-operations.ts'
import { described } from './description/described-route.ts'

export interface MetricsOptions {
  readonly admin: Pick<Admin, 'metrics'>
}

export async function metricsRoutes(app: FastifyInstance, { admin }: MetricsOptions): Promise<void> {
  const options = { logLevel: 'warn', ...described(app, metricsOperation()) } as const
  app.get('/metrics', options, async (_request, reply) => {
    const { contentType, text } = await admin.metrics()
    return reply.header('content-type', contentType).header('cache-control', 'no-store').send(text)
  })
}
