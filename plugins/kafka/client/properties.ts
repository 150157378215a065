// Makes librdkafka's properties of our options. Refuses, by name, a property that contradicts a fixed one. No secret of
// a property reaches a message: see `redactor`.

import { ConfigError } from '../../../src/config/config-error.ts'
import { errorWords } from '../../../src/errors.ts'
import type { KafkaOptions } from '../../../src/options.ts'
import { refuseMissing } from './librdkafka-build.ts'

type Properties = Record<string, string | number | boolean>

export interface ClientProperties {
  readonly global: Properties
  readonly topic: Properties
}

/** Shown to the brokers, also as the group id, though nothing joins the group or commits to it. */
const CLIENT_ID = 'fastify-kafka-sse'

/**
 * librdkafka tries to connect again after half of this, tells the same failure twice, and then holds it back for 30 s.
 * A client hears nothing before it has connected to itself (new-client.ts): with librdkafka's default, 100, a process
 * that is 50 ms late there would hear neither, and have no reason to tell.
 */
const FAILURES_HEARD: Properties = { 'reconnect.backoff.ms': 500 }

/**
 * Fixed, because the stream's promises depend on them. With another `auto.offset.reset` librdkafka would silently go to
 * another offset when records are gone or the log was truncated.
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
 * Defaults that the options may replace. librdkafka buffers at most `queued.max.messages.kbytes` plus one answer of
 * `fetch.max.bytes`, or one record if that is larger: 4 + 4 MiB. Four times as much was no faster, and cost 10 to 20
 * bytes more for each of a million keys. With librdkafka's own pause at a full queue (1 s) reading stutters: 73,000
 * records/s instead of 136,000. An end of partition comes `fetch.wait.max.ms` after the last record. A broker that
 * hangs is given up after half of librdkafka's own minute; until then librdkafka goes on asking it. A record of 16 MiB
 * has as long to arrive. A record over `receive.message.max.bytes` would be asked for again and again, and nothing
 * behind it would come. So that property has its highest value, and librdkafka demands that it is 512 above the highest
 * `fetch.max.bytes`. These defaults are here and not in the schema, where `kafka.config` is one setting that may hold
 * any property of librdkafka.
 */
const CONSUMER_DEFAULTS: Properties = {
  'client.id': CLIENT_ID,
  'group.id': CLIENT_ID,
  'queued.max.messages.kbytes': 4_096,
  'fetch.max.bytes': 4_194_304,
  'fetch.queue.backoff.ms': 10,
  'fetch.wait.max.ms': 100,
  'receive.message.max.bytes': 2_147_483_647,
  ...FAILURES_HEARD,
  'reconnect.backoff.max.ms': 2_000,
  'socket.timeout.ms': 30_000,
}

const PRODUCER_DEFAULTS: Properties = {
  'client.id': CLIENT_ID,
  'linger.ms': 5,
  'message.max.bytes': 33_554_432,
  ...FAILURES_HEARD,
  'reconnect.backoff.max.ms': 1_000,
}

/** Fixed, because a record that was acknowledged must stay, once and in order, if a broker is lost. */
const LASTING_HOLDS: Properties = { acks: 'all', 'enable.idempotence': true, 'linger.ms': 0 }
/** What contradicts them, or would make a record wait. */
const LASTING_DROPS = new Set([
  'max.in.flight',
  'max.in.flight.requests.per.connection',
  'message.send.max.retries',
  'message.timeout.ms',
  'queue.buffering.max.ms',
  'queuing.strategy',
  'request.required.acks',
  'retries',
  'transactional.id',
])

/** Properties that librdkafka keeps per topic. node-rdkafka would lose them among the global ones. */
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

/**
 * `read_uncommitted`: records of transactions that are open or were aborted count, too. For a reader that one open
 * transaction of somebody else must not hold up.
 */
export type Isolation = 'read_committed' | 'read_uncommitted'

/** Debug context whose lines have topic ids and stopped partitions: see log-line.ts. */
const DEBUG_CONTEXT = 'topic'

export function consumerProperties(
  options: KafkaOptions,
  isolation: Isolation = 'read_committed',
): ClientProperties {
  const config = options.config ?? {}
  for (const [name, value] of Object.entries(CONSUMER_HOLDS)) refuseOther(config, name, value)
  const debug = asksForDebug(options) ? `${config.debug},${DEBUG_CONTEXT}` : DEBUG_CONTEXT
  const holds = { ...CONSUMER_HOLDS, 'isolation.level': isolation, debug }
  return separate({ ...CONSUMER_DEFAULTS, ...ownProperties(options), ...holds })
}

/** Whether the operator wants librdkafka's debug lines. */
export function asksForDebug({ config = {} }: KafkaOptions): boolean {
  return config.debug !== undefined && config.debug !== ''
}

/** `overrides`: the caller's own defaults, such as a time-out. */
export function producerProperties(options: KafkaOptions, overrides: Properties = {}): ClientProperties {
  return separate({ ...PRODUCER_DEFAULTS, ...overrides, ...ownProperties(options), dr_cb: true })
}

/**
 * As `producerProperties`, for records that must not be lost. What the options say of that is passed over: a server's
 * options are those of its consumers.
 */
export function lastingProducerProperties(options: KafkaOptions, holds: Properties): ClientProperties {
  const kept = Object.entries(ownProperties(options)).filter(([name]) => !LASTING_DROPS.has(name))
  const own = Object.fromEntries(kept)
  return separate({ ...PRODUCER_DEFAULTS, ...own, ...holds, ...LASTING_HOLDS, dr_cb: true })
}

/** Kafka knows 0, 1 and all, and refuses any other number after it has looked at the rights of who writes. */
const REFUSED_ACKS = 2
const WRITE_PROBE_MS = 5_000

/** Of a producer whose records Kafka refuses in any case, so that nothing is written. */
export function writeProbeProperties(options: KafkaOptions): ClientProperties {
  const kept = Object.entries(ownProperties(options)).filter(
    ([name]) => !LASTING_DROPS.has(name) && !(name in LASTING_HOLDS) && name !== 'delivery.timeout.ms',
  )
  const holds = { acks: REFUSED_ACKS, 'message.timeout.ms': WRITE_PROBE_MS, retries: 0, dr_cb: true }
  return separate({ ...PRODUCER_DEFAULTS, ...Object.fromEntries(kept), ...holds, 'linger.ms': 0 })
}

function ownProperties(options: KafkaOptions): Properties {
  const config = options.config ?? {}
  refuseMissing(config)
  for (const name of ['bootstrap.servers', 'metadata.broker.list']) {
    refuseOther(config, name, options.bootstrapServers)
  }
  const callback = Object.keys(config).find((name) => name.endsWith('_cb'))
  if (callback !== undefined)
    throw new ConfigError([`Kafka property ${callback} cannot be configured: it is a function`])
  const { 'metadata.broker.list': _, ...rest } = config
  return { ...rest, 'bootstrap.servers': options.bootstrapServers }
}

function refuseOther(config: Properties, name: string, held: string | number | boolean): void {
  const asked = config[name]
  if (asked === undefined || String(asked) === String(held)) return
  throw new ConfigError([`Kafka property ${name} cannot be configured: it is ${held}`])
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
/** An address, such as that of a token endpoint, is not one unless it has a user or a query. */
const PLAIN_URL = /^https?:\/\/[^@?#\s]+$/
/** To redact shorter values would remove half of every message, and hide nothing. */
const SECRET_LENGTH_MIN = 3

/** A function that removes every configured secret from a text of librdkafka's. */
export function redactor(options: KafkaOptions): (text: string) => string {
  const { config = {} } = options
  const secrets = Object.entries(config)
    .filter(([name]) => SECRET.test(name) && !(name.endsWith('.url') && PLAIN_URL.test(String(config[name]))))
    .map(([, value]) => String(value))
    .filter((value) => value.length >= SECRET_LENGTH_MIN)
  return (text) => secrets.reduce((redacted, secret) => redacted.replaceAll(secret, '***'), text)
}

/** The result of `call`, which librdkafka refuses for a property; its error without secrets. */
export function redacting<T>(redact: (text: string) => string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw new ConfigError([`Kafka: ${redact(errorWords(error))}`])
  }
}
