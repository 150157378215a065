// Readiness, metrics and live figures as a Fastify decorator: `app.kafkaSseAdmin`. It may be on another instance than
// the streams, because its options hold all that it needs of them. The routes are in routes/admin.ts.

import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { Admin } from '../src/admin/admin.ts'
import { EventLoopDelay } from '../src/admin/event-loop-delay.ts'
import { notReadyReasons, type Parts } from '../src/admin/readiness.ts'
import { ConfigError } from '../src/config/config-error.ts'
import type { ConnectionFigures } from '../src/http/connection.ts'
import type { ServedCertificate } from '../src/http/served-certificate.ts'
import { createRegistry } from './admin/metrics.ts'
import { figuresOfProcess, type WorkerPoolFigures } from './admin/process-figures.ts'
import { RevocationRoom } from './admin/revocation-room.ts'
import { Sampler } from './admin/sampler.ts'
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
  /** Left out where the host listens. */
  readonly served?: ServedCertificate
}

/** The options that are required, each with the decorator of the part that it takes. */
const PARTS: Readonly<Record<Exclude<keyof Parts, 'control' | 'departure'>, string>> = {
  streams: 'app.kafkaSseStreams',
  topics: 'app.kafkaSseTopics',
  authenticator: 'app.kafkaSseAuth',
}

async function admin(app: FastifyInstance, given: GivenParts): Promise<void> {
  const options = withParts(given)
  const delay = new EventLoopDelay()
  app.addHook('onClose', async () => delay.close())
  const wholeProcess = figuresOfProcess(delay, options)
  const registry = createRegistry({ ...options, wholeProcess })
  const sampler = new Sampler({ streams: options.streams, wholeProcess })
  const room = new RevocationRoom(options.streams.revocations, app.log)
  app.addHook('onClose', async () => {
    sampler.close()
    room.close()
  })
  app.decorate('kafkaSseAdmin', {
    notReady: () => notReadyReasons(options),
    metrics: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
    status: (hasHistory) => statusOf({ parts: options, wholeProcess, history: sampler.history }, hasHistory),
  })
}

type GivenParts = Omit<AdminPluginOptions, 'control'> & Partial<Pick<AdminPluginOptions, 'control'>>

/** Throws a ConfigError with a line for each part that is missing. */
function withParts(given: GivenParts): AdminPluginOptions {
  const { control = null, ...parts }: Partial<GivenParts> = given
  const missing = Object.entries(PARTS).filter(([name]) => typeof Object(parts)[name] !== 'object')
  const problems = missing.map(([name, decorator]) => `options.${name} is missing: ${decorator}`)
  if (problems.length > 0) throw new ConfigError(problems)
  return { ...given, control }
}

export const kafkaSseAdmin = fastifyPlugin(admin, { name: 'kafka-sse-admin', fastify: '5.x' })
export default kafkaSseAdmin
