// The events of a stream and the answer to a challenge, as messages of AsyncAPI: docs/protocol.md, "Blocks".

import type { Encoding } from '../bus/record.ts'
import type { GapReason, SentEndReason } from '../stream/signals.ts'
import { objectOf, type ValueSchema, wholeObjectOf } from './schema.ts'

/** A message of AsyncAPI 3. `name`: the type of the event. */
export interface EventMessage {
  readonly name: string
  readonly summary: string
  readonly contentType: string
  readonly payload: ValueSchema
}

/** By reason, so that a reason without a description does not compile. */
const GAPS: Readonly<Record<GapReason, string>> = {
  undecodable: 'the id cannot be read',
  'beyond-end': 'the id names what Kafka has not reached',
  'too-old': 'the id is older than what is kept',
  'deletes-dropped': 'deletes after the id may be missing, so what the client has is to be forgotten',
  recreated: 'the topic was created again',
  'too-large': 'one record is missing, because it is too large to be sent',
}
/** `aged` is sent as `expired`. */
const ENDS: Readonly<Record<Exclude<SentEndReason, 'aged'>, string>> = {
  expired: 'the token has expired, or the stream is as old as one may get',
  revoked: 'the session was revoked',
  slow: 'the client did not read',
  shutdown: 'the server stops',
  'too-old': 'the client fell behind what is kept',
  busy: 'a limit is reached, or the server has no whole snapshot to give',
}

const JSON_TYPE = 'application/json'
const TEXT_TYPE = 'text/plain'

/** Those that the stream sends, by a name of their own. */
export function sentMessages(encoding: Encoding): Readonly<Record<string, EventMessage>> {
  return {
    [`record-${encoding}`]: recordMessage(encoding),
    delete: {
      name: 'delete',
      summary: 'The record of a key is gone. Its id is the position after it',
      contentType: TEXT_TYPE,
      payload: { type: 'string', contentEncoding: 'base64url', description: 'The key, with padding' },
    },
    challenge: {
      name: 'challenge',
      summary:
        'The token expires soon: a request with this method and these headers, and a newer token, renews it',
      contentType: JSON_TYPE,
      payload: wholeObjectOf({
        method: { type: 'string', enum: ['POST'] },
        headers: wholeObjectOf({
          'content-type': { type: 'string', enum: ['application/x-challenge-response'] },
        }),
      }),
    },
    ready: signal('ready', 'All that was asked for has been sent; from here on the stream is live', {}),
    gap: signal('gap', 'The stream could not go on where its client was', {
      reason: reasonOf(GAPS),
    }),
    ping: signal('ping', 'A heartbeat', {}),
    end: signal('end', 'The stream ends', {
      reason: reasonOf(ENDS),
      reconnect: { type: 'boolean' },
    }),
  }
}

/** The one that it takes. */
export function renewalMessage(): EventMessage {
  return {
    name: 'renewal',
    summary: 'A newer token, in the header Authorization. It has no body',
    contentType: 'application/x-challenge-response',
    payload: { type: 'null' },
  }
}

function recordMessage(encoding: Encoding): EventMessage {
  const summary = 'A record. Its id is the position after it'
  if (encoding === 'envelope')
    return { name: 'message', summary, contentType: JSON_TYPE, payload: envelope() }
  const description = encoding === 'text' ? 'The value, as UTF-8' : 'The bytes of the value, in base64'
  const coded = encoding === 'base64' && { contentEncoding: 'base64' }
  return {
    name: 'message',
    summary,
    contentType: TEXT_TYPE,
    payload: { type: 'string', ...coded, description },
  }
}

function envelope(): ValueSchema {
  const textOrNull = (): ValueSchema => ({ type: ['string', 'null'] })
  const coded = (): ValueSchema => ({
    type: 'string',
    enum: ['base64'],
    description: 'Set if the bytes are not UTF-8',
  })
  const header = objectOf({ name: { type: 'string' }, value: textOrNull(), valueEncoding: coded() })
  const properties = {
    key: textOrNull(),
    keyEncoding: coded(),
    value: { type: 'string' },
    valueEncoding: coded(),
    headers: { type: 'array', items: { ...header, required: ['name', 'value'] } },
    timestamp: { type: 'integer', description: 'Epoch ms' },
    partition: { type: 'integer', minimum: 0 },
    offset: { type: 'integer', minimum: 0 },
  }
  return {
    ...objectOf(properties),
    required: ['key', 'value', 'headers', 'timestamp', 'partition', 'offset'],
  }
}

/** Sent as an event with `?signals=1` alone. */
function signal(
  name: string,
  summary: string,
  properties: Readonly<Record<string, ValueSchema>>,
): EventMessage {
  return {
    name,
    summary: `${summary}. With ?signals=1`,
    contentType: JSON_TYPE,
    payload: wholeObjectOf(properties),
  }
}

function reasonOf(words: Readonly<Record<string, string>>): ValueSchema {
  const each = Object.entries(words).map(([reason, meaning]) => `${reason}: ${meaning}`)
  return { type: 'string', enum: Object.keys(words), description: each.join('; ') }
}
