// The routes of one stream: GET, POST and OPTIONS of its path, 405 for other methods, and its tickets.

import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { DescribedStream } from '../src/description/described-stream.ts'
import { optionsOperation, renewalOperation, streamOperation } from '../src/description/operations.ts'
import { errorCode, errorWords, TooManyRequests } from '../src/errors.ts'
import { errorSerializer, requestSerializer } from '../src/http/log-redaction.ts'
import { isNoFault, refusalWords, tellShortly } from '../src/http/outcome-lines.ts'
import { redactText } from '../src/http/redaction.ts'
import { between, RETRY_BUSY_MS } from '../src/stream/signals.ts'
import type { Streams } from '../src/stream/streams.ts'
import { traced } from '../src/tracing/spans.ts'
import { challengeHandler } from './challenge.ts'
import { described } from './description/described-route.ts'
import { eventsHandler, type StreamRoute } from './events.ts'
import { addPath, type RouteHandler } from './path-methods.ts'
import { leaveStream, takeStream } from './stream-response.ts'
import { ticketRoutes } from './ticket.ts'

const serializers = { req: requestSerializer, err: errorSerializer }

export async function streamRoutes(
  app: FastifyInstance,
  options: Omit<StreamRoute, 'path'> & { path: string; description: DescribedStream },
): Promise<void> {
  const { path, description } = options
  const route = { ...options, path: app.prefix + path }
  // No body of any type is parsed. The POST handler looks for a body after it has verified the token.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _body, done) => done(null))
  hideTokens(app)
  const refusals = new Refusals(options.streams, route.path)
  // Of the host's hooks: `told` has noted those of the handlers.
  app.addHook('onError', async (_request, reply, error) => refusals.note(error, reply))
  const hooks = { onSend: takeStream, onError: leaveStream, onResponse: tellLater(options) }
  const ofGet = described(app, streamOperation(description))
  app.get(
    path,
    { exposeHeadRoute: false, ...hooks, ...ofGet },
    refusals.told(traced('kafka-sse connect', path, eventsHandler(route))),
  )
  const ofPost = described(app, renewalOperation(description))
  app.post(path, { ...ofPost }, refusals.told(traced('kafka-sse renewal', path, challengeHandler(route))))
  addPath(app, path, ['GET', 'POST', 'OPTIONS'], described(app, optionsOperation(description)), refusals.told)
  const { tickets } = route
  if (tickets !== null) ticketRoutes(app, { ...route, tickets, told: refusals.told }, path)
}

/**
 * Runs after the host's own hooks. Logging the end of a request costs as much as ending its stream, so it waits while
 * other streams have to end.
 */
function tellLater({ streams }: StreamRoute) {
  return (_request: FastifyRequest, _reply: FastifyReply, done: () => void): void =>
    streams.afterDeadlines(done)
}

/**
 * A host's own logger would print tokens in URLs. With `logSerializers` each request's logger would keep a copy of all
 * serializers for as long as its stream is open.
 */
export function hideTokens(app: FastifyInstance): void {
  const createChild = app.childLoggerFactory
  let hiding: FastifyBaseLogger | null = null
  app.setChildLoggerFactory((logger, bindings, options, request) => {
    hiding ??= logger.child({}, { serializers })
    return createChild.call(app, hiding, bindings, options, request)
  })
}

/**
 * What is done about each refusal before it is answered: it is counted, says when to come again, and is one line of
 * information. Fastify's own handler would log it with a stack, and as an error if it is a 503. No error handler: what
 * it throws again and is no Error, such as a text that a host's code has thrown, Fastify would send with 200.
 */
class Refusals {
  private readonly streams: Streams
  private readonly path: string
  private readonly noted = new WeakSet<FastifyReply>()

  constructor(streams: Streams, path: string) {
    this.streams = streams
    this.path = path
  }

  /**
   * Notes what `handler` throws. A hook of ours might not see it, because what a host's own `onError` hook returns is
   * the error that the next one gets.
   */
  readonly told =
    (handler: RouteHandler): RouteHandler =>
    async (request, reply) => {
      try {
        return await handler(request, reply)
      } catch (error) {
        this.note(error, reply)
        throw error
      }
    }

  /** Once for each reply. */
  note(error: unknown, reply: FastifyReply): void {
    if (this.noted.has(reply)) return
    this.noted.add(reply)
    const code = errorCode(error)
    this.streams.countRefusal(code)
    this.streams.watch.refused(this.outcome(code, error, reply.request))
    tellShortly(reply.request, reply, error)
    const isForNow = isNoFault(error) || error instanceof TooManyRequests
    if (isForNow && !reply.hasHeader('retry-after'))
      reply.header('retry-after', Math.round(between(RETRY_BUSY_MS) / 1000))
  }

  /** By the words of its own line in the log; else by those of its answer. */
  private outcome(code: string | null, error: unknown, request: FastifyRequest) {
    const { check = null, reason, offSeconds = null } = refusalWords(request)
    const words = check === null ? redactText(errorWords(error)) : null
    return {
      path: this.path,
      code: code ?? 'other',
      check,
      reason: reason ?? words,
      offSeconds,
    }
  }
}
