// Spans of requests and streams, by OpenTelemetry's API. Promise: without a provider of spans, which the server or a
// host registers, next to nothing is done; no attribute holds anything of a token, nor of what a client has sent.

import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { errorCode } from '../errors.ts'

const TRACER = 'fastify-kafka-sse'

/** The span of each request that is being answered. */
const spans = new WeakMap<FastifyRequest, Span>()

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

/**
 * A span for each request, from when its handler is called until the answer is sent, or until `traceStream`. It belongs
 * to the span that is active, such as one of a host; otherwise to the one that the request's headers name.
 */
export function traced(name: string, route: string, handler: Handler): Handler {
  return (request, reply) => {
    const span = begin(name, request, {
      'http.request.method': request.method,
      'http.route': route,
    })
    if (!span.isRecording()) return handler(request, reply)
    spans.set(request, span)
    return finished(request, reply, handler(request, reply))
  }
}

/** Adds what is known later. */
export function noteInSpan(request: FastifyRequest, attributes: Attributes): void {
  spans.get(request)?.setAttributes(attributes)
}

/** What a stream was until it ended. */
export interface TracedEnd {
  readonly reason: string
  readonly records: number
  readonly bytes: number
}

/**
 * The request is answered by a stream, which may be open for days: its span ends. Call what it returns when the stream
 * is over: that is a span of its own below the request's, from here on.
 */
export function traceStream(request: FastifyRequest, attributes: Attributes): (end: TracedEnd) => void {
  const span = spans.get(request)
  if (span === undefined) return () => {}
  spans.delete(request)
  span.setAttributes({ ...attributes, 'http.response.status_code': 200 }).end()
  const startTime = Date.now()
  const parent = trace.setSpanContext(ROOT_CONTEXT, span.spanContext())
  return ({ reason, records, bytes }) => {
    const counts = { 'kafka_sse.reason': reason, 'kafka_sse.records': records, 'kafka_sse.bytes': bytes }
    const options = { startTime, attributes: { ...attributes, ...counts } }
    tracer().startSpan('kafka-sse stream', options, parent).end()
  }
}

function tracer() {
  return trace.getTracer(TRACER)
}

function begin(name: string, request: FastifyRequest, attributes: Attributes): Span {
  const { parent, kind } = parentOf(request)
  return tracer().startSpan(name, { kind, attributes }, parent)
}

function parentOf({ headers }: FastifyRequest): { parent: Context; kind: SpanKind } {
  const active = context.active()
  if (trace.getSpan(active) !== undefined) return { parent: active, kind: SpanKind.INTERNAL }
  return { parent: propagation.extract(active, headers), kind: SpanKind.SERVER }
}

async function finished(
  request: FastifyRequest,
  reply: FastifyReply,
  answering: Promise<unknown>,
): Promise<unknown> {
  try {
    const answer = await answering
    end(request, reply.statusCode)
    return answer
  } catch (error) {
    const { statusCode = 500 }: { readonly statusCode?: number } = Object(error)
    noteInSpan(request, { 'error.type': errorCode(error) ?? 'other' })
    if (statusCode >= 500) spans.get(request)?.setStatus({ code: SpanStatusCode.ERROR })
    end(request, statusCode)
    throw error
  }
}

/** Does nothing if the span has ended. */
function end(request: FastifyRequest, statusCode: number): void {
  const span = spans.get(request)
  spans.delete(request)
  span?.setAttribute('http.response.status_code', statusCode).end()
}
