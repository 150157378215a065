// The routes of one stream: GET, POST and OPTIONS of its path, and 405 for other methods.

import type {
  FastifyBaseLogger,
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  HTTPMethods,
} from 'fastify'
import { Draining, KafkaUnavailable, KeysUnavailable, MethodNotAllowed, TopicsFull } from '../src/errors.ts'
import { errorSerializer, requestSerializer } from '../src/http/log-redaction.ts'
import { challengeHandler } from './challenge.ts'
import { eventsHandler, type StreamRoute } from './events.ts'
import { leaveStream, takeStream } from './stream-response.ts'

const serializers = { req: requestSerializer, err: errorSerializer }
const ALLOWED = ['GET', 'POST', 'OPTIONS']

export async function streamRoutes(
  app: FastifyInstance,
  options: StreamRoute & { path: string },
): Promise<void> {
  const { path } = options
  // No body of any type is parsed. The POST handler looks for a body after it has verified the token.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _body, done) => done(null))
  hideTokens(app)
  logRefusals(app)
  app.addHook('onError', async (_request, _reply, error) => options.streams.countRefusal(error.code))
  const hooks = { onSend: takeStream, onError: leaveStream, onResponse: tellLater(options) }
  app.get(path, { exposeHeadRoute: false, ...hooks }, eventsHandler(options))
  app.post(path, challengeHandler(options))
  app.options(path, async (_request, reply) => reply.code(204).header('allow', ALLOWED.join(', ')).send())
  app.route({
    method: otherMethods(app),
    url: path,
    handler: async (_request, reply) => {
      reply.header('allow', ALLOWED.join(', '))
      throw new MethodNotAllowed()
    },
  })
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
function hideTokens(app: FastifyInstance): void {
  const createChild = app.childLoggerFactory
  let hiding: FastifyBaseLogger | null = null
  app.setChildLoggerFactory((logger, bindings, options, request) => {
    hiding ??= logger.child({}, { serializers })
    return createChild.call(app, hiding, bindings, options, request)
  })
}

/** Refusals that are no fault of the server's code: it drains, waits for others, or is full. */
const NO_FAULTS = [Draining, KeysUnavailable, KafkaUnavailable, TopicsFull]

/**
 * Logs these refusals as information. Fastify's own handler would log each as an error with a stack. The host's error
 * handler, or Fastify's, still answers it.
 */
function logRefusals(app: FastifyInstance): void {
  app.setErrorHandler((error, _request, reply) => {
    const refusal = NO_FAULTS.some((known) => error instanceof known) ? (error as FastifyError) : null
    if (refusal !== null) reply.log = refusalLog(reply.log, refusal.code)
    throw error
  })
}

function refusalLog(log: FastifyBaseLogger, code: string): FastifyBaseLogger {
  const error = (_fields: unknown, message: string) => log.info({ code }, `refused: ${message}`)
  return Object.create(log, { error: { value: error } })
}

function otherMethods(app: FastifyInstance): HTTPMethods[] {
  return app.supportedMethods.filter((method) => !ALLOWED.includes(method)) as HTTPMethods[] // Fastify's own list
}
