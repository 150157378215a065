// Answers a request with a stream. The response passes the host's hooks like any other, and is hijacked from Fastify
// after the last of them. Promise: a client that has left is not hijacked, and the caller learns of a stream that never
// opened.

import { ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http'
import type { Http2ServerResponse, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { RequestAborted } from '../src/errors.ts'
import { CleartextHttp2Sink } from '../src/stream/cleartext-sink.ts'
import { Http1Sink, Http2Sink, type Sink } from '../src/stream/sink.ts'
import { allowQuiet } from './http2-sessions.ts'

export const EVENT_STREAM = 'text/event-stream'
const STREAM_HEADERS = {
  'content-type': EVENT_STREAM,
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}
/** Connection headers, which HTTP/2 forbids (RFC 9113, 8.2.2). Node throws if it is given one. */
const CONNECTION_HEADERS = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
])
/** Headers that describe the length and coding of a body. */
const BODY_HEADERS = new Set(['content-encoding', 'content-length', 'trailer', 'transfer-encoding'])

type Headers = Record<string, string | string[]>

/** Represents the stream as a payload while hooks run. A hook that reads it finds it empty. */
class StreamBody extends Readable {
  readonly opened: (sink: Sink) => void
  readonly refused: () => void

  constructor(opened: (sink: Sink) => void, refused: () => void) {
    super()
    this.opened = opened
    this.refused = refused
  }

  /** Whether a hook has begun to read it, also by a pipe. */
  get isRead(): boolean {
    return this.readableFlowing === true || this.listenerCount('readable') > 0
  }

  override _read(): void {
    this.push(null)
  }
}

/** Replies that will become streams, until their last hook has run. */
const bodies = new WeakMap<FastifyReply, StreamBody>()

/**
 * Answers with a stream: calls `use` once the headers are sent. Resolves with false if no stream opened: a hook failed
 * or gave another answer, or the client left meanwhile. Rejects with RequestAborted if the client has left already.
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
    // Without a listener the error would end the process. `takeStream` decides about the answer.
    body.on('error', (error) => reply.log.error({ err: error }, 'a hook has destroyed the body of a stream'))
    reply.raw.once('close', refused)
    bodies.set(reply, body)
    reply.headers(STREAM_HEADERS).send(body)
  })
}

/** For the route's own `onSend`, which runs after those of every scope. Hijacks the reply of a stream from Fastify. */
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
    done(error as Error) // everything that is thrown here is an Error
  }
}

/** For the route's `onError`, which runs before any error handler: a hook has failed after `sendStream`. */
export async function leaveStream(_request: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (bodies.delete(reply)) dropStreams(reply)
}

/** The answer in place of the stream has a body of its own, which the stream's headers and codings do not fit. */
function dropStreams(reply: FastifyReply): void {
  for (const name of [...Object.keys(STREAM_HEADERS), ...BODY_HEADERS]) reply.removeHeader(name)
}

/** A hook has read or destroyed the stream's payload, for instance to compress it. It would send an empty body. */
class BodyRead extends Error {
  constructor() {
    super('An onSend hook has read or ended the body of a stream. It must leave text/event-stream alone')
  }
}

/** Throws RequestAborted if the client has left: HTTP/2's stream or HTTP/1.1's socket is closed. */
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
    // The headers are sent, so no error can be answered, and Fastify, which would log it again, is not told of it.
    sink.cancel()
    body.refused()
    reply.log.error({ err: error }, 'a stream could not be opened')
  }
}

function openHttp1(reply: FastifyReply, response: ServerResponse): Sink {
  const headers = headersOf(reply)
  // Fastify sets this header while it closes. Connections that stay open would delay its close.
  if (String(reply.getHeader('connection')).toLowerCase() === 'close') headers.connection = 'close'
  // Headers that a hook has set on the raw response are dropped: only `headers` is sent.
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  allowSilence(response)
  response.writeHead(200, headers)
  response.flushHeaders()
  return new Http1Sink(response)
}

/**
 * A host's `connectionTimeout` may be shorter than the time between two heartbeats. It applies again once the stream
 * has ended. A client that takes no bytes is noticed without it.
 */
function allowSilence(response: ServerResponse): void {
  const { socket } = response
  if (!(socket instanceof Socket) || !socket.timeout) return // `inject` has none, and most hosts have no time-out
  const { timeout } = socket
  socket.setTimeout(0)
  // Before Node's own listener, which sets the time for the next request.
  response.prependOnceListener('finish', () => socket.setTimeout(timeout))
}

function openHttp2(reply: FastifyReply): Sink {
  const stream = http2Stream(reply.raw)
  stream.respond({ ':status': 200, ...headersOf(reply) })
  const session = stream.session as ServerHttp2Session | undefined // Node types it for client and server alike
  if (session !== undefined) allowQuiet(stream, session)
  return session === undefined || session.encrypted
    ? new Http2Sink(stream)
    : new CleartextHttp2Sink(stream, session)
}

/** Headers of hooks that fit a stream, overridden by the stream's own. Throws, naming it, if one is invalid. */
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

/** Joins several values by commas, except cookies (RFC 9110, 5.3). */
function sentValue(name: string, value: unknown): string | string[] {
  if (!Array.isArray(value)) return String(value)
  return name.toLowerCase() === 'set-cookie' ? value.map(String) : value.join(', ')
}

function validate(name: string, value: string | string[]): void {
  validateHeaderName(name)
  for (const line of [value].flat()) validateHeaderValue(name, line)
}

/** Removes headers that Node would refuse, so that the answer about the error can be sent. */
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

/** Fastify types every reply as HTTP/1.1's. On HTTP/2 `raw` is the compatibility response, which has its stream. */
function http2Stream(raw: unknown): ServerHttp2Stream {
  return (raw as Http2ServerResponse).stream
}
