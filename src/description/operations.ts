// What each method of a stream's path, and of its tickets' path, takes and answers: docs/protocol.md, as schemas.

import { CHOSEN_VALUES_MAX } from '../selection/selection.ts'
import type { DescribedStream } from './described-stream.ts'
import { refusals } from './refusals.ts'
import {
  type AnswerSchema,
  type ObjectSchema,
  type OperationSchema,
  objectOf,
  type ValueSchema,
} from './schema.ts'

const TAGS = ['streams']

const RECORDS = { text: 'their values as text', base64: 'their values in base64', envelope: 'each as JSON' }
const BEGINNINGS = {
  latest: 'the newest value of every key',
  all: 'all records that are kept',
  none: 'what comes after the request',
}

/** GET: the stream. */
export function streamOperation(stream: DescribedStream): OperationSchema {
  const { replay, encoding, scope, credentials } = stream
  return {
    summary: 'Opens a stream of records',
    description: [
      `Server-sent events: first ${BEGINNINGS[replay]}, then new records as they come, ${RECORDS[encoding]}.`,
      'The stream ends when the token expires. Before that, the event "challenge" asks for a newer token, which a POST',
      `of the same path brings. ${accessWords(scope, credentials.isHosts)}`,
      'In place of a 429 or 503, a request that names text/event-stream in Accept gets a stream that ends at once.',
    ].join(' '),
    tags: TAGS,
    ...paramsOf(stream),
    querystring: queryOf(stream),
    headers: objectOf({
      'last-event-id': {
        type: 'string',
        description: 'The last id that the client has: the stream goes on behind it',
      },
    }),
    response: { 200: streamAnswer(), ...refusals('get', credentials) },
  }
}

/** POST: a renewal. */
export function renewalOperation(stream: DescribedStream): OperationSchema {
  const { scope, credentials } = stream
  return {
    summary: 'Renews the streams that are open at this path',
    description: [
      'The answer to the event "challenge": a newer token of the same session, with content-type',
      `application/x-challenge-response and no body. ${accessWords(scope, credentials.isHosts)}`,
    ].join(' '),
    tags: TAGS,
    ...paramsOf(stream),
    response: {
      202: { description: 'No stream is open here. The other servers were told', type: 'null' },
      204: { description: 'At least one stream was renewed', type: 'null' },
      ...refusals('renewal', credentials),
    },
  }
}

/** POST of the tickets' path. */
export function ticketOperation(stream: DescribedStream): OperationSchema {
  const { scope, credentials } = stream
  const ticket = objectOf({
    ticket: { type: 'string', description: 'For the query of the stream’s URL' },
    expires_in: { type: 'integer', description: 'Seconds until it expires' },
  })
  return {
    summary: 'Gives a ticket for the stream',
    description: [
      'A ticket opens the stream once, so that no token stands in a URL.',
      accessWords(scope, credentials.isHosts),
    ].join(' '),
    tags: TAGS,
    ...paramsOf(stream),
    response: {
      200: {
        description: 'A ticket',
        content: { 'application/json': { schema: { ...ticket, required: ['ticket', 'expires_in'] } } },
      },
      ...refusals('ticket', credentials),
    },
  }
}

/** OPTIONS of either path. */
export function optionsOperation(stream: DescribedStream): OperationSchema {
  return {
    summary: 'Answers a preflight',
    description: 'Needs no token. What pages of other origins may send, or the methods that the path has.',
    tags: TAGS,
    ...paramsOf(stream),
    response: {
      204: {
        description:
          'Headers of CORS (Fetch standard, 3.3), or Allow where pages of other origins have no access',
        type: 'null',
      },
      400: {
        description: 'It is no preflight, and pages of other origins have access',
        content: { 'text/plain': { schema: { type: 'string' } } },
      },
    },
  }
}

function accessWords(scope: string | null, isHosts: boolean): string {
  const needs = isHosts ? 'The application authenticates the request' : 'A bearer token is needed'
  return scope === null ? `${needs}.` : `${needs}; the scope is ${JSON.stringify(scope)}.`
}

function paramsOf({ parameters, topicParameter }: DescribedStream): { readonly params?: ObjectSchema } {
  if (parameters.length === 0) return {}
  const schemaOf = (name: string): ValueSchema =>
    name === topicParameter ? { type: 'string', description: 'Name of a topic' } : { type: 'string' }
  return { params: objectOf(Object.fromEntries(parameters.map((name) => [name, schemaOf(name)]))) }
}

function queryOf({ select }: DescribedStream): ObjectSchema {
  const id = { type: 'string', description: 'As the header Last-Event-ID, which goes before it' }
  return objectOf({
    from: {
      type: 'string',
      enum: ['earliest', 'latest'],
      description:
        'Where to begin without an id: with all that is kept, or with what comes after the request',
    },
    since: {
      type: 'string',
      description: 'The moment to begin at: ISO 8601, without a zone in UTC, or epoch milliseconds',
    },
    lastEventId: id,
    last_event_id: { ...id },
    signals: { type: 'string', enum: ['1'], description: 'Comments come as named events, too' },
    ...Object.fromEntries(select.map((name) => [name, choice(name)])),
  })
}

function choice(name: string): ValueSchema {
  return {
    type: 'array',
    items: { type: 'string' },
    maxItems: CHOSEN_VALUES_MAX,
    description: `Only records that have one of these values by ${name}. May be given several times`,
  }
}

function streamAnswer(): AnswerSchema {
  return {
    description: 'The stream. AsyncAPI describes its events, which OpenAPI cannot',
    headers: { 'cache-control': { type: 'string', description: 'no-cache, no-transform' } },
    content: {
      'text/event-stream': {
        schema: { type: 'string', description: 'Server-sent events (HTML standard, 9.2)' },
      },
    },
  }
}
