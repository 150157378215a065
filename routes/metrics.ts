// GET /metrics, in Prometheus's text format: docs/operating.md, "Metrics".

import type { FastifyInstance } from 'fastify'
import type { Admin } from '../src/admin/admin.ts'

export interface MetricsOptions {
  readonly admin: Pick<Admin, 'metrics'>
}

export async function metricsRoutes(app: FastifyInstance, { admin }: MetricsOptions): Promise<void> {
  app.get('/metrics', { logLevel: 'warn' }, async (_request, reply) => {
    const { contentType, text } = await admin.metrics()
    return reply.header('content-type', contentType).header('cache-control', 'no-store').send(text)
  })
}
