// One line in a server's log for each request. Fastify's own are two: the first has the URL, the second the status. A
// host keeps those, because its log is its own.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { logRedaction } from './log-redaction.ts'
import { addressOf, hasLine, isTold, noteSender, tellShortly } from './outcome-lines.ts'

const FRAMEWORK_LINES: ReadonlySet<unknown> = new Set(['incoming request', 'request completed'])

/** `logRedaction`, without Fastify's lines. */
export const serverLog = {
  ...logRedaction,
  hooks: {
    ...logRedaction.hooks,
    logMethod(this: unknown, parts: unknown[], method: Parameters<LogHook>[1]): void {
      if (!FRAMEWORK_LINES.has(parts[1])) logRedaction.hooks.logMethod.call(this, parts, method)
    },
  },
}

type LogHook = typeof logRedaction.hooks.logMethod

/**
 * A request that something else has told of, such as a refused token, has no line here, nor has one of an address that
 * has had too many.
 */
export function tellRequests(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    noteSender(request)
    done()
  })
  app.addHook('onError', async (request, reply, error) => tellShortly(request, reply, error, isOfClient))
  app.addHook('onResponse', (request: FastifyRequest, reply, done) => {
    const { elapsedTime: responseTime } = reply
    // A client without a token may ask for the client's files, or how CORS is, as often as it likes.
    if (!isQuiet(request) && !isTold(request) && hasLine(request)) {
      const address = addressOf(request)
      request.log.info({ req: request, address, res: reply, responseTime }, 'request answered')
    }
    done()
  })
}

/** Its answers are below its own level of the log, so they take none of its address's lines: health and metrics. */
function isQuiet({ routeOptions: { logLevel } }: FastifyRequest): boolean {
  return logLevel === 'warn'
}

/** Also of a library, such as for a range that a file does not have. Its line with a stack would have no bound. */
function isOfClient(error: unknown): boolean {
  const { statusCode = 500 }: { readonly statusCode?: number } = Object(error)
  return statusCode >= 400 && statusCode < 500
}
