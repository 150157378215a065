// Registers streams with the topics that they read from Kafka. Only the main thread loads this file, because
// node-rdkafka is not context-aware, so that no worker can load it.

import type { FastifyInstance } from 'fastify'
import kafka from '../../plugins/kafka.ts'
import type { ResolvedOptions } from '../options.ts'
import { registerStreams, type StreamsOptions } from './registration.ts'
import { withSecretKey } from './sealing.ts'

export async function registerKafkaStreams(
  app: FastifyInstance,
  options: StreamsOptions & Pick<ResolvedOptions, 'kafka'>,
): Promise<void> {
  await app.register(kafka, options.kafka)
  await registerStreams(app, withSecretKey(options, app.log), { topics: app.kafkaSseTopics })
}
