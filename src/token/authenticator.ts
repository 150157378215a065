// The interface of plugins/auth for the routes: a request in, a session or a refusal out. It refers to Fastify only by
// types, for the request and its reply.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Revocation } from './revocation.ts'
import type { Session } from './session.ts'

export interface Authenticator {
  /**
   * The session of the request's token. Rejects with TokenMissing, TokenInvalid, ScopeMissing or KeysUnavailable
   * (src/errors.ts); then `WWW-Authenticate` is set on the reply and the reason is logged. Rejects with RequestAborted
   * if the client has left. `scope` is what the token must grant, null for any valid token.
   */
  authenticate(request: FastifyRequest, reply: FastifyReply, scope: string | null): Promise<Session>
  /**
   * The revocation that a provider's logout token means. Rejects with LogoutRefused, whose reason is logged. Whether
   * the token was used before is not checked. null where the host authenticates.
   */
  readonly logout: ((request: FastifyRequest, token: string) => Promise<Revocation>) | null
  /** Why tokens cannot be verified now, for an operator; null if they can. */
  keysReady(): string | null
  /** Left out where no keys are fetched, as where the host authenticates. */
  keyFetches?(): KeyFetches
}

/** Fetches of key sets that have ended. */
export interface KeyFetches {
  readonly read: number
  readonly failed: number
}

/** `all`: undefined for a source that fetches nothing. */
export function sumOfFetches(all: readonly (KeyFetches | undefined)[]): KeyFetches {
  const sum = { read: 0, failed: 0 }
  for (const fetches of all) {
    sum.read += fetches?.read ?? 0
    sum.failed += fetches?.failed ?? 0
  }
  return sum
}
