// Answers cross-origin requests (Fetch standard, 3.3) in a hook, with the same bytes as @fastify/cors. That plugin
// declares `OPTIONS *`, which only one plugin of an app may do: docs/decisions has the reason.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** Of every preflight's answer. */
const PREFLIGHT_HEADERS = {
  'access-control-allow-methods': 'GET, POST',
  'access-control-max-age': '86400',
}
/** What our clients send. By name, because `*` does not cover `authorization` (Fetch standard, 3.3.2). */
const CLIENT_HEADERS = ['authorization', 'last-event-id', 'content-type']
/** What tracing adds to each request of a page: W3C Trace Context and Baggage, and Sentry. */
const TRACING_HEADERS = ['traceparent', 'tracestate', 'baggage', 'sentry-trace']
/** Marks a scope and those inside it, so that no request is answered twice. */
const ANSWERED = Symbol('CORS is answered')
const EXPOSED_HEADERS = 'retry-after, www-authenticate'

/** Which pages of other origins may read the answers. */
export interface CorsRules {
  readonly origins: readonly string[]
  /** Headers that these pages may send beside those of our clients and of tracing. */
  readonly headers: readonly string[]
  /** Whether pages of listed origins may have their visitors' cookies sent. Never those of `*`. */
  readonly hasCookies: boolean
}

/**
 * Applies to every route of this scope, and to its 404 answers. Does nothing without origins, or if the host has
 * @fastify/cors, which applies to this scope, too.
 */
export function answerCors(app: FastifyInstance, rules: CorsRules): void {
  const { origins } = rules
  const allowed = [...CLIENT_HEADERS, ...TRACING_HEADERS, ...rules.headers].join(', ')
  if (origins.length === 0 || app.hasDecorator(ANSWERED)) return
  app.decorate(ANSWERED, true)
  let isHosts = false
  // The host may register @fastify/cors after this scope, and it applies here, too. So this is decided when all is
  // registered.
  app.addHook('onReady', async () => {
    isHosts = hasCors(app)
  })
  app.addHook('onRequest', async (request, reply) => {
    if (isHosts) return
    nameOrigin(request, reply, rules)
    reply.header('access-control-expose-headers', EXPOSED_HEADERS)
    if (request.method === 'OPTIONS') return answerPreflight(request, reply, allowed)
  })
}

/** Whether this scope or one around it has @fastify/cors. A scope's prototype is the scope around it. */
function hasCors(scope: FastifyInstance | null): boolean {
  if (!scope?.hasRequestDecorator) return false
  return scope.hasRequestDecorator('corsPreflightEnabled') || hasCors(Object.getPrototypeOf(scope))
}

function nameOrigin(request: FastifyRequest, reply: FastifyReply, { origins, hasCookies }: CorsRules): void {
  const { origin } = request.headers
  if (origins.includes('*')) reply.header('access-control-allow-origin', '*')
  else {
    reply.header('vary', withOrigin(reply.getHeader('vary')))
    if (origin === undefined || !origins.includes(origin)) return
    reply.header('access-control-allow-origin', origin)
    if (hasCookies) reply.header('access-control-allow-credentials', 'true')
  }
}

/** Adds Origin to the `Vary` of earlier hooks. */
function withOrigin(vary: number | string | string[] | undefined): string {
  const named = [vary ?? []].flat().join(', ')
  const names = named.split(',').map((name) => name.trim().toLowerCase())
  if (names.includes('*') || names.includes('origin')) return named
  return named === '' ? 'Origin' : `${named}, Origin`
}

function answerPreflight(request: FastifyRequest, reply: FastifyReply, allowed: string): FastifyReply {
  const { origin, 'access-control-request-method': method } = request.headers
  if (!origin || !method) return reply.code(400).type('text/plain').send('Invalid Preflight Request')
  reply.headers({ ...PREFLIGHT_HEADERS, 'access-control-allow-headers': allowed })
  return reply.code(204).header('content-length', '0').send()
}
