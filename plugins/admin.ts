// Readiness, metrics and live figures as a Fastify decorator: `app.kafkaSseAdmin`. It may be on another instance than
// the streams, because its options hold all that it needs of them. The routes are in routes/admin.ts.

import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { Admin } from '../src/admin/admin.ts'
import { EventLoopDelay } from '../src/admin/event-loop-delay.ts'
import { notReadyReasons, type Parts } from '../src/admin/readiness.ts'
import type { ConnectionFigures } from '../src/http/connection.ts'
import { createRegistry } from './admin/metrics.ts'
import { figuresOfProcess, type WorkerPoolFigures } from './admin/process-figures.ts'
import { statusOf } from './admin/status.ts'

declare module 'fastify' {
  interface FastifyInstance {
    kafkaSseAdmin: Admin
  }
}

export interface AdminPluginOptions extends Parts {
  /** Figures of `guardConnections`; left out where the host guards its connections. */
  readonly connections?: ConnectionFigures
  /** Figures of the worker threads. Left out in a process that has none. */
  readonly workerPool?: WorkerPoolFigures
}

async function admin(app: FastifyInstance, options: AdminPluginOptions): Promise<void> {
  const delay = new EventLoopDelay()
  app.addHook('onClose', async () => delay.close())
  const wholeProcess = figuresOfProcess(delay, options)
  const registry = createRegistry({ ...options, wholeProcess })
  app.decorate('kafkaSseAdmin', {
    notReady: () => notReadyReasons(options),
    metrics: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
    status: () => statusOf(options, wholeProcess),
  })
}

export const kafkaSseAdmin = fastifyPlugin(admin, { name: 'kafka-sse-admin', fastify: '5.x' })
export default kafkaSseAdmin
