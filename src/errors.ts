// Every error that an HTTP client gets: code, message and status. docs/protocol.md has the same table; a test compares
// both. Below it are RequestAborted, which no client gets, and functions that put any other error into words.

import { createError } from '@fastify/error'

/** No token in the request (RFC 6750 section 3: no `error` attribute). */
export const TokenMissing = createError('FKS_TOKEN_MISSING', 'A bearer token is required', 401)
/** A token that was not accepted. The answer does not say which check failed. */
export const TokenInvalid = createError('FKS_TOKEN_INVALID', 'The token is not valid here', 401)
/** A ticket that opens no stream here, or no longer. The answer does not say why. */
export const TicketInvalid = createError('FKS_TICKET_INVALID', 'The ticket is not valid here', 401)
/** What a session needs at this path does not fit into a ticket: `TICKET_CHARACTERS_MAX` of src/tickets. */
export const TicketTooLarge = createError(
  'FKS_TICKET_TOO_LARGE',
  'The token has more claims for this path than fit into a ticket',
  403,
)
/** Whether a ticket was redeemed before cannot be told. */
export const TicketsUnavailable = createError(
  'FKS_TICKETS_UNAVAILABLE',
  'Tickets cannot be redeemed now; try again later',
  503,
)
/** The host's `authenticate` resolved with null, or with a session that has expired. */
export const NotAuthenticated = createError('FKS_NOT_AUTHENTICATED', 'The request has no signed-in user', 401)
/** The host's `authenticate` resolved with an invalid session. The log names the field. */
export const SessionInvalid = createError(
  'FKS_SESSION_INVALID',
  'The server could not tell who is asking',
  500,
)
/** A valid token without the scope that the stream requires (RFC 6750 section 3.1, `insufficient_scope`). */
export const ScopeMissing = createError(
  'FKS_SCOPE_MISSING',
  'The token does not grant the scope that this stream needs',
  403,
)
/** A template of the stream's options stands for nothing, by the claims of the token or the parameters of the path. */
export const SelectionEmpty = createError(
  'FKS_SELECTION_EMPTY',
  'The token and the path name no records of this stream',
  403,
)
/** `where` rules a parameter of the path out, or a renewal is granted other records than the open stream gets. */
export const NotAllowed = createError(
  'FKS_NOT_ALLOWED',
  'The token does not grant what is selected here',
  403,
)
/** The token cannot be verified now: there is no usable key set, or it lacks the key and none could be fetched. */
export const KeysUnavailable = createError(
  'FKS_KEYS_UNAVAILABLE',
  'Tokens cannot be verified now; try again later',
  503,
)
/**
 * A cookie with the token, or `POST /demo/token`, from a page of another origin or without the headers that name it.
 */
export const OriginRefused = createError(
  'FKS_ORIGIN_REFUSED',
  'Pages of that origin may not ask for this',
  403,
)
/** A request to the admin port under a name that is not in ADMIN_HOSTS: it may be DNS rebinding. */
export const HostUnknown = createError(
  'FKS_HOST_UNKNOWN',
  'This port does not answer to that name: ADMIN_HOSTS lists those that it does',
  421,
)
/** A logout token that was not accepted, or a revocation that could not be made known. The log says why. */
export const LogoutRefused = createError('FKS_LOGOUT_REFUSED', 'The logout token is not accepted', 400)
export const NotFound = createError('FKS_NOT_FOUND', 'There is nothing at this path', 404)
/** The path names a topic that the stream does not list, or that Kafka lacks. Answered to holders of a token alone. */
export const TopicUnknown = createError('FKS_TOPIC_UNKNOWN', 'There is no such topic here', 404)
/** A renewal that found no open stream of its subject at this path. */
export const NoStream = createError(
  'FKS_NO_STREAM',
  'No open stream at this path is held by this subject',
  404,
)
export const MethodNotAllowed = createError(
  'FKS_METHOD_NOT_ALLOWED',
  'This path does not answer that method; Allow names those that it does',
  405,
)
export const NotAcceptable = createError(
  'FKS_NOT_ACCEPTABLE',
  'This path answers with text/event-stream only',
  406,
)
export const BodyNotEmpty = createError('FKS_BODY_NOT_EMPTY', 'A challenge response has no body', 413)
export const MediaTypeUnsupported = createError(
  'FKS_MEDIA_TYPE_UNSUPPORTED',
  'A challenge response has content-type application/x-challenge-response',
  415,
)
/** %s: the parameter's name, and which values it accepts. */
export const ParameterInvalid = createError('FKS_PARAMETER_INVALID', '%s', 400)
/** A limit of open streams is reached: that of the process, of the subject or of the address. */
export const Busy = createError('FKS_BUSY', 'Too many open streams; try again later', 429)
/** A rate is exceeded: that of the subject or of the address. */
export const TooManyRequests = createError(
  'FKS_TOO_MANY_REQUESTS',
  'Too many requests from this subject or address; try again later',
  429,
)
/** Kafka has not said in time whether it has the topic that the path names. */
export const KafkaUnavailable = createError(
  'FKS_KAFKA_UNAVAILABLE',
  'Kafka does not answer now; try again later',
  503,
)
/** No room for one more topic: `topicsOpenMax` or `topicsBytesMax` is reached, and every open topic has streams. */
export const TopicsFull = createError('FKS_TOPICS_FULL', 'Too many topics are open; try again later', 503)
/** There is no room for another revocation, so a token may be accepted that was revoked. */
export const RevocationsFull = createError(
  'FKS_REVOCATIONS_FULL',
  'New streams cannot be allowed here now; try again elsewhere',
  503,
)
export const Draining = createError('FKS_DRAINING', 'The server is shutting down; try again elsewhere', 503)

/** What was revoked may not be known: the control topic is not read, or has been silent for too long. */
export const ControlUnread = createError(
  'FKS_CONTROL_UNREAD',
  'The server does not know now what was revoked; try again later',
  503,
)
/** Kafka does not take what other replicas have to be told. */
export const ControlUnwritable = createError(
  'FKS_CONTROL_UNWRITABLE',
  'Other servers cannot be told now; try again later',
  503,
)

/** The client has closed its connection, so no answer is sent. The status is the one that nginx logs in this case. */
export class RequestAborted extends Error {
  readonly code = 'FKS_REQUEST_ABORTED'
  readonly statusCode = 499

  constructor() {
    super('The client left before it was answered')
    this.name = 'RequestAborted'
  }
}

/** An error's message, or its name if it has no message. May have several lines. Never empty, never a stack. */
export function errorWords(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error)
}

/** The `code` of an error of Node or the operating system, such as `ENOENT`; null if it has none. */
export function errorCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && error.code ? String(error.code) : null
}
