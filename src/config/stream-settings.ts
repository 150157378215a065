// Settings of the timing and the limits of all streams together, and of what they have in common.

import type { SseOptions } from '../options.ts'
import { SECRET_KEY_CHARACTERS_MAX, SECRET_KEY_PATTERN } from './secret-key.ts'
import type { Setting } from './setting.ts'

/** Limits on streams, and rates of requests about them. */
export const LIMIT_SETTINGS = [
  'streamsMax',
  'streamsPerSubjectMax',
  'streamsPerAddressMax',
  'connectsPerSecondPerSubjectMax',
  'connectsPerSecondPerAddressMax',
  'renewalsPerSecondPerSubjectMax',
  'renewalsPerSecondPerAddressMax',
  'failuresPerSecondPerAddressMax',
] as const

export const SSE_SETTINGS: Record<keyof SseOptions, Setting> = {
  challengeSeconds: {
    type: 'number',
    env: 'CHALLENGE_SECONDS',
    description: "How long before its token's `exp` a stream is challenged",
    minimum: 0.1,
    maximum: 3600,
    default: 10,
  },
  heartbeatSeconds: {
    type: 'number',
    env: 'HEARTBEAT_SECONDS',
    description:
      'Longest silence before a heartbeat comment is sent. The okhttp client gives up after 10 s of silence',
    minimum: 0.1,
    maximum: 300,
    default: 9,
  },
  drainSeconds: {
    type: 'number',
    env: 'DRAIN_SECONDS',
    description: 'How long streams have to end after SIGTERM',
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
  ageMaxSeconds: {
    type: 'number',
    nullable: true,
    env: 'STREAMS_AGE_MAX_SECONDS',
    description:
      'Age at which a stream ends as `expired`, however often it was renewed, so that its client is authenticated ' +
      'again and may come to another replica. Each stream ends up to a tenth earlier, so that those that opened ' +
      'together do not come back together',
    expects: 'a number from 1 to 31536000',
    minimum: 1,
    maximum: 31_536_000,
    default: null,
  },
  turnMs: {
    type: 'number',
    env: 'STREAMS_TURN_MS',
    description:
      'How long streams are written to before connections, renewals and deadlines run. ' +
      'Longer turns delay those and save nothing (docs/performance.md)',
    minimum: 0.05,
    maximum: 50,
    default: 0.3,
  },
  streamsMax: {
    type: 'integer',
    env: 'STREAMS_MAX',
    description: 'Open streams of the process',
    minimum: 1,
    maximum: 1_000_000,
    default: 20_000,
  },
  streamsPerSubjectMax: {
    type: 'integer',
    env: 'STREAMS_PER_SUBJECT_MAX',
    description: 'Open streams of one issuer and subject',
    minimum: 1,
    maximum: 1_000_000,
    default: 1_000,
  },
  streamsPerAddressMax: {
    type: 'integer',
    env: 'STREAMS_PER_ADDRESS_MAX',
    description:
      'Open streams of one IPv4 address or one IPv6 /64; behind a load balancer all have its address, unless ' +
      '`TRUST_PROXY` is set',
    minimum: 1,
    maximum: 1_000_000,
    default: 20_000,
  },
  connectsPerSecondPerSubjectMax: rate(
    'CONNECTS_PER_SECOND_PER_SUBJECT_MAX',
    'Streams that one issuer and subject may open in a second, and the tickets that it may get',
    100,
  ),
  connectsPerSecondPerAddressMax: rate(
    'CONNECTS_PER_SECOND_PER_ADDRESS_MAX',
    'The same of one address, with and without a good token',
    1_000,
  ),
  renewalsPerSecondPerSubjectMax: rate(
    'RENEWALS_PER_SECOND_PER_SUBJECT_MAX',
    'Renewals that one issuer and subject may send in a second',
    200,
  ),
  renewalsPerSecondPerAddressMax: rate(
    'RENEWALS_PER_SECOND_PER_ADDRESS_MAX',
    'The same of one address, with and without a good token',
    2_000,
  ),
  failuresPerSecondPerAddressMax: rate(
    'JWT_FAILURES_PER_SECOND_PER_ADDRESS_MAX',
    'Tokens with a bad signature that are verified for one address in a second. Beyond it, only tokens that were ' +
      'verified before are accepted from that address',
    1_000,
  ),
  corsOrigins: {
    type: 'array',
    env: 'CORS_ORIGINS',
    description:
      'Origins whose pages may read the streams, as browsers send them: of apps also such as `capacitor://localhost`, ' +
      'of sandboxed frames `null`. `none`: no CORS headers are sent. With `JWT_COOKIE` the default is `none`, and ' +
      '`*`, `null` and `file://` are errors',
    expects: '* or origins such as https://app.example.com, separated by commas, or none',
    maxItems: 100,
    // What an origin may be is in src/config/streams/origin-rules.ts.
    items: { type: 'string', description: 'An origin' },
    default: ['*'],
  },
  corsHeaders: {
    type: 'array',
    env: 'CORS_HEADERS',
    description:
      'Headers that pages of other origins may send beside those that they always may ' +
      '([preflights](protocol.md#preflights))',
    expects: 'names of headers, separated by commas, or none',
    maxItems: 100,
    items: {
      type: 'string',
      description: 'A name of a header',
      pattern: "^[A-Za-z0-9!#$%&'+.^_`|~-]+$",
      maxLength: 100,
    },
    default: [],
  },
  adminPath: {
    type: 'string',
    nullable: true,
    description:
      "Path, below the plugin's prefix, of health, metrics and status in the host's app. " +
      'A server has ADMIN_PORT for them',
    expects: 'a path that begins with / and has no query',
    pattern: '^/[^?#\\s]*$',
    maxLength: 1000,
    default: null,
  },
  controlBlindSeconds: {
    type: 'number',
    env: 'CONTROL_BLIND_SECONDS',
    description:
      'How long the control topic may be silent, with heartbeats of the server itself in it, before new streams and ' +
      'renewals are refused, because revocations may be missing',
    minimum: 5,
    maximum: 3600,
    default: 30,
  },
  controlBlind: {
    type: 'string',
    env: 'CONTROL_BLIND',
    description:
      'What open streams do from then on: `continue` until their `exp`, or `end` at once as `busy`',
    enum: ['continue', 'end'],
    default: 'continue',
  },
  secretKey: {
    type: 'string',
    nullable: true,
    env: 'SECRET_KEY',
    description:
      'Key of what the server makes for itself to read again: sealed event ids and tickets. Key, too, of the hashes ' +
      'by which the log calls users. The same on every replica. Two while it is changed: the first makes, both read. ' +
      'Default: each process makes its own, and warns if it needs one, because its sealed ids and tickets are of no ' +
      'use to any other process',
    expects: '32 random bytes or more in base64url, or two such keys separated by a comma',
    secret: true,
    pattern: SECRET_KEY_PATTERN,
    maxLength: SECRET_KEY_CHARACTERS_MAX,
    default: null,
  },
  tickets: {
    type: 'boolean',
    env: 'TICKETS',
    description:
      "Answer `POST` of a stream's path and `/ticket` with a ticket, which opens the stream once and within 30 s, " +
      'without a token in the URL: see [below](#tickets)',
    default: false,
  },
  logRefusals: {
    type: 'boolean',
    env: 'LOG_REFUSALS',
    description:
      'Log a line for each refused token, ticket and session, with the check that has failed: see ' +
      '[observing.md](observing.md#log-lines)',
    default: true,
  },
  logStreamEnds: {
    type: 'boolean',
    env: 'LOG_STREAM_ENDS',
    description:
      "Log a line for the end of each stream, with its reason, its subject's hash, and what it was sent: see " +
      '[observing.md](observing.md#log-lines)',
    default: true,
  },
  descriptionPath: {
    type: 'string',
    nullable: true,
    env: 'DESCRIPTION_PATH',
    description:
      'Path below which the streams are described for machines, as `openapi.json` (OpenAPI 3.1) and `asyncapi.json` ' +
      '(AsyncAPI 3), without a token: see [below](#descriptions-for-machines)',
    expects: 'a path such as /api, or /',
    pattern: '^/([A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*)?$',
    maxLength: 1000,
    default: null,
  },
}

/** docs/configuration.md, "Rates", says what happens beyond it. */
function rate(env: string, description: string, fallback: number): Setting {
  return { type: 'integer', env, description, minimum: 1, maximum: 1_000_000, default: fallback }
}
