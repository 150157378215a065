// The one schema of what can be configured: words, units, defaults and ranges of every setting, and the environment
// variable that sets it. Validation, the environment and docs/configuration.md all read it from here.

import { AUTH_SETTINGS } from './auth-settings.ts'
import { KAFKA_SETTINGS } from './kafka-settings.ts'
import { SERVER_SETTINGS } from './server-settings.ts'
import type { Setting } from './setting.ts'
import { SSE_SETTINGS, STREAM_SETTINGS } from './stream-settings.ts'

/** The plugin's options, and the shape of CONFIG_FILE. */
export const OPTIONS_SCHEMA = {
  type: 'object',
  description: "The plugin's options",
  additionalProperties: false,
  required: ['kafka', 'auth', 'streams'],
  properties: {
    kafka: group('Kafka', KAFKA_SETTINGS, ['bootstrapServers']),
    auth: group('Tokens', AUTH_SETTINGS, []),
    streams: {
      type: 'array',
      description: 'The streams, each at a path of its own',
      expects: 'a list of 1 to 100 streams',
      minItems: 1,
      maxItems: 100,
      items: group('A stream', STREAM_SETTINGS, ['path', 'topic']),
    },
    sse: { ...group('Streams', SSE_SETTINGS, []), default: {} },
  },
} as const satisfies Setting

/** All that the environment can set: the options and what a process of its own needs besides. */
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
