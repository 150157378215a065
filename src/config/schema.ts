// The schema of all settings: description, default and range of each, and the environment variable that sets it.
// Validation and the reading of the environment use it, and a test compares docs/configuration.md with it.

import { AUTH_SETTINGS } from './auth-settings.ts'
import { KAFKA_SETTINGS } from './kafka-settings.ts'
import { SERVER_SETTINGS } from './server-settings.ts'
import type { Setting } from './setting.ts'
import { SSE_SETTINGS } from './stream-settings.ts'
import { STREAM_SETTINGS } from './streams/single-stream-settings.ts'

/** The plugin's options, and the shape of CONFIG_FILE. */
export const OPTIONS_SCHEMA = {
  type: 'object',
  description: "The plugin's options",
  additionalProperties: false,
  required: ['kafka', 'auth', 'streams'],
  properties: {
    kafka: {
      ...group('Kafka', KAFKA_SETTINGS, ['bootstrapServers']),
      expects: 'an object with bootstrapServers',
    },
    auth: {
      ...group('Tokens', AUTH_SETTINGS, []),
      expects: 'an object with issuer and audience, or with authenticate',
    },
    streams: {
      type: 'array',
      description: 'The streams, each at its own path',
      expects: 'a list of 1 to 100 streams',
      minItems: 1,
      maxItems: 100,
      items: group('A stream', STREAM_SETTINGS, ['path', 'topic']),
    },
    sse: { ...group('Streams', SSE_SETTINGS, []), default: {} },
  },
} as const satisfies Setting

/** All that the environment can set: the plugin's options and the settings of a server process. */
export const SERVER_SCHEMA: Setting = {
  ...OPTIONS_SCHEMA,
  description: 'The settings of a server',
  properties: { ...SERVER_SETTINGS, ...OPTIONS_SCHEMA.properties },
}

function group(
  description: string,
  properties: Readonly<Record<string, Setting>>,
  required: readonly string[],
): Setting {
  return { type: 'object', description, additionalProperties: false, required, properties }
}
