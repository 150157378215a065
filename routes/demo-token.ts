// POST /demo/token: a token of 30 s for the demo's page, which therefore needs no identity provider, and where the demo
// streams whole records. Promise: only this server's own pages get it; pages of other sites are refused.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { DEMO_TOKEN_SECONDS } from '../src/demo/identity.ts'
import { mintDemoToken } from '../src/demo/token.ts'
import { OriginRefused } from '../src/errors.ts'

export interface DemoTokenRouteOptions {
  /** Where private.pem is. */
  folder: string
  /** Paths of streams of whole records, by the paths of the streams of their values. */
  envelopes: Readonly<Record<string, string>>
}

const LOCAL_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/

export async function demoTokenRoutes(
  app: FastifyInstance,
  { folder, envelopes }: DemoTokenRouteOptions,
): Promise<void> {
  app.post('/demo/token', async (request, reply) => {
    if (!isOwnPage(request)) throw new OriginRefused()
    reply.header('cache-control', 'no-store')
    return { token: await mintDemoToken({ folder, expiresInSeconds: DEMO_TOKEN_SECONDS }), envelopes }
  })
}

/** A browser sends at least one of the two headers with a POST, and a page cannot change them. */
function isOwnPage(request: FastifyRequest): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers
  if (origin === undefined && site === undefined) return false
  if (site !== undefined && site !== 'same-origin') return false
  if (origin !== undefined && origin.toLowerCase() !== `${request.protocol}://${request.host}`.toLowerCase())
    return false
  // Another site's name may point at 127.0.0.1 (DNS rebinding). Over TLS the certificate prevents that.
  return request.protocol === 'https' || LOCAL_HOST.test(request.host)
}
