// What plugins/auth offers to the routes: a request in, a session or a refusal out.
// It names Fastify's types, and only its types, because the request and its reply are what is shared here.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Session } from './session.ts'

export interface Authenticator {
  /**
   * The session of the request's token. Rejects with TokenMissing, TokenInvalid, ScopeMissing or KeysUnavailable
   * (src/errors.ts), `WWW-Authenticate` set on the reply and the reason logged; with RequestAborted where the
   * client has left. `scope` is what the token must grant, null for any valid token.
   */
  authenticate(request: FastifyRequest, reply: FastifyReply, scope: string | null): Promise<Session>
  /** Why tokens cannot be verified now, in words for an operator; null when they can. */
  keysReady(): string | null
}

/** The client left before its token was looked at: there is nobody to answer. 499 is nginx's word for it. */
export class RequestAborted extends Error {
  readonly code = 'FKS_REQUEST_ABORTED'
  readonly statusCode = 499

  constructor() {
    super('The client left before it was answered')
    this.name = 'RequestAborted'
  }
}
