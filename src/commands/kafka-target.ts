// Chooses the Kafka of a command: that of its option, that of the settings, or the embedded broker of this folder.

import { ConfigError } from '../config/config-error.ts'
import { connectionFaults } from '../config/kafka/connection-rules.ts'
import { lineOf, mergeSettings } from '../config/merged-settings.ts'
import { ONLY_STREAM } from '../config/streams/single-stream-settings.ts'
import type { KafkaOptions } from '../options.ts'
import { findBroker } from './broker-file.ts'

export interface KafkaTarget {
  readonly kafka: KafkaOptions
  /** The topic of the first stream. */
  readonly topic: string
}

/**
 * `serversOption`: the value of --bootstrap-servers. Rejects with a ConfigError for invalid settings, with an Error if
 * no Kafka is found.
 */
export async function findKafka(
  serversOption: string | undefined,
  env: NodeJS.ProcessEnv,
  folder: string,
): Promise<KafkaTarget> {
  const settings = await mergeSettings(env)
  const { document } = settings
  const problems = [
    ...settings.problems,
    ...connectionFaults(document).map((fault) => lineOf(fault, settings)),
  ]
  if (problems.length > 0) throw new ConfigError(problems)
  const kafka = propertiesOf(document.kafka)
  const bootstrapServers = serversOption ?? textOf(kafka.bootstrapServers) ?? (await findBroker(folder))
  if (bootstrapServers === null) {
    throw new Error(
      'no Kafka: set KAFKA_BOOTSTRAP_SERVERS, give --bootstrap-servers, or run `kafka-sse broker` in this folder',
    )
  }
  const [stream] = Array.isArray(document.streams) ? document.streams : []
  const config = Object.fromEntries(Object.entries(propertiesOf(kafka.config)).filter(isProperty))
  return {
    kafka: { bootstrapServers, config, ...(isFunction(kafka.token) && { token: kafka.token }) },
    topic: textOf(propertiesOf(stream).topic) ?? ONLY_STREAM.topic,
  }
}

function propertiesOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** What the function answers with is checked when it is called. */
function isFunction(value: unknown): value is NonNullable<KafkaOptions['token']> {
  return typeof value === 'function'
}

function isProperty(entry: [string, unknown]): entry is [string, string | number | boolean] {
  return ['string', 'number', 'boolean'].includes(typeof entry[1])
}
