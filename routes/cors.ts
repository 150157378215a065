// Cross-origin requests (Fetch standard, 3.3), answered in a hook: with the bytes of @fastify/cors, but without its `OPTIONS *`,
// which only one in an app may declare. docs/decisions has the reason.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** `authorization` by name, since `*` does not cover it (Fetch standard, 3.3.2); without credentials, since tokens are not. */
const PREFLIGHT_HEADERS = {
  'access-control-allow-methods': 'GET, POST',
  'access-control-allow-headers': 'authorization, last-event-id, content-type',
  'access-control-max-age': '86400',
}
/** Marks a scope, and with it those inside, so that no request is answered for twice. */
const ANSWERED = Symbol('CORS is answered')
const EXPOSED_HEADERS = 'retry-after, www-authenticate'

/**
 * Holds for every route of this scope, and for what is not found in it. No `origins`: nothing is done. The host's own CORS,
 * where it has @fastify/cors, holds for this scope like for everything else, and nothing is done, either.
 */
export function answerCors(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0 || app.hasDecorator(ANSWERED)) return
  app.decorate(ANSWERED, true)
  let isHosts = false
  // Hooks that the host adds after this scope was made hold here, too: whose CORS it is, is known when all is registered.
  app.addHook('onReady', async () => {
    isHosts = hasCors(app)
  })
  app.addHook('onRequest', async (request, reply) => {
    if (isHosts) return
    nameOrigin(request, reply, origins)
    reply.header('access-control-expose-headers', EXPOSED_HEADERS)
    if (request.method === 'OPTIONS') return answerPreflight(request, reply)
  })
}

/** Whether @fastify/cors is in this scope or one around it. A scope is made from the one around it, by its prototype. */
function hasCors(scope: FastifyInstance | null): boolean {
  if (!scope?.hasRequestDecorator) return false
  return scope.hasRequestDecorator('corsPreflightEnabled') || hasCors(Object.getPrototypeOf(scope))
}

function nameOrigin(request: FastifyRequest, reply: FastifyReply, origins: readonly string[]): void {
  const { origin } = request.headers
  if (origins.includes('*')) reply.header('access-control-allow-origin', '*')
  else {
    reply.header('vary', withOrigin(reply.getHeader('vary')))
    if (origin !== undefined && origins.includes(origin)) reply.header('access-control-allow-origin', origin)
  }
}

/** The answer depends on the origin, besides what hooks before this one have named. */
function withOrigin(vary: number | string | string[] | undefined): string {
  const named = [vary ?? []].flat().join(', ')
  const names = named.split(',').map((name) => name.trim().toLowerCase())
  if (names.includes('*') || names.includes('origin')) return named
  return named === '' ? 'Origin' : `${named}, Origin`
}

function answerPreflight(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { origin, 'access-control-request-method': method } = request.headers
  if (!origin || !method) return reply.code(400).type('text/plain').send('Invalid Preflight Request')
  return reply.code(204).headers(PREFLIGHT_HEADERS).header('content-length', '0').send()
}
