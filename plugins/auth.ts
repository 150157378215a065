// Makes a session of a request's bearer token, or refuses it by RFC 6750. Decorates the app with `kafkaSseAuth`.
// Promise: no answer and no error contains a token, or says which check failed.

import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { AUTH_LIMITS, AUTH_SETTINGS } from '../src/config/auth-settings.ts'
import { SessionFault, sessionOfHost } from '../src/config/host-session.ts'
import { numbersInRange, withDefaults } from '../src/config/setting.ts'
import {
  KeysUnavailable,
  NotAuthenticated,
  OriginRefused,
  RequestAborted,
  ScopeMissing,
  SessionInvalid,
  TokenInvalid,
  TokenMissing,
  TooManyRequests,
} from '../src/errors.ts'
import { type LoggedOutcomes, noteTold, tellRefused } from '../src/http/outcome-lines.ts'
import type { AuthOptions } from '../src/options.ts'
import { type Authenticator, sumOfFetches } from '../src/token/authenticator.ts'
import { grantsScope, sessionOf } from '../src/token/claims.ts'
import { ALGORITHMS, type Algorithm, isAlgorithm } from '../src/token/key-setting.ts'
import { carrierOf, prove } from '../src/token/proven-connections.ts'
import type { RefusedCheck } from '../src/token/refused-check.ts'
import { HOST_COOKIE_PREFIX, isOwnOrListed } from '../src/token/request-origin.ts'
import { canonicalToken, requestToken, tokenDigest } from '../src/token/request-token.ts'
import { outlives } from '../src/token/revocation.ts'
import type { Session } from '../src/token/session.ts'
import {
  insufficientScopeChallenge,
  invalidTokenChallenge,
  missingTokenChallenge,
} from '../src/token/www-authenticate.ts'
import { type OpenKeys, openCheckedKeys } from './auth/keys/open-keys.ts'
import { logoutVerifier, type Tell } from './auth/logout-verifier.ts'
import { type FailureLimitOf, registerJwt, TokenRefused } from './auth/token-verifier.ts'
import { closeIssuers, keysTrouble, openIssuers } from './auth/trusted-issuers.ts'

export type { HostAnswer, HostSession } from '../src/token/session.ts'

declare module 'fastify' {
  interface FastifyInstance {
    kafkaSseAuth: Authenticator
  }
}

export interface AuthPluginOptions extends AuthOptions {
  /** Origins other than its own whose pages may use the cookie. Default: none. */
  cookieOrigins?: readonly string[]
  /** Opens the keys in place of this plugin: in a worker, those of the main thread. */
  openKeys?: OpenKeys
  /** Limits the bad signatures of an address. Default: no limit. */
  failures?: FailureLimitOf
  /** Whether a refusal is a line in the log now. Default: it is. */
  logged?: Readonly<Pick<LoggedOutcomes, 'refusals'>>
  /** Called with the check that failed, for each token or session that is refused; of a logout, too. */
  onRefused?: (check: RefusedCheck) => void
  /** Whether a session was revoked, for the scope of this request. Default: none was. */
  isRevoked?: (session: Session, request: FastifyRequest) => boolean
}

/** The session of a request; null if it has no token. Rejects with TokenRefused, OriginRefused or KeysUnavailable. */
type ReadSession = (request: FastifyRequest) => Promise<Session | null>

async function auth(app: FastifyInstance, options: AuthPluginOptions): Promise<void> {
  const { authenticate: hostAuthenticate } = options
  app.decorate(
    'kafkaSseAuth',
    hostAuthenticate === undefined
      ? await tokenAuthenticator(app, options)
      : {
          authenticate: hostAuthenticator(hostAuthenticate, options),
          keysReady: () => null,
          logout: null,
        },
  )
}

export const authPlugin = fastifyPlugin(auth, { fastify: '5.x', name: 'kafka-sse-auth' })
export default authPlugin

const noneRevoked = (): boolean => false

/** Else a host that names no `issuedAt` would wonder why a user who has signed in again stays refused. */
const UNDATED = 'it has no issuedAt, so that it may be from before the revocation'

/** Authenticates by the host's own function, whose errors pass through unchanged. */
function hostAuthenticator(
  read: NonNullable<AuthOptions['authenticate']>,
  options: AuthPluginOptions,
): Authenticator['authenticate'] {
  const { isRevoked = noneRevoked, lifetimeSecondsMax = null } = options
  const tell = tellerOf(options)
  const lifetimeMsMax = lifetimeSecondsMax === null ? Number.POSITIVE_INFINITY : lifetimeSecondsMax * 1000
  return async (request, reply, scope) => {
    await requireClient(request)
    const session = hostSession(await read(request), request)
    const isLasting = session !== null && outlives(session, lifetimeMsMax, Date.now())
    const isGood = session !== null && !isLasting && !isRevoked(session, request)
    if (isGood) return granted(session, scope, request, reply, tell)
    const check = session === null ? 'missing' : isLasting ? 'lifetime' : 'revoked'
    const isUndated = check === 'revoked' && session?.issuedAtMs === null
    tell(request, { check, ...(isUndated && { reason: UNDATED }) }, 'session refused')
    // RFC 9110 section 15.5.2 requires this header in a 401. The host may have set its own.
    if (!reply.hasHeader('www-authenticate')) reply.header('www-authenticate', missingTokenChallenge())
    throw new NotAuthenticated()
  }
}

/**
 * null: refused. An invalid session is the host's fault, not the client's: 500, and a log line that says what is wrong.
 */
function hostSession(answer: unknown, request: FastifyRequest): Session | null {
  try {
    return sessionOfHost(answer, Date.now(), randomUUID())
  } catch (error) {
    if (!(error instanceof SessionFault)) throw error
    request.log.error({ field: error.field, reason: error.message }, 'authenticate answered with no session')
    throw new SessionInvalid()
  }
}

async function tokenAuthenticator(app: FastifyInstance, options: AuthPluginOptions): Promise<Authenticator> {
  const limits = numbersInRange('auth', options, AUTH_SETTINGS, AUTH_LIMITS)
  const { queryToken, cookie, algorithm } = withDefaults(options, AUTH_SETTINGS, [
    'algorithm',
    'queryToken',
    'cookie',
  ])
  const opening = openIssuers(options, {
    ...limits,
    rsaAlgorithm: rsaAlgorithm(algorithm),
    openKeys: options.openKeys ?? openCheckedKeys,
    log: app.log,
  })
  // Before the wait, during which the host may close. Of an opening that fails nothing is left to close.
  app.addHook('onClose', async () => closeIssuers(await opening.catch(() => [])))
  const issuers = await opening
  const verify = await registerJwt(app, issuers, options.failures)
  if (cookie !== null && !cookie.startsWith(HOST_COOKIE_PREFIX))
    throw new Error(`auth.cookie must begin with ${HOST_COOKIE_PREFIX}`)
  const places = { queryToken, cookie }
  const { cookieOrigins = [], isRevoked = noneRevoked } = options
  const tell = tellerOf(options)

  const readSession: ReadSession = async (request) => {
    const found = requestToken(request.headers, request.raw.url ?? '', places)
    if (found === null) return null
    if (found.isCookie && !isOwnOrListed(request.headers, cookieOrigins)) throw new OriginRefused()
    const token = canonicalToken(found.text)
    if (token === null) throw new TokenRefused('spelling')
    const digest = tokenDigest(token)
    const { claims, rules } = await verify(request, { text: token, digest })
    const session = sessionOf(claims, rules, digest)
    if (isRevoked(session, request)) throw new TokenRefused('revoked')
    return session
  }
  return {
    authenticate: bearerAuthenticator(readSession, tell),
    logout: logoutVerifier(verify, tell),
    keysReady: () => keysTrouble(issuers),
    keyFetches: () => sumOfFetches(issuers.map(({ keys }) => keys.fetches)),
  }
}

function tellerOf({ logged, onRefused }: AuthPluginOptions): Tell {
  return (request, refusal, words) => {
    onRefused?.(refusal.check)
    const tell = (logged?.refusals ?? true) ? tellRefused : noteTold
    tell(request, refusal, words)
  }
}

function bearerAuthenticator(readSession: ReadSession, tell: Tell): Authenticator['authenticate'] {
  return async (request, reply, scope) => {
    await requireClient(request)
    const session = await readSession(request).catch((error) => refuse(error, request, reply, tell))
    if (session !== null) return granted(session, scope, request, reply, tell)
    tell(request, { check: 'missing' }, TOKEN_REFUSED)
    reply.header('www-authenticate', missingTokenChallenge())
    throw new TokenMissing()
  }
}

const TOKEN_REFUSED = 'token refused'

function refuse(error: unknown, request: FastifyRequest, reply: FastifyReply, tell: Tell): never {
  if (error instanceof TokenRefused) {
    const { check, offSeconds } = error
    tell(request, { check, ...(offSeconds !== null && { offSeconds }) }, TOKEN_REFUSED)
    reply.header('www-authenticate', invalidTokenChallenge())
    throw new TokenInvalid()
  }
  if (error instanceof KeysUnavailable) tell(request, { check: 'keys unavailable' }, TOKEN_REFUSED)
  if (error instanceof OriginRefused) tell(request, { check: 'origin' }, TOKEN_REFUSED)
  if (error instanceof TooManyRequests) tell(request, { check: 'too many failures' }, TOKEN_REFUSED)
  throw error
}

function granted(
  session: Session,
  scope: string | null,
  request: FastifyRequest,
  reply: FastifyReply,
  tell: Tell,
): Session {
  if (scope === null || grantsScope(session, scope)) {
    prove(carrierOf(request.raw))
    return session
  }
  tell(request, { check: 'scope' }, TOKEN_REFUSED)
  reply.header('www-authenticate', insufficientScopeChallenge(scope))
  throw new ScopeMissing()
}

/**
 * A rapid reset (CVE-2023-44487) sends some 2,000 requests, each followed by its reset. No signature is checked for
 * them. Node calls the handler before it reads the next frame, so the reset is visible one turn of the event loop
 * later.
 */
async function requireClient(request: FastifyRequest): Promise<void> {
  await nextTurn()
  if (hasLeft(request)) throw new RequestAborted()
}

/**
 * Whether the client has left. Asks HTTP/2's stream or HTTP/1.1's socket, because an HTTP/1.1 request counts as
 * destroyed once it is read.
 */
function hasLeft(request: FastifyRequest): boolean {
  const raw = request.raw
  const stream = 'stream' in raw ? raw.stream : raw.socket
  return typeof stream === 'object' && stream !== null && 'destroyed' in stream && stream.destroyed === true
}

function rsaAlgorithm(algorithm: string): Algorithm {
  if (!isAlgorithm(algorithm)) throw new Error(`auth.algorithm must be one of ${ALGORITHMS.join(', ')}`)
  return algorithm
}
