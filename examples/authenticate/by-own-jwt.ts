// For `auth.authenticate`: the token that @fastify/jwt checks for the app's other routes.

import type { FastifyRequest } from 'fastify'
import type { HostAnswer } from 'fastify-kafka-sse'

interface Claims {
  readonly sub: string
  readonly exp: number
  readonly iat: number
  readonly scope?: string
}

/**
 * An error of `jwtVerify` passes through: it is answered as everywhere in the app. An empty `scope` grants nothing. A
 * token that has none grants `proxy:stream`.
 */
export async function byOwnJwt(request: FastifyRequest): Promise<HostAnswer> {
  const { sub, exp, iat, scope } = await request.jwtVerify<Claims>()
  return {
    subject: sub,
    expiresAt: exp * 1000,
    issuedAt: iat * 1000,
    ...(scope !== undefined && { scopes: scope }),
  }
}
