// A response that is a stream: it goes through the hooks of the host like any other, and is taken out of Fastify's hands behind the
// last of them. Promise: nothing is taken that cannot be answered, and a stream that never opens is told of.

import { ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http'
import type { Http2ServerResponse, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { CleartextHttp2Sink } from '../src/stream/cleartext-sink.ts'
import { Http1Sink, Http2Sink, type Sink } from '../src/stream/sink.ts'
import { RequestAborted } from '../src/token/authenticator.ts'

export const EVENT_STREAM = 'text/event-stream'
const STREAM_HEADERS = {
  'content-type': EVENT_STREAM,
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}
/** Those of a connection, which HTTP/2 forbids (RFC 9113, 8.2.2): Node throws where it is to send one. */
const CONNECTION_HEADERS = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
])
/** Those that say how long or how coded a body is. */
const BODY_HEADERS = new Set(['content-encoding', 'content-length', 'trailer', 'transfer-encoding'])

type Headers = Record<string, string | string[]>

/** What stands for a stream while hooks look at the payload. A hook that reads it finds nothing in it. */
class StreamBody extends Readable {
  readonly opened: (sink: Sink) => void
  readonly refused: () => void

  constructor(opened: (sink: Sink) => void, refused: () => void) {
    super()
    this.opened = opened
    this.refused = refused
  }

  /** Whether a hook has begun to read it, be it by a pipe. */
  get isRead(): boolean {
    return this.readableFlowing === true || this.listenerCount('readable') > 0
  }

  override _read(): void {
    this.push(null)
  }
}

/** Replies that a stream is to open in, until the last of their hooks has run. */
const bodies = new WeakMap<FastifyReply, StreamBody>()

/**
 * Answers with a stream, which `use` is handed once its headers are out; false where it came to none: a hook failed, answered with
 * something else, or took so long that the client left. Rejects with RequestAborted for a client that has left by now.
 */
export async function sendStream(reply: FastifyReply, use: (sink: Sink) => void): Promise<boolean> {
  requireClient(reply)
  return new Promise((resolve) => {
    const refused = () => resolve(false)
    const opened = (sink: Sink) => {
      reply.raw.off('close', refused)
      use(sink)
      resolve(true)
    }
    const body = new StreamBody(opened, refused)
    // Without a listener it would end the process. What became of the answer, `takeStream` decides.
    body.on('error', (error) => reply.log.error({ err: error }, 'a hook has destroyed the body of a stream'))
    reply.raw.once('close', refused)
    bodies.set(reply, body)
    reply.headers(STREAM_HEADERS).send(body)
  })
}

/** For the route's own `onSend`, which runs behind those of every scope. What it takes, Fastify never gets back. */
export function takeStream(
  _request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error?: Error | null, payload?: unknown) => void,
): void {
  const body = bodies.get(reply)
  bodies.delete(reply)
  try {
    if (body?.isRead || body?.destroyed) throw body.errored ?? new BodyRead()
    if (payload === body && body !== undefined) open(reply, body)
    else {
      dropInvalid(reply)
      done(null, payload)
    }
  } catch (error) {
    body?.refused()
    dropStreams(reply)
    done(error as Error) // all that is thrown in here
  }
}

/** For the route's `onError`, which runs before any error handler: a hook has failed behind `sendStream`. */
export async function leaveStream(_request: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (bodies.delete(reply)) dropStreams(reply)
}

/** What is answered instead has a body of its own: neither the stream's headers nor those that a hook coded it by fit. */
function dropStreams(reply: FastifyReply): void {
  for (const name of [...Object.keys(STREAM_HEADERS), ...BODY_HEADERS]) reply.removeHeader(name)
}

/** A hook that compresses, say, or destroys it: what comes out of it would be its own, and nothing would come out. */
class BodyRead extends Error {
  constructor() {
    super(
      'An onSend hook reads or ends the body of a stream, which writes by itself: it has to leave text/event-stream alone',
    )
  }
}

/** A client that has left cannot be answered: HTTP/2 tells by the stream, HTTP/1.1 by its socket. */
function requireClient({ raw }: FastifyReply): void {
  const hasLeft = isHttp1(raw)
    ? raw.destroyed || raw.socket?.destroyed === true
    : http2Stream(raw).destroyed || http2Stream(raw).closed
  if (hasLeft) throw new RequestAborted()
}

function open(reply: FastifyReply, body: StreamBody): void {
  requireClient(reply)
  const sink = isHttp1(reply.raw) ? openHttp1(reply, reply.raw) : openHttp2(reply)
  reply.hijack()
  try {
    body.opened(sink)
  } catch (error) {
    sink.cancel()
    throw error
  }
}

function openHttp1(reply: FastifyReply, response: ServerResponse): Sink {
  const headers = headersOf(reply)
  // Fastify says so while it closes, and is kept from closing by connections that stay.
  if (String(reply.getHeader('connection')).toLowerCase() === 'close') headers.connection = 'close'
  // Of those that a hook has set there, only what stands in `headers` goes along.
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  response.writeHead(200, headers)
  response.flushHeaders()
  return new Http1Sink(response)
}

function openHttp2(reply: FastifyReply): Sink {
  const stream = http2Stream(reply.raw)
  stream.respond({ ':status': 200, ...headersOf(reply) })
  const session = stream.session as ServerHttp2Session | undefined // typed for either end, and this is the server's
  return session === undefined || session.encrypted
    ? new Http2Sink(stream)
    : new CleartextHttp2Sink(stream, session)
}

/** What hooks have set and a stream can have, and over it the stream's own. Throws, with the name, where one cannot be sent. */
function headersOf(reply: FastifyReply): Headers {
  const headers: Headers = {}
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value === undefined || value === null || isFraming(name)) continue
    const sent = sentValue(name, value)
    validate(name, sent)
    headers[name.toLowerCase()] = sent
  }
  return { ...headers, ...STREAM_HEADERS }
}

function isFraming(name: string): boolean {
  return CONNECTION_HEADERS.has(name.toLowerCase()) || BODY_HEADERS.has(name.toLowerCase())
}

/** Only cookies may not stand in one line, separated by commas (RFC 9110, 5.3). */
function sentValue(name: string, value: unknown): string | string[] {
  if (!Array.isArray(value)) return String(value)
  return name.toLowerCase() === 'set-cookie' ? value.map(String) : value.join(', ')
}

function validate(name: string, value: string | string[]): void {
  validateHeaderName(name)
  for (const line of [value].flat()) validateHeaderValue(name, line)
}

/** So that the error can be answered that tells of them. */
function dropInvalid(reply: FastifyReply): void {
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (!isHttp1(reply.raw) && CONNECTION_HEADERS.has(name.toLowerCase())) reply.removeHeader(name)
    try {
      if (value !== undefined) validate(name, sentValue(name, value))
    } catch (error) {
      reply.log.error({ err: error }, 'header dropped from an answer')
      reply.removeHeader(name)
    }
  }
}

function isHttp1(raw: ServerResponse | Http2ServerResponse): raw is ServerResponse {
  return raw instanceof ServerResponse
}

/** Fastify types every reply as HTTP/1.1's; on HTTP/2 `raw` is the compatibility response, which has its stream. */
function http2Stream(raw: unknown): ServerHttp2Stream {
  return (raw as Http2ServerResponse).stream
}
