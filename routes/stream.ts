// The routes of one stream: GET, POST and OPTIONS of its path, 405 for other methods, and its tickets.

import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { DescribedStream } from '../src/description/described-stream.ts'
import { optionsOperation, renewalOperation, streamOperation } from '../src/description/operations.ts'
import {
  ControlUnread,
  ControlUnwritable,
  Draining,
  errorCode,
  KafkaUnavailable,
  KeysUnavailable,
  RevocationsFull,
  TicketsUnavailable,
  TooManyRequests,
  TopicsFull,
} from '../src/errors.ts'
import { errorSerializer, requestSerializer } from '../src/http/log-redaction.ts'
import { between, RETRY_BUSY_MS } from '../src/stream/signals.ts'
import { challengeHandler } from './challenge.ts'
import { described } from './description/described-route.ts'
import { eventsHandler, type StreamRoute } from './events.ts'
import { addPath } from './path-methods.ts'
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
  logRefusals(app)
  app.addHook('onError', async (_request, _reply, error) => options.streams.countRefusal(errorCode(error)))
  const hooks = { onSend: takeStream, onError: leaveStream, onResponse: tellLater(options) }
  const ofGet = described(app, streamOperation(description))
  app.get(path, { exposeHeadRoute: false, ...hooks, ...ofGet }, eventsHandler(route))
  app.post(path, { ...described(app, renewalOperation(description)) }, challengeHandler(route))
  addPath(app, path, ['GET', 'POST', 'OPTIONS'], described(app, optionsOperation(description)))
  const { tickets } = route
  if (tickets !== null) ticketRoutes(app, { ...route, tickets }, path)
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

/** Refusals that are no fault of the server's code: it drains, waits for others, or is full. */
const NO_FAULTS = [
  ControlUnread,
  ControlUnwritable,
  Draining,
  KeysUnavailable,
  KafkaUnavailable,
  RevocationsFull,
  TicketsUnavailable,
  TopicsFull,
]

/**
 * Logs these refusals as information. Fastify's own handler would log each as an error with a stack. No error handler:
 * what it throws again and is no Error, such as a text that a host's code has thrown, Fastify would send with 200.
 */
function logRefusals(app: FastifyInstance): void {
  app.addHook('onError', async (_request, reply, error) => {
    const refusal = NO_FAULTS.some((known) => error instanceof known) ? error : null
    if (refusal !== null) reply.log = refusalLog(reply.log, refusal.code)
    const isForNow = refusal !== null || error instanceof TooManyRequests
    if (isForNow && !reply.hasHeader('retry-after'))
      reply.header('retry-after', Math.round(between(RETRY_BUSY_MS) / 1000))
  })
}

function refusalLog(log: FastifyBaseLogger, code: string): FastifyBaseLogger {
  const error = (_fields: unknown, message: string) => log.info({ code }, `refused: ${message}`)
  return Object.create(log, { error: { value: error } })
}
