// `fastify-kafka-sse/sse`: open streams alone. Decorates the app with `kafkaSseStreams`, for routes of the host's own;
// with `streams` it has their routes, too, on the authenticator and the topics that the app has. Its options are those
// of `sse` and `streams`, by the same schema.

import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { leaveStream, takeStream } from '../../routes/stream-response.ts'
import { registerOpenStreams, registerStreamRoutes } from '../app/registration.ts'
import { withSecretKey } from '../app/sealing.ts'
import { ConfigError } from '../config/config-error.ts'
import { validatePart } from '../config/parse.ts'
import type { AuthOptions, SseOptions, StreamOptions } from '../options.ts'
import type { Streams } from '../stream/streams.ts'
import { refuseWholeOnly } from './whole-only.ts'

export { sendStream } from '../../routes/stream-response.ts'
export type { RequestedBeginning } from '../beginning/requested-beginning.ts'
export { clientAddress } from '../limits/client-address.ts'
export type { SseOptions, StreamOptions } from '../options.ts'
export type { Sink } from '../stream/sink.ts'
export type { StreamRequest, Streams } from '../stream/streams.ts'

declare module 'fastify' {
  interface FastifyInstance {
    kafkaSseStreams: Streams
  }
}

/** The options of `sse`, but for those of operators and replicas, which need all parts of the plugin. */
export interface SsePartOptions
  extends Partial<Omit<SseOptions, 'adminPath' | 'controlBlind' | 'controlBlindSeconds' | 'drainSeconds'>>,
    Pick<AuthOptions, 'renewBy'> {
  /** Streams with routes of their own. They need `app.kafkaSseAuth` and `app.kafkaSseTopics`. Default: none. */
  streams?: StreamOptions[]
  /** Of the streams' paths. Default: none. */
  prefix?: string
}

/** Options of a route whose handler answers by `sendStream`: the hooks that take the response out of Fastify. */
export const streamHooks = { exposeHeadRoute: false, onSend: takeStream, onError: leaveStream }

/** What `streams` need of the app. */
const NEEDED = { kafkaSseAuth: 'fastify-kafka-sse/auth', kafkaSseTopics: 'fastify-kafka-sse/kafka' }

async function ssePart(app: FastifyInstance, options: SsePartOptions): Promise<void> {
  const { streams, renewBy, prefix = '', ...given } = options
  refuseWholeOnly(given, ['adminPath', 'controlBlind', 'controlBlindSeconds', 'drainSeconds'])
  const resolved = validatePart({
    sse: given,
    ...(streams !== undefined && { streams }),
    auth: { authenticate: () => null, ...(renewBy !== undefined && { renewBy }) },
  })
  // Another part authenticates, of ours or of the host's own.
  const lifetimes = null
  if (streams === undefined) return registerOpenStreams(app, resolved, { lifetimes })
  const missing = Object.entries(NEEDED).filter(([name]) => !app.hasDecorator(name))
  if (missing.length > 0)
    throw new ConfigError(
      missing.map(([name, part]) => `options.streams needs app.${name}: register ${part} before this part`),
    )
  const keyed = withSecretKey(resolved, app.log)
  const sources = { topics: app.kafkaSseTopics }
  await registerOpenStreams(app, keyed, { ...sources, lifetimes })
  await registerStreamRoutes(app, keyed, sources, prefix)
}

export const kafkaSseStreams = fastifyPlugin(ssePart, { fastify: '5.x', name: 'kafka-sse-streams-part' })
export default kafkaSseStreams
