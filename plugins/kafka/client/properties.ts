// From our options to librdkafka's properties: what must hold wins, what is asked for against it is refused by name.
// Nothing secret in a property ever reaches a message: see `redactor`.

import type { KafkaOptions } from '../../../src/options.ts'
import { refuseMissing } from './librdkafka-build.ts'

type Properties = Record<string, string | number | boolean>

export interface ClientProperties {
  readonly global: Properties
  readonly topic: Properties
}

/** Shown to the brokers, and what an access rule on the group would name: nothing joins it, nothing is committed to it. */
const CLIENT_ID = 'fastify-kafka-sse'

/**
 * What the promises of the stream rest on. Another value for one of these is refused. With `auto.offset.reset` at a place,
 * librdkafka would go there by itself when records are gone or the log was cut off, and nobody would be told.
 */
const CONSUMER_HOLDS: Properties = {
  'enable.auto.commit': false,
  'enable.auto.offset.store': false,
  'enable.partition.eof': true,
  'isolation.level': 'read_committed',
  'auto.offset.reset': 'error',
  'allow.auto.create.topics': false,
}

/**
 * Defaults that the options may replace. librdkafka holds at most `queued.max.messages.kbytes` plus one answer of
 * `fetch.max.bytes` that nobody has read yet (one record more where it is larger): 4 + 4 MiB; four times as much was no
 * faster, and cost 10 to 20 bytes more for each of a million keys. With its own default for
 * the pause at a full queue (1 s) reading stops and goes: 73,000 records/s instead of 136,000. An end of partition is
 * told `fetch.wait.max.ms` after the last record. A broker that hangs is given up after half a minute, librdkafka's own minute
 * halved: until then it goes on being asked for what any broker knows. A record of 16 MiB has as long to come.
 */
const CONSUMER_DEFAULTS: Properties = {
  'client.id': CLIENT_ID,
  'group.id': CLIENT_ID,
  'queued.max.messages.kbytes': 4_096,
  'fetch.max.bytes': 4_194_304,
  'fetch.queue.backoff.ms': 10,
  'fetch.wait.max.ms': 100,
  'reconnect.backoff.max.ms': 2_000,
  'socket.timeout.ms': 30_000,
}

const PRODUCER_DEFAULTS: Properties = {
  'client.id': CLIENT_ID,
  'linger.ms': 5,
  'message.max.bytes': 33_554_432,
  'reconnect.backoff.max.ms': 1_000,
}

/** Properties that librdkafka keeps per topic: set among the global ones, node-rdkafka would lose them. */
const TOPIC_PROPERTIES = new Set([
  'acks',
  'auto.offset.reset',
  'compression.level',
  'consume.callback.max.messages',
  'delivery.timeout.ms',
  'message.timeout.ms',
  'partitioner',
  'queuing.strategy',
  'request.required.acks',
  'request.timeout.ms',
])

/** Debug context in whose lines librdkafka tells of topic ids and of partitions that it reads no further: see log-line.ts. */
const DEBUG_CONTEXT = 'topic'

export function consumerProperties(options: KafkaOptions): ClientProperties {
  const config = options.config ?? {}
  for (const [name, value] of Object.entries(CONSUMER_HOLDS)) refuseOther(config, name, value)
  const debug = asksForDebug(options) ? `${config.debug},${DEBUG_CONTEXT}` : DEBUG_CONTEXT
  return separate({ ...CONSUMER_DEFAULTS, ...ownProperties(options), ...CONSUMER_HOLDS, debug })
}

/** Whether librdkafka's debug lines are for the operator, too. */
export function asksForDebug({ config = {} }: KafkaOptions): boolean {
  return config.debug !== undefined && config.debug !== ''
}

/** `overrides` are what the caller cannot do without, such as a time-out of its own. */
export function producerProperties(options: KafkaOptions, overrides: Properties = {}): ClientProperties {
  return separate({ ...PRODUCER_DEFAULTS, ...overrides, ...ownProperties(options), dr_cb: true })
}

function ownProperties(options: KafkaOptions): Properties {
  const config = options.config ?? {}
  refuseMissing(config)
  for (const name of ['bootstrap.servers', 'metadata.broker.list']) {
    refuseOther(config, name, options.bootstrapServers)
  }
  const callback = Object.keys(config).find((name) => name.endsWith('_cb'))
  if (callback !== undefined)
    throw new Error(`Kafka property ${callback} cannot be configured: it is a function`)
  const { 'metadata.broker.list': _, ...rest } = config
  return { ...rest, 'bootstrap.servers': options.bootstrapServers }
}

function refuseOther(config: Properties, name: string, held: string | number | boolean): void {
  const asked = config[name]
  if (asked === undefined || String(asked) === String(held)) return
  throw new Error(`Kafka property ${name} cannot be configured: it is ${held}`)
}

function separate(properties: Properties): ClientProperties {
  const entries = Object.entries(properties)
  const isTopic = ([name]: [string, unknown]) => TOPIC_PROPERTIES.has(name)
  return {
    global: Object.fromEntries(entries.filter((entry) => !isTopic(entry))),
    topic: Object.fromEntries(entries.filter(isTopic)),
  }
}

const SECRET = /password|secret|token|passphrase|key\.pem|oauthbearer|jaas|username/
/** A shorter one would take half of every message with it, and hides nothing. */
const SECRET_LENGTH_MIN = 3

/** A function that takes every configured secret out of a text that librdkafka worded. */
export function redactor(options: KafkaOptions): (text: string) => string {
  const secrets = Object.entries(options.config ?? {})
    .filter(([name, value]) => SECRET.test(name) && String(value).length >= SECRET_LENGTH_MIN)
    .map(([, value]) => String(value))
  return (text) => secrets.reduce((redacted, secret) => redacted.replaceAll(secret, '***'), text)
}

/** The result of `call`, or its error without the secrets. */
export function redacting<T>(redact: (text: string) => string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw new Error(`Kafka: ${redact(error instanceof Error ? error.message : String(error))}`)
  }
}
