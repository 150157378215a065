// Settings of the connection to Kafka, and of how much of each topic is kept in memory.

import type { KafkaOptions } from '../options.ts'
import type { Setting } from './setting.ts'

/** librdkafka passes over a broker with any other protocol, such as http. */
const PROTOCOL = '((SASL_)?(PLAINTEXT|SSL)|(sasl_)?(plaintext|ssl))://'
const PORT = '(0|[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])'
const BROKER = `(${PROTOCOL})?(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9_.-]+):${PORT}`

export const KAFKA_SETTINGS: Record<keyof KafkaOptions, Setting> = {
  bootstrapServers: {
    type: 'string',
    env: 'KAFKA_BOOTSTRAP_SERVERS',
    description: 'Kafka brokers to connect to first',
    expects: 'host:port, several separated by commas',
    pattern: `^${BROKER}( *, *${BROKER})*$`,
  },
  config: {
    type: 'object',
    env: 'KAFKA_CONFIG_*',
    description:
      'Any librdkafka property by its dotted name; `KAFKA_CONFIG_SASL_USERNAME` sets `sasl.username`',
    expects: 'librdkafka properties, each a string, a number or a boolean',
    secret: true,
    maxProperties: 200,
    propertyNames: { pattern: '^[a-z0-9._]+$', expects: 'a name of a librdkafka property' },
    additionalProperties: {
      type: ['string', 'number', 'boolean'],
      description: 'Value of a librdkafka property',
      secret: true,
    },
    default: {},
  },
  token: {
    callable: true,
    description:
      'Makes the tokens that brokers with SASL OAUTHBEARER ask for: see [below](#kafka-in-a-cloud)',
    expects: 'a function that resolves with token and expiresAt',
  },
  retainedBytesMax: {
    type: 'integer',
    env: 'KAFKA_RETAINED_BYTES_MAX',
    description: "Most bytes in one topic's bus; see [what happens at the bound](#what-a-bus-keeps)",
    minimum: 1_048_576,
    maximum: 17_179_869_184,
    default: 536_870_912,
  },
  retainedRecordsMax: {
    type: 'integer',
    env: 'KAFKA_RETAINED_RECORDS_MAX',
    description:
      "Most records in one topic's bus, superseded ones not counted; at this bound the same happens",
    minimum: 1_000,
    maximum: 100_000_000,
    default: 5_000_000,
  },
  retainedSecondsMax: {
    type: 'integer',
    nullable: true,
    env: 'KAFKA_RETAINED_SECONDS_MAX',
    description:
      'How long a record is kept if no newer record can replace it, counted from its timestamp or from its arrival: ' +
      'the earlier end holds. With `replay` latest these are the records without a key, otherwise all records',
    minimum: 1,
    maximum: 3_153_600_000,
    default: null,
  },
  deleteRetentionSeconds: {
    type: 'integer',
    env: 'KAFKA_DELETE_RETENTION_SECONDS',
    description:
      "How long a tombstone is kept at least with `replay` latest. Set it to the topic's delete.retention.ms, which " +
      'has the same default. Below 30, a tombstone that Kafka drops within 30 s may be missed; ' +
      'below 600, one that it drops while the topic is read at the start',
    minimum: 1,
    maximum: 3_153_600_000,
    default: 86_400,
  },
  topicsIdleSeconds: {
    type: 'number',
    env: 'TOPICS_IDLE_SECONDS',
    description:
      'How long a topic that clients name in a path is kept after its last stream has ended; looked at once a second',
    minimum: 0,
    maximum: 86_400,
    default: 300,
  },
  topicsBytesMax: {
    type: 'integer',
    env: 'TOPICS_BYTES_MAX',
    description:
      'Bytes in the buses of all topics that clients name in a path; see [what happens at the bound](#topics-by-path)',
    minimum: 1_048_576,
    maximum: 1_099_511_627_776,
    default: 2_147_483_648,
  },
  topicsOpenMax: {
    type: 'integer',
    env: 'TOPICS_OPEN_MAX',
    description: 'Topics that are open because clients name them in a path; at this bound the same happens',
    minimum: 1,
    maximum: 1_000,
    default: 100,
  },
  metricsPartitionsMax: {
    type: 'integer',
    env: 'METRICS_PARTITIONS_MAX',
    description:
      'Partitions, of all topics together, whose position and lag `/metrics` shows one by one. ' +
      'Those of further ones are in the sums by topic alone',
    minimum: 0,
    maximum: 10_000,
    default: 100,
  },
  controlTopic: {
    type: 'string',
    nullable: true,
    env: 'KAFKA_CONTROL_TOPIC',
    description:
      'Topic by which replicas tell each other renewals, revocations and redeemed tickets: see ' +
      '[control-topic.md](control-topic.md). Requires `SECRET_KEY`. Default: none, so that each process is alone',
    expects: "a topic's name: letters, digits, dots, underscores and hyphens, 249 at most",
    pattern: '^[A-Za-z0-9._-]{1,249}$',
    default: null,
  },
}
