// The streams as a document of OpenAPI 3.1: what each path takes and answers, and how a request shows who asks.

import { bracedPath } from '../config/streams/path-parameters.ts'
import { ticketPath } from '../tickets/ticket-path.ts'
import type { DescribedStream } from './described-stream.ts'
import { optionsOperation, renewalOperation, streamOperation, ticketOperation } from './operations.ts'
import type { AnswerSchema, ObjectSchema, OperationSchema, ValueSchema } from './schema.ts'
import { securitySchemes } from './security.ts'

/** Of every document. */
export const TITLE = 'Streams of Kafka topics'

type Json = Readonly<Record<string, unknown>>

/** `version`: of the package, whose answers these are. */
export function openApiDocument(streams: readonly DescribedStream[], version: string): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: TITLE,
      version,
      description:
        'Each stream is an answer that stays open, as server-sent events, until its token expires.',
    },
    paths: Object.fromEntries(streams.flatMap(pathsOf)),
    components: { securitySchemes: schemesOf(streams) },
  }
}

function pathsOf(stream: DescribedStream): [path: string, item: Json][] {
  const { path, credentials } = stream
  const item = {
    get: operationOf(streamOperation(stream), securityOf(stream, credentials.tickets)),
    post: operationOf(renewalOperation(stream), securityOf(stream)),
    options: operationOf(optionsOperation(stream), []),
  }
  const below = credentials.tickets ? ticketPath(path) : null
  if (below === null) return [[bracedPath(path), item]]
  const ofTickets = {
    post: operationOf(ticketOperation(stream), securityOf(stream)),
    options: operationOf(optionsOperation(stream), []),
  }
  return [
    [bracedPath(path), item],
    [bracedPath(below), ofTickets],
  ]
}

function operationOf(operation: OperationSchema, security: readonly Json[] | null): Json {
  const { summary, description, tags, params, querystring, headers, response } = operation
  const parameters = [
    ...parametersIn('path', params),
    ...parametersIn('query', querystring),
    ...parametersIn('header', headers),
  ]
  const answers = Object.entries(response).map(([status, answer]) => [status, answerOf(answer)])
  return {
    ...{ summary, description, tags },
    ...(parameters.length > 0 && { parameters }),
    ...(security !== null && { security }),
    responses: Object.fromEntries(answers),
  }
}

function parametersIn(place: 'path' | 'query' | 'header', schema: ObjectSchema | undefined): Json[] {
  return Object.entries(schema?.properties ?? {}).map(([name, value]) => ({
    ...{ name, in: place, required: place === 'path' },
    ...described(value),
  }))
}

function answerOf({ description, headers, content }: AnswerSchema): Json {
  const listed = Object.entries(headers ?? {}).map(([name, value]) => [name, described(value)])
  return {
    description,
    ...(headers && { headers: Object.fromEntries(listed) }),
    ...(content && { content }),
  }
}

/** A description stands beside the schema of a parameter or a header, not in it. */
function described({ description, ...schema }: ValueSchema): Json {
  return { ...(description !== undefined && { description }), schema }
}

/** Any one of these; null where the application authenticates, because it is not known how. */
function securityOf({ scope, credentials }: DescribedStream, hasTickets = false): Json[] | null {
  const names = Object.keys(securitySchemes(credentials)).filter((name) => name !== 'ticket' || hasTickets)
  const ofScope = scope === null ? [] : [scope]
  if (credentials.isHosts) return null
  return names.map((name) => ({ [name]: name === 'ticket' ? [] : ofScope }))
}

function schemesOf(streams: readonly DescribedStream[]): Json {
  return Object.fromEntries(
    streams.flatMap(({ credentials }) => Object.entries(securitySchemes(credentials))),
  )
}
