// The answers that are errors: their codes and words are those of src/errors.ts, by the operation that may meet them.

import * as errors from '../errors.ts'
import type { Credentials } from './described-stream.ts'
import { type AnswerSchema, objectOf, type ValueSchema } from './schema.ts'

interface Refusal {
  readonly code: string
  readonly statusCode?: number
  readonly message: string
}

type RefusalClass = new () => Refusal

const OF_TOKENS: readonly RefusalClass[] = [errors.TokenMissing, errors.TokenInvalid, errors.KeysUnavailable]
const OF_HOSTS: readonly RefusalClass[] = [errors.NotAuthenticated, errors.SessionInvalid]
const OF_COOKIES: readonly RefusalClass[] = [errors.OriginRefused]
const OF_TICKETS: readonly RefusalClass[] = [errors.TicketInvalid, errors.TicketsUnavailable]
/** Of a session, and of what it may have. */
const OF_GRANTS: readonly RefusalClass[] = [
  errors.ScopeMissing,
  errors.SelectionEmpty,
  errors.NotAllowed,
  errors.TooManyRequests,
]

const OF_GET: readonly RefusalClass[] = [
  ...OF_GRANTS,
  errors.ParameterInvalid,
  errors.TopicUnknown,
  errors.NotAcceptable,
  errors.Busy,
  errors.Draining,
  errors.RevocationsFull,
  errors.ControlUnread,
  errors.KafkaUnavailable,
  errors.TopicsFull,
]
const OF_RENEWAL: readonly RefusalClass[] = [
  ...OF_GRANTS,
  errors.NoStream,
  errors.BodyNotEmpty,
  errors.MediaTypeUnsupported,
  errors.RevocationsFull,
  errors.ControlUnread,
  errors.ControlUnwritable,
]
const OF_TICKET_REQUEST: readonly RefusalClass[] = [
  ...OF_GRANTS,
  errors.TopicUnknown,
  errors.OriginRefused,
  errors.TicketTooLarge,
]

const OPERATIONS = { get: OF_GET, renewal: OF_RENEWAL, ticket: OF_TICKET_REQUEST }

/** By status. */
export function refusals(
  operation: keyof typeof OPERATIONS,
  credentials: Credentials,
): Readonly<Record<string, AnswerSchema>> {
  return answersOf([...OPERATIONS[operation], ...ofCredentials(operation, credentials)])
}

/** The same for errors that are not of streams. One that is named twice counts once. */
export function answersOf(classes: readonly RefusalClass[]): Readonly<Record<string, AnswerSchema>> {
  const all = [...new Set(classes)].map((Class) => new Class())
  const statuses = new Set(all.map(statusOf))
  const withStatus = (status: number) => all.filter((refusal) => statusOf(refusal) === status)
  return Object.fromEntries(
    [...statuses].map((status) => [`${status}`, answerOf(status, withStatus(status))]),
  )
}

function ofCredentials(
  operation: keyof typeof OPERATIONS,
  { isHosts, cookie, tickets }: Credentials,
): readonly RefusalClass[] {
  return [
    ...(isHosts ? OF_HOSTS : OF_TOKENS),
    ...(cookie === null ? [] : OF_COOKIES),
    ...(operation === 'get' && tickets ? OF_TICKETS : []),
  ]
}

function statusOf({ statusCode = 500 }: Refusal): number {
  return statusCode
}

function answerOf(status: number, same: readonly Refusal[]): AnswerSchema {
  const headers = headersOf(status)
  return {
    description: same.map(({ code, message }) => `${code}: ${wordsOf(message)}`).join('. '),
    ...(headers !== null && { headers }),
    content: { 'application/json': { schema: bodyOf(status, same) } },
  }
}

/** The message of a parameter's error is written where it is thrown. */
function wordsOf(message: string): string {
  return message === '%s'
    ? 'A parameter of the query cannot be read, or chooses what is not granted'
    : message
}

function headersOf(status: number): Readonly<Record<string, ValueSchema>> | null {
  if (status === 429 || status === 503)
    return { 'retry-after': { type: 'integer', description: 'Seconds after which to try again' } }
  if (status === 401 || status === 403)
    return { 'www-authenticate': { type: 'string', description: 'RFC 6750, where a token is refused' } }
  return null
}

function bodyOf(status: number, same: readonly Refusal[]): ValueSchema {
  return {
    ...objectOf({
      statusCode: { type: 'integer', enum: [status] },
      code: { type: 'string', enum: same.map(({ code }) => code) },
      error: { type: 'string' },
      message: { type: 'string' },
    }),
    required: ['statusCode', 'code', 'error', 'message'],
  }
}
