// Settings of one of `streams`: its path, its topic, and which of the topic's records it gets.

import type { StreamOptions } from '../../options.ts'
import { DEFAULT_SCOPE } from '../../token/session.ts'
import type { Setting } from '../setting.ts'

const TOPIC_NAME = '(?!\\.{1,2}$)[A-Za-z0-9._-]{1,249}'

/** The only stream of a server whose configuration lists none. */
export const ONLY_STREAM = { path: '/events', topic: 'events' }

/** A text with places for parameters of the path and claims of the token: src/selection/template.ts. */
const TEMPLATE = {
  type: 'string',
  description: 'A template',
  expects: 'a template of 1 to 1000 characters',
  minLength: 1,
  maxLength: 1000,
} as const satisfies Setting

const HEADER = '[^\\p{Cs}]{1,200}'
/** RFC 6901, without the empty pointer, which is the whole value. */
const POINTER = '(?:/(?:[^~/\\p{Cs}]|~[01])*)+'

/** Settings of one of `streams`. The variables set those of ONLY_STREAM, in a server without a list of streams. */
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
    description: [
      'Kafka topic of the stream; `{params.NAME}`: [the path names it](#topics-by-path). The variable sets it for',
      `\`${ONLY_STREAM.path}\`, whose default topic is \`${ONLY_STREAM.topic}\``,
    ].join(' '),
    expects:
      "a topic's name: letters, digits, dots, underscores and hyphens, 249 at most; or {params.NAME} alone",
    pattern: `^(${TOPIC_NAME}|\\{params\\.[A-Za-z_][A-Za-z0-9_]*\\})$`,
  },
  topics: {
    type: 'array',
    description: 'Topics that `{params.NAME}` may stand for; any other is answered with `404`',
    expects: 'a list of 1 to 1000 names of topics, each once',
    minItems: 1,
    maxItems: 1_000,
    uniqueItems: true,
    items: {
      type: 'string',
      description: "A topic's name",
      expects: "a topic's name",
      pattern: `^${TOPIC_NAME}$`,
    },
  },
  scope: {
    type: 'string',
    nullable: true,
    env: 'JWT_SCOPE',
    description:
      'Scope that a token must grant; null, or `none` in the variable, accepts every valid token. The variable sets it ' +
      'for `/events`',
    expects: 'one scope (RFC 6749 section 3.3), or none',
    pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]{1,200}$',
    default: DEFAULT_SCOPE,
  },
  encoding: {
    type: 'string',
    description: 'How values are written: as UTF-8, in base64, or in JSON with key, headers and offset',
    enum: ['text', 'base64', 'envelope'],
    default: 'text',
  },
  replay: {
    type: 'string',
    env: 'KAFKA_REPLAY',
    description:
      'What a client without an event ID gets first: the newest value of each key, every retained record, or none. ' +
      'With `latest` superseded values may be skipped, as on a compacted topic; otherwise every record is sent. ' +
      'The variable sets it for `/events`',
    enum: ['latest', 'all', 'none'],
    default: 'latest',
  },
  key: { ...TEMPLATE, description: 'Key that a record must have: see [below](#which-records-a-stream-gets)' },
  headers: {
    type: 'object',
    description: 'Headers that a record must have, each with a template of its value',
    expects: 'at most 32 templates by the name of a header',
    maxProperties: 32,
    propertyNames: { pattern: `^${HEADER}$`, expects: 'a name of a header: 1 to 200 characters' },
    additionalProperties: TEMPLATE,
  },
  fields: {
    type: 'object',
    description: "Fields that a record's JSON value must have, each with a template of its text",
    expects: 'at most 32 templates by JSON Pointer (RFC 6901), such as /tenant',
    maxProperties: 32,
    propertyNames: {
      pattern: `^(?=[^]{1,1000}$)${POINTER}$`,
      expects: 'a JSON Pointer (RFC 6901) of 1 to 1000 characters, such as /tenant',
    },
    additionalProperties: TEMPLATE,
  },
  where: {
    type: 'object',
    description: 'Parameters of the path, each with a template of the values that it may have',
    expects: 'at most 32 templates by params.NAME',
    maxProperties: 32,
    propertyNames: {
      pattern: '^params\\.[A-Za-z_][A-Za-z0-9_]*$',
      expects: 'params.NAME, a parameter of the path',
    },
    additionalProperties: TEMPLATE,
  },
  select: {
    type: 'array',
    description:
      'What a client may choose among the records that it may have, by query parameters of these names',
    expects: 'a list of 1 to 33 of key, headers.NAME, fields./POINTER',
    minItems: 1,
    maxItems: 33,
    items: {
      type: 'string',
      description: 'What a client may choose by',
      expects: 'key, headers.NAME or fields./POINTER',
      pattern: `^(?=[^]{1,1000}$)(?:key|headers\\.${HEADER}|fields\\.${POINTER})$`,
    },
  },
  ids: {
    type: 'string',
    description:
      "Whether event IDs tell the topic's offsets. Default: `sealed` where a template names `{token…}`, " +
      'otherwise `plain`',
    enum: ['sealed', 'plain'],
  },
}
