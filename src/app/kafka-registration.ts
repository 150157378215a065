// Registers streams with the topics that they read from Kafka. Only the main thread loads this file, because
// node-rdkafka is not context-aware, so that no worker can load it.

import type { FastifyInstance } from 'fastify'
import kafka, { type KafkaPluginOptions } from '../../plugins/kafka.ts'
import { tokenLifetimes } from '../config/auth/token-lifetimes.ts'
import { secretsOf } from '../config/secret-key.ts'
import type { ControlCenter } from '../control/control-center.ts'
import type { ResolvedOptions } from '../options.ts'
import { type Shared, unshared } from '../stream/sharing/shared.ts'
import { registerStreams, type StreamsOptions } from './registration.ts'
import { withSecretKey } from './sealing.ts'

export async function registerKafkaStreams(
  app: FastifyInstance,
  options: StreamsOptions & Pick<ResolvedOptions, 'kafka'>,
): Promise<void> {
  await app.register(kafka, kafkaOptions(options))
  const { kafkaSseTopics: topics, kafkaSseControlCenter: center } = app
  const redeeming = center !== null && { redeemTicket: center.redeem, shared: sharedWith(center, options) }
  await registerStreams(app, withSecretKey(options, app.log), { topics, center, ...redeeming })
  const { kafkaSseStreams: streams, kafkaSseControl: control } = app
  center?.start({ revocations: streams.revocations, receive: (news) => control?.receive(news) })
}

/** This is the only thread; what it revokes concerns other replicas. */
function sharedWith(center: ControlCenter, { sse }: Pick<ResolvedOptions, 'sse'>): Shared {
  return { ...unshared(sse), revokeElsewhere: (revocation) => center.revoke(revocation) }
}

/** Of the process that reads Kafka. */
export function kafkaOptions({
  kafka,
  sse,
  auth,
}: Pick<ResolvedOptions, 'kafka' | 'sse' | 'auth'>): KafkaPluginOptions {
  const { secretKey, controlBlindSeconds } = sse
  if (secretKey === null) return kafka
  const blindMs = controlBlindSeconds * 1000
  return {
    ...kafka,
    control: { secrets: secretsOf(secretKey), blindMs, lifetimes: tokenLifetimes({ auth }) },
  }
}
