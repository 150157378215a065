// The open streams as a Fastify decorator: `app.kafkaSseStreams`. Ends them when the app closes.

import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { AUTH_SETTINGS } from '../src/config/auth-settings.ts'
import { withDefaults } from '../src/config/setting.ts'
import { LIMIT_SETTINGS, SSE_SETTINGS } from '../src/config/stream-settings.ts'
import { createRateMemory, RateLimits, ratesOf } from '../src/limits/rate-limits.ts'
import type { AuthOptions, SseOptions } from '../src/options.ts'
import type { Shared } from '../src/stream/sharing/shared.ts'
import { Streams } from '../src/stream/streams.ts'
import type { TokenLifetimes } from '../src/token/revocation.ts'

declare module 'fastify' {
  interface FastifyInstance {
    kafkaSseStreams: Streams
    kafkaSseRates: RateLimits
  }
}

/** The settings of streams. The schema has a default for each. */
const STREAMS_SETTINGS = [
  'challengeSeconds',
  'heartbeatSeconds',
  'stalledSeconds',
  'ageMaxSeconds',
  'turnMs',
  ...LIMIT_SETTINGS,
] as const

export interface SsePluginOptions
  extends Partial<Pick<SseOptions, (typeof STREAMS_SETTINGS)[number]>>,
    Pick<AuthOptions, 'renewBy'> {
  /** What the streams of several threads share. */
  readonly shared?: Shared
  /** Where the threads of a process count rates. Default: memory of this thread's own. */
  readonly rateMemory?: SharedArrayBuffer
  /** Of the tokens that are accepted. Default: unknown, so that a revocation has to name its issuer, any one. */
  readonly lifetimes?: TokenLifetimes
}

/** Ends the streams in `preClose`, because Fastify's close would wait for them for ever. */
async function sse(app: FastifyInstance, options: SsePluginOptions): Promise<void> {
  const filled = withDefaults(options, SSE_SETTINGS, STREAMS_SETTINGS)
  const settings = {
    challengeMs: filled.challengeSeconds * 1000,
    heartbeatMs: filled.heartbeatSeconds * 1000,
    stalledMs: filled.stalledSeconds * 1000,
    ageMaxMs: filled.ageMaxSeconds === null ? null : filled.ageMaxSeconds * 1000,
    turnMs: filled.turnMs,
    renewBy: withDefaults(options, AUTH_SETTINGS, ['renewBy']).renewBy,
    streamsMax: filled.streamsMax,
    streamsPerSubjectMax: filled.streamsPerSubjectMax,
    streamsPerAddressMax: filled.streamsPerAddressMax,
    lifetimes: options.lifetimes ?? null,
  }
  const streams = new Streams(settings, options.shared)
  const memory = options.rateMemory ?? createRateMemory()
  const refused = streams.figures.limited
  app.decorate('kafkaSseStreams', streams)
  app.decorate('kafkaSseRates', new RateLimits({ rates: ratesOf(filled), memory, refused }))
  app.addHook('preClose', () => streams.close())
}

export default fastifyPlugin(sse, { name: 'kafka-sse-streams', fastify: '5.x' })
