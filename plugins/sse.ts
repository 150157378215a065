// The open streams as a Fastify decorator: `app.kafkaSse`. Ends them when the app closes.

import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { SseOptions } from '../src/options.ts'
import { type Shared, Streams } from '../src/stream/streams.ts'

declare module 'fastify' {
  interface FastifyInstance {
    kafkaSse: Streams
  }
}

export interface SsePluginOptions extends Omit<SseOptions, 'adminPath' | 'corsOrigins' | 'drainSeconds'> {
  /** What the streams of several threads share. */
  readonly shared?: Shared
}

/** Ends the streams in `preClose`, because Fastify's close would wait for them for ever. */
async function sse(app: FastifyInstance, options: SsePluginOptions): Promise<void> {
  const settings = {
    challengeMs: options.challengeSeconds * 1000,
    heartbeatMs: options.heartbeatSeconds * 1000,
    stalledMs: options.stalledSeconds * 1000,
    turnMs: options.turnMs,
    streamsMax: options.streamsMax,
    streamsPerSubjectMax: options.streamsPerSubjectMax,
    streamsPerAddressMax: options.streamsPerAddressMax,
  }
  const streams = new Streams(settings, options.shared)
  app.decorate('kafkaSse', streams)
  app.addHook('preClose', () => streams.close())
}

export default fastifyPlugin(sse, { name: 'kafka-sse-streams', fastify: '5.x' })
