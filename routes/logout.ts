// POST of `logoutPath`: a provider says that a user's session is over (OpenID Connect Back-Channel Logout 1.0,
// docs/protocol.md, "Back-channel logout"). Promise: 200 once the revocation holds; otherwise 400 without a reason. A
// token is good once, and comes again until it was answered 200.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { logoutOperation } from '../src/description/identity-operations.ts'
import { errorCode, errorWords, LogoutRefused } from '../src/errors.ts'
import {
  hasLine,
  type LoggedOutcomes,
  noteAdmitted,
  noteTold,
  tellRefused,
} from '../src/http/outcome-lines.ts'
import { countCheck } from '../src/stream/counters.ts'
import type { Streams } from '../src/stream/streams.ts'
import type { Authenticator } from '../src/token/authenticator.ts'
import { described } from './description/described-route.ts'
import { addPath } from './path-methods.ts'
import { hideTokens } from './stream.ts'

export interface LogoutRoute {
  readonly path: string
  readonly logout: NonNullable<Authenticator['logout']>
  readonly streams: Streams
  /** Whether a refusal is a line in the log now. */
  readonly logged: Readonly<Pick<LoggedOutcomes, 'refusals'>>
}

/** A token of the longest kind (src/token/request-token.ts) and its name. */
const BODY_BYTES_MAX = 20_000
const FORM = 'application/x-www-form-urlencoded'

export async function logoutRoutes(
  app: FastifyInstance,
  { path, logout, streams, logged }: LogoutRoute,
): Promise<void> {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(FORM, { parseAs: 'string', bodyLimit: BODY_BYTES_MAX }, (_request, body, done) =>
    done(null, body),
  )
  app.addContentTypeParser('*', (_request, _body, done) => done(null))
  hideTokens(app)
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })
  app.setErrorHandler((error: Error, request) => {
    const refusal = new LogoutRefused()
    streams.countRefusal(refusal.code)
    if (!(error instanceof LogoutRefused) && hasLine(request))
      request.log.warn({ code: errorCode(error) }, `logout failed: ${errorWords(error)}`)
    throw refusal
  })
  /** Tokens whose revocation is being told to others: one for each open request at most. */
  const underWay = new Set<string>()
  app.post(path, { ...described(app, logoutOperation()) }, async (request, reply) => {
    const revocation = await logout(request, logoutToken(request))
    noteAdmitted(request)
    const { issuer, jti } = revocation
    const name = JSON.stringify([issuer, jti])
    if (streams.revocations.hasUsed(issuer, jti ?? '') || underWay.has(name)) {
      countCheck(streams.figures, 'jti')
      const tell = logged.refusals ? tellRefused : noteTold
      tell(request, { check: 'jti' }, 'logout token refused')
      throw new LogoutRefused()
    }
    underWay.add(name)
    await streams.revokeEverywhere(revocation).finally(() => underWay.delete(name))
    request.log.info({ by: Object.keys(revocation.on) }, 'logged out by the provider')
    return reply.code(200).send()
  })
}

/**
 * Refuses the other methods of the path, at a server. In a host's app they are the host's, because an app may well have
 * a page at this path, and Fastify throws at the second route of a method.
 */
export async function otherLogoutMethods(
  app: FastifyInstance,
  { path, streams }: Pick<LogoutRoute, 'path' | 'streams'>,
): Promise<void> {
  app.addHook('onError', async (_request, _reply, error) => streams.countRefusal(errorCode(error)))
  addPath(app, path, ['POST', 'OPTIONS'])
}

/** What is no body of a logout counts as an empty token. */
function logoutToken({ body }: FastifyRequest): string {
  const [token = '', ...others] = new URLSearchParams(typeof body === 'string' ? body : '').getAll(
    'logout_token',
  )
  return others.length === 0 ? token : ''
}
