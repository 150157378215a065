// Registers streams with the topics that they read from Kafka. Only the main thread loads this file, because
// node-rdkafka is not context-aware, so that no worker can load it.

import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import kafka, { type KafkaPluginOptions } from '../../plugins/kafka.ts'
import { tokenLifetimes } from '../config/auth/token-lifetimes.ts'
import { secretsOf } from '../config/secret-key.ts'
import type { ControlCenter } from '../control/control-center.ts'
import { ControlKeys } from '../control/control-keys.ts'
import type { ResolvedOptions } from '../options.ts'
import type { LiveSettings } from '../reload/live-settings.ts'
import { CountedAdmission } from '../stream/admission.ts'
import { type Shared, unshared } from '../stream/sharing/shared.ts'
import { registerStreams, type StreamsOptions } from './registration.ts'
import { keptUpToDate, withSecretKey } from './sealing.ts'

/** `sharedLog`: see `KafkaPluginOptions`. */
export async function registerKafkaStreams(
  app: FastifyInstance,
  options: StreamsOptions & Pick<ResolvedOptions, 'kafka'>,
  {
    live,
    sharedLog = app.log,
  }: { readonly live?: LiveSettings; readonly sharedLog?: FastifyBaseLogger } = {},
): Promise<void> {
  await app.register(kafka, { ...kafkaOptions(options, live), sharedLog })
  const { kafkaSseTopics: topics, kafkaSseControlCenter: center } = app
  const admission = new CountedAdmission(options.sse)
  live?.onChange(({ sse }) => admission.limitTo(sse))
  const alone = unshared(options.sse, admission)
  await registerStreams(app, withSecretKey(options, app.log), {
    topics,
    center,
    shared: center === null ? alone : sharedWith(center, alone),
    ...(center !== null && { redeemTicket: center.redeem }),
    ...(live && { live }),
  })
  const { kafkaSseStreams: streams, kafkaSseControl: control } = app
  center?.start({ revocations: streams.revocations, receive: (news) => control?.receive(news) })
}

/** This is the only thread; what it revokes concerns other replicas. */
function sharedWith(center: ControlCenter, alone: Shared): Shared {
  return { ...alone, revokeElsewhere: (revocation) => center.revoke(revocation) }
}

/** Of the process that reads Kafka. */
export function kafkaOptions(
  { kafka, sse, auth }: Pick<ResolvedOptions, 'kafka' | 'sse' | 'auth'>,
  live?: LiveSettings,
): KafkaPluginOptions {
  const { secretKey, controlBlindSeconds } = sse
  if (secretKey === null) return kafka
  const keys = keptUpToDate(new ControlKeys(secretsOf(secretKey)), { sse }, live)
  const blindMs = controlBlindSeconds * 1000
  return {
    ...kafka,
    control: { keys, blindMs, lifetimes: tokenLifetimes({ auth }) },
  }
}
