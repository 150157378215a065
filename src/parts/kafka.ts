// `fastify-kafka-sse/kafka`: topics alone. Decorates the app with `kafkaSseTopics`. Its options are those of `kafka`,
// by the same schema.

import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import kafka from '../../plugins/kafka.ts'
import type { Topics } from '../bus/topic.ts'
import { validatePart } from '../config/parse.ts'
import type { KafkaOptions } from '../options.ts'
import { refuseWholeOnly } from './whole-only.ts'

export type { FedTopic, Topic, TopicLease, TopicRefusal, Topics } from '../bus/topic.ts'
export type { KafkaOptions } from '../options.ts'

declare module 'fastify' {
  interface FastifyInstance {
    kafkaSseTopics: Topics
  }
}

/** The options of `kafka`, but for the control topic, which needs all parts of the plugin. */
export type KafkaPartOptions = Omit<KafkaOptions, 'controlTopic'>

async function kafkaPart(app: FastifyInstance, options: KafkaPartOptions): Promise<void> {
  refuseWholeOnly(options, ['controlTopic'])
  await app.register(kafka, validatePart({ kafka: options }).kafka)
}

export const kafkaSseKafka = fastifyPlugin(kafkaPart, { fastify: '5.x', name: 'kafka-sse-kafka-part' })
export default kafkaSseKafka
