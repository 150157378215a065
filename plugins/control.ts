// What this thread knows of the other replicas, as a Fastify decorator: `app.kafkaSseControl`. It acts on the thread's
// streams. null without a control topic.

import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { ControlCenter } from '../src/control/control-center.ts'
import { ThreadControl } from '../src/control/thread-control.ts'
import { SYSTEM_CLOCK } from '../src/stream/clock.ts'

declare module 'fastify' {
  interface FastifyInstance {
    kafkaSseControl: ThreadControl | null
  }
}

export interface ControlPluginOptions {
  /** null: there is no control topic. */
  readonly center: Pick<ControlCenter, 'renew'> | null
  /** What open streams do once it is not known any more what was revoked. */
  readonly whenBlind: 'continue' | 'end'
}

async function control(app: FastifyInstance, { center, whenBlind }: ControlPluginOptions): Promise<void> {
  const streams = app.kafkaSseStreams
  const made = center === null ? null : new ThreadControl({ center, streams, whenBlind, clock: SYSTEM_CLOCK })
  app.decorate('kafkaSseControl', made)
  app.addHook('onClose', async () => made?.close())
}

export default fastifyPlugin(control, {
  name: 'kafka-sse-control',
  fastify: '5.x',
  dependencies: ['kafka-sse-streams'],
})
