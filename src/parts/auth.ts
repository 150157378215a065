// `fastify-kafka-sse/auth`: tokens alone, for a host's own routes. Decorates the app with `kafkaSseAuth`. Its options
// are those of `auth`, by the same schema.

import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import auth from '../../plugins/auth.ts'
import { streamsNear } from '../app/nearby-streams.ts'
import { validatePart } from '../config/parse.ts'
import type { AuthOptions } from '../options.ts'
import type { Authenticator } from '../token/authenticator.ts'
import { refuseWholeOnly } from './whole-only.ts'

export type { AuthOptions } from '../options.ts'
export type { Authenticator } from '../token/authenticator.ts'
export type { HostAnswer, HostSession, Session } from '../token/session.ts'

declare module 'fastify' {
  interface FastifyInstance {
    kafkaSseAuth: Authenticator
  }
}

/** The options of `auth`, but for the paths, which are the whole plugin's. */
export interface AuthPartOptions extends Omit<AuthOptions, 'logoutPath' | 'resourceUrl'> {
  /** Origins other than its own whose pages may use the cookie. Default: none. */
  cookieOrigins?: readonly string[]
}

async function authPart(app: FastifyInstance, options: AuthPartOptions): Promise<void> {
  const { cookieOrigins, ...given } = options
  refuseWholeOnly(given, ['logoutPath', 'resourceUrl'])
  const sse = cookieOrigins === undefined ? {} : { corsOrigins: cookieOrigins }
  const resolved = validatePart({ auth: given, sse }, { corsOrigins: 'cookieOrigins' })
  await app.register(auth, {
    ...resolved.auth,
    cookieOrigins: resolved.sse.corsOrigins,
    isRevoked: (session) => streamsNear(app).some(({ revocations }) => revocations.refuses(session)),
    failures: ({ server }) => [server, app].find(hasRates)?.kafkaSseRates ?? null,
  })
}

/** Whether a scope has the part `/sse`, which may be in a scope within: that of the request. */
function hasRates(scope: FastifyInstance): boolean {
  return scope.hasDecorator('kafkaSseRates')
}

export const kafkaSseAuth = fastifyPlugin(authPart, { fastify: '5.x', name: 'kafka-sse-auth-part' })
export default kafkaSseAuth
