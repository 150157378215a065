// Settings of the streams: which there are, and the limits that all of them live under.

import type { SseOptions, StreamOptions } from '../options.ts'
import { DEFAULT_SCOPE } from '../token/session.ts'
import type { Setting } from './setting.ts'

/** The stream of a server that lists none. */
export const ONLY_STREAM = { path: '/events', topic: 'events' }

/** One of `streams`. The variables are for the one stream that there is without a list: `/events`. */
export const STREAM_SETTINGS: Record<keyof StreamOptions, Setting> = {
  path: {
    type: 'string',
    description: "Path of the stream in Fastify's notation",
    expects: 'a path that begins with / and has no query',
    pattern: '^/[^?#\\s]*$',
    maxLength: 1000,
  },
  topic: {
    type: 'string',
    env: 'KAFKA_TOPIC',
    description: `Kafka topic of the stream; the variable is for the one stream \`${ONLY_STREAM.path}\`, whose topic is \`${ONLY_STREAM.topic}\` without it`,
    expects: "a topic's name: letters, digits, dots, underscores and hyphens, 249 at most",
    pattern: '^(?!\\.{1,2}$)[A-Za-z0-9._-]{1,249}$',
  },
  scope: {
    type: 'string',
    nullable: true,
    env: 'JWT_SCOPE',
    description:
      'Scope that a token must grant; with null any valid token will do. The variable sets it for `/events`',
    expects: 'one scope (RFC 6749 section 3.3)',
    pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]{1,200}$',
    default: DEFAULT_SCOPE,
  },
  encoding: {
    type: 'string',
    description: 'How values are written: as UTF-8, in base64, or with key, headers and offset in JSON',
    enum: ['text', 'base64', 'envelope'],
    default: 'text',
  },
  replay: {
    type: 'string',
    env: 'KAFKA_REPLAY',
    description:
      'What a client gets that brings no id: the newest value of every key, every record that is kept, or none. With `latest` superseded values may be passed over, as on a compacted topic; with the others each record counts. The variable is for `/events`',
    enum: ['latest', 'all', 'none'],
    default: 'latest',
  },
}

export const SSE_SETTINGS: Record<keyof SseOptions, Setting> = {
  challengeSeconds: {
    type: 'number',
    env: 'CHALLENGE_SECONDS',
    description: "How long before its token's exp a stream is challenged",
    minimum: 0.1,
    maximum: 3600,
    default: 10,
  },
  heartbeatSeconds: {
    type: 'number',
    env: 'HEARTBEAT_SECONDS',
    description:
      'At most this long after the last byte a comment is sent; okhttp gives up after 10 s of silence',
    minimum: 0.1,
    maximum: 300,
    default: 9,
  },
  drainSeconds: {
    type: 'number',
    env: 'DRAIN_SECONDS',
    description: 'On SIGTERM, how long the streams have to end',
    minimum: 0,
    maximum: 600,
    default: 10,
  },
  stalledSeconds: {
    type: 'number',
    env: 'STALLED_SECONDS',
    description: 'A stream whose peer takes no byte for this long ends as `slow`',
    minimum: 0.1,
    maximum: 3600,
    default: 30,
  },
  turnMs: {
    type: 'number',
    env: 'STREAMS_TURN_MS',
    description:
      'How long streams are written to before connections, renewals and deadlines have their turn again: longer turns keep those waiting, and save nothing (docs/performance.md)',
    minimum: 0.05,
    maximum: 50,
    default: 0.3,
  },
  streamsMax: {
    type: 'integer',
    env: 'STREAMS_MAX',
    description: 'Streams open at once in this process',
    minimum: 1,
    maximum: 1_000_000,
    default: 20_000,
  },
  streamsPerSubjectMax: {
    type: 'integer',
    env: 'STREAMS_PER_SUBJECT_MAX',
    description: 'Of these, held by one issuer and subject',
    minimum: 1,
    maximum: 1_000_000,
    default: 1_000,
  },
  streamsPerAddressMax: {
    type: 'integer',
    env: 'STREAMS_PER_ADDRESS_MAX',
    description: 'Of these, from one address; behind a load balancer all come from its own',
    minimum: 1,
    maximum: 1_000_000,
    default: 20_000,
  },
  corsOrigins: {
    type: 'array',
    env: 'CORS_ORIGINS',
    description: 'Origins whose pages may read the streams; `none`: no CORS headers from here',
    expects: '* or origins such as https://app.example.com, separated by commas, or none',
    maxItems: 100,
    items: { type: 'string', description: 'An origin', pattern: '^(\\*|https?://[^/\\s,]+)$' },
    default: ['*'],
  },
  adminPath: {
    type: 'string',
    nullable: true,
    description:
      "Path, behind the plugin's prefix, at which it adds health, metrics and status to its host's app; a server has ADMIN_PORT for them",
    expects: 'a path that begins with / and has no query',
    pattern: '^/[^?#\\s]*$',
    maxLength: 1000,
    default: null,
  },
}
