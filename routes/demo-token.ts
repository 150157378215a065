// POST /demo/token: a token for the demo's page, of 30 s, so that nobody needs an identity provider to try the page.
// Promise: only pages of this very server get one; any other site's page is refused.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { DEMO_TOKEN_SECONDS } from '../src/demo/identity.ts'
import { mintDemoToken } from '../src/demo/token.ts'
import { OriginRefused } from '../src/errors.ts'

export interface DemoTokenRouteOptions {
  /** Where private.pem is. */
  folder: string
}

const LOCAL_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/

export async function demoTokenRoutes(
  app: FastifyInstance,
  { folder }: DemoTokenRouteOptions,
): Promise<void> {
  app.post('/demo/token', async (request, reply) => {
    if (!isOwnPage(request)) throw new OriginRefused()
    reply.header('cache-control', 'no-store')
    return { token: await mintDemoToken({ folder, expiresInSeconds: DEMO_TOKEN_SECONDS }) }
  })
}

/** Browsers say where a POST comes from, and pages cannot make them lie: at least one of the two headers must be there. */
function isOwnPage(request: FastifyRequest): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers
  if (origin === undefined && site === undefined) return false
  if (site !== undefined && site !== 'same-origin') return false
  if (origin !== undefined && origin.toLowerCase() !== `${request.protocol}://${request.host}`.toLowerCase())
    return false
  // A name that somebody points at 127.0.0.1 makes their page ours in all but name. Over TLS the certificate tells.
  return request.protocol === 'https' || LOCAL_HOST.test(request.host)
}
