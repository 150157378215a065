// The Fastify plugin, and the package's main entry point: `app.register(kafkaSse, options)`.

import type { FastifyInstance, RegisterOptions } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { closedOnFailure } from './app/closed-on-failure.ts'
import { addToHost, type KafkaSse, logOf, requireDecorator } from './app/host-handle.ts'
import { registerKafkaStreams } from './app/kafka-registration.ts'
import { partsOf, registerAdmin } from './app/registration.ts'
import { ConfigError } from './config/config-error.ts'
import { validateOptions } from './config/parse.ts'
import { errorCode, errorWords } from './errors.ts'
import type { KafkaSseOptions } from './options.ts'

export type { ErrorCode } from './app/error-codes.ts'
export type { KafkaSse, KafkaSseRegistration, Readiness, StreamFigures } from './app/host-handle.ts'
export type { Encoding, Replay } from './bus/record.ts'
export type { ConnectionFigures, ConnectionLimits } from './http/connection.ts'
export { type GuardedServer, guardConnections } from './http/connection-limits.ts'
export { logRedaction } from './http/log-redaction.ts'
export type {
  AuthOptions,
  IssuerOptions,
  KafkaOptions,
  KafkaSseOptions,
  SingleIssuerOptions,
  SseOptions,
  StreamOptions,
} from './options.ts'
export type { RevocationRequest } from './token/revocation.ts'
export type { HostAnswer, HostSession, Session } from './token/session.ts'
export { ConfigError }

declare module 'fastify' {
  interface FastifyInstance {
    /** Speaks for all registrations in the instance that has it, and in those below it. */
    kafkaSse: KafkaSse
  }
}

/**
 * Adds a route for each of `options.streams`, which streams its Kafka topic to clients with a token. Rejects with a
 * ConfigError (`FKS_CONFIG_INVALID`) whose `problems` list everything that is wrong with the options, or name the
 * decorator or the route that `host` has already. Routes that it has added by then answer as if they did not exist, and
 * what it has opened is closed.
 * docs/configuration.md has each option with its unit, default and range; docs/protocol.md has the wire format.
 */
export async function kafkaSse(
  host: FastifyInstance,
  options: KafkaSseOptions & RegisterOptions,
): Promise<void> {
  const resolved = validateOptions(options)
  requireDecorator(host)
  const { prefix, logLevel, logSerializers } = options
  const ofScope = {
    ...(prefix !== undefined && { prefix }),
    ...(logLevel !== undefined && { logLevel }),
    ...(logSerializers !== undefined && { logSerializers }),
  }
  let isRegistered = false
  try {
    await host.register(async (app) => {
      // Fastify cannot remove a route. Streams of a registration that failed would be none of `host.kafkaSse`, so that
      // no revocation of the host's would reach them.
      app.addHook('onRequest', (_request, reply, done) => {
        if (isRegistered) done()
        else reply.callNotFound()
      })
      app.log = logOf(host, app.prefix)
      await closedOnFailure(app, async () => {
        await registerKafkaStreams(app, resolved, { sharedLog: host.log })
        await registerAdmin(app, resolved.sse.adminPath)
      })
      addToHost(host, app.prefix, partsOf(app))
    }, ofScope)
    isRegistered = true
  } catch (error) {
    throw errorCode(error) === 'FST_ERR_DUPLICATED_ROUTE' ? routeTaken(error) : error
  }
}

/** Fastify's words name the method and the path. */
function routeTaken(error: unknown): ConfigError {
  const words = `the app has a route where the plugin needs one: ${errorWords(error)}`
  return new ConfigError([`${words}; set another prefix or another path`])
}

/** Makes its own scope, in which all but `host.kafkaSse` stays. So a host may name it among its `dependencies`. */
fastifyPlugin(kafkaSse, { name: 'fastify-kafka-sse', fastify: '5.x' })

export default kafkaSse
