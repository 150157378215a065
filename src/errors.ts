// Every error that an HTTP client can be answered with: one table of code, message and status. docs/protocol.md has the
// same table, and a test compares the two both ways. Behind it: RequestAborted, and any other error in words.

import createError from '@fastify/error'

/** No token in the request (RFC 6750 section 3: no `error` attribute). */
export const TokenMissing = createError('FKS_TOKEN_MISSING', 'A bearer token is required', 401)
/** A token that did not verify, whatever the reason: the answer does not say which check failed. */
export const TokenInvalid = createError('FKS_TOKEN_INVALID', 'The token is not valid here', 401)
/** A host's own `authenticate` let nobody in, or somebody whose session is over. */
export const NotAuthenticated = createError('FKS_NOT_AUTHENTICATED', 'Nobody is signed in', 401)
/** A host's own `authenticate` answered with what is no session: the log says which field. */
export const SessionInvalid = createError(
  'FKS_SESSION_INVALID',
  'The server could not tell who is asking',
  500,
)
/** A valid token without the scope that the stream asks for (RFC 6750 section 3.1, `insufficient_scope`). */
export const ScopeMissing = createError(
  'FKS_SCOPE_MISSING',
  'The token does not grant the scope that this stream needs',
  403,
)
/** The key set has never been read, or not for longer than it may be stale: no token can be told good from bad. */
export const KeysUnavailable = createError(
  'FKS_KEYS_UNAVAILABLE',
  'Tokens cannot be verified now; try again later',
  503,
)
/** `POST /demo/token` by a page of another site, or by what does not say where it comes from. */
export const OriginRefused = createError(
  'FKS_ORIGIN_REFUSED',
  "Demo tokens are for this server's own pages only",
  403,
)
/** The admin port, asked by a name that is none of its own: a page of another site may have pointed that name here. */
export const HostUnknown = createError(
  'FKS_HOST_UNKNOWN',
  'This port does not answer to that name: ADMIN_HOSTS lists those that it does',
  421,
)
export const NotFound = createError('FKS_NOT_FOUND', 'There is nothing at this path', 404)
/** A renewal that found no open stream of its subject at this path. */
export const NoStream = createError(
  'FKS_NO_STREAM',
  'No open stream at this path is held by this subject',
  404,
)
export const MethodNotAllowed = createError(
  'FKS_METHOD_NOT_ALLOWED',
  'This path answers GET, POST and OPTIONS',
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
/** %s: which parameter, and what it takes. */
export const ParameterInvalid = createError('FKS_PARAMETER_INVALID', '%s', 400)
/** A limit on open streams is reached: of the process, of a subject or of an address. */
export const Busy = createError('FKS_BUSY', 'Too many open streams; try again later', 429)
export const Draining = createError('FKS_DRAINING', 'The server is shutting down; try again elsewhere', 503)

/** The client has left, so no answer is sent, and the table does not have it. nginx logs this status, too. */
export class RequestAborted extends Error {
  readonly code = 'FKS_REQUEST_ABORTED'
  readonly statusCode = 499

  constructor() {
    super('The client left before it was answered')
    this.name = 'RequestAborted'
  }
}

/** What an error says, in one or more lines: its message, or its name where it has none. Never empty, and never a stack. */
export function errorWords(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error)
}

/** The code of an error of the operating system or of Node, such as `ENOENT`; null where there is none. */
export function errorCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && error.code ? String(error.code) : null
}
