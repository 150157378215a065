// POST of a stream's path: the answer to a challenge. A new token renews all streams of its subject at this path, on
// any connection. docs/protocol.md, "Renewal".

import { constants, type ServerHttp2Stream } from 'node:http2'
import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  BodyNotEmpty,
  ControlUnread,
  ControlUnwritable,
  KeysUnavailable,
  MediaTypeUnsupported,
  NoStream,
  NotAllowed,
  RequestAborted,
  RevocationsFull,
  TooManyRequests,
} from '../src/errors.ts'
import { noteAdmitted } from '../src/http/outcome-lines.ts'
import { clientAddress } from '../src/limits/client-address.ts'
import { holderOf, type Renewal } from '../src/stream/holders.ts'
import { between, RETRY_BUSY_MS } from '../src/stream/signals.ts'
import { canonicalToken, queryToken, tokenDigest } from '../src/token/request-token.ts'
import type { Session } from '../src/token/session.ts'
import { noteInSpan } from '../src/tracing/spans.ts'
import type { StreamRoute } from './events.ts'
import { matchedPath } from './matched-path.ts'
import { mediaType } from './media-type.ts'
import { grantedSelection } from './selection.ts'

/** Time for an empty body to end. */
const BODY_WAIT_MS = 10_000
const CHALLENGE_RESPONSE = 'application/x-challenge-response'

export function challengeHandler(route: StreamRoute) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    refuseUnknowing(route, reply)
    const { rates } = route
    if (!rates.take('renewals-address', clientAddress(request))) throw later(reply, new TooManyRequests())
    const session = await sessionOf(route, request, reply)
    if (!rates.take('renewals-subject', holderOf(session))) throw later(reply, new TooManyRequests())
    noteAdmitted(request)
    const { granted } = grantedSelection(route.plan, request, session)
    if (mediaType(request.headers['content-type']) !== CHALLENGE_RESPONSE) throw new MediaTypeUnsupported()
    if (await hasBody(request)) {
      closeBehindAnswer(request.raw)
      throw new BodyNotEmpty()
    }
    // The body may have taken its time.
    refuseUnknowing(route, reply)
    const previous = previousDigest(request.url)
    const renewal = { ...matchedPath(route, request), session, granted, previousDigest: previous }
    const { renewed, others } = await route.streams.renew(renewal)
    noteInSpan(request, { 'kafka_sse.renewed': renewed })
    const isHandedOver = await handOver(route, renewal, renewed > 0, reply)
    if (renewed > 0) return reply.code(204).send()
    if (isHandedOver) return reply.code(202).send()
    throw others > 0 ? new NotAllowed() : new NoStream()
  }
}

/** While it is not known what was revoked, a renewal might be one of a session that was. */
function refuseUnknowing({ control, streams }: StreamRoute, reply: FastifyReply): void {
  if (streams.revocations.isFull) throw later(reply, new RevocationsFull())
  if (control?.trouble()) throw later(reply, new ControlUnread())
}

/** Tells a client when to come again if its token cannot be verified now. */
async function sessionOf(
  { authenticator, scope }: StreamRoute,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Session> {
  try {
    return await authenticator.authenticate(request, reply, scope)
  } catch (error) {
    throw error instanceof KeysUnavailable || error instanceof TooManyRequests ? later(reply, error) : error
  }
}

/**
 * Hands a renewal to the other replicas; false if there are none to be told. A session without a subject renews streams
 * of this process alone. Where a stream was renewed here the answer does not wait for Kafka, which counts its failures.
 */
async function handOver(
  { control }: StreamRoute,
  renewal: Renewal,
  isRenewed: boolean,
  reply: FastifyReply,
): Promise<boolean> {
  if (control === null || renewal.session.subject === null) return false
  const writing = control.renew(renewal).catch(() => {
    if (!isRenewed) throw later(reply, new ControlUnwritable())
  })
  if (!isRenewed) await writing
  return true
}

/** A refusal for now: the client may ask again. */
function later<E extends Error>(reply: FastifyReply, refusal: E): E {
  reply.header('retry-after', Math.round(between(RETRY_BUSY_MS) / 1000))
  return refusal
}

/** Digest of the token in the URL, which a stream without a subject was opened with. The token is not verified. */
function previousDigest(url: string): string | null {
  const canonical = canonicalToken(queryToken(url) ?? '')
  return canonical === null ? null : tokenDigest(canonical)
}

/** Whether a body comes. None is kept. One that does not end in time counts as one; the answer ends its request. */
function hasBody({ raw, headers }: FastifyRequest): Promise<boolean> {
  if (headers['content-length'] !== undefined) return Promise.resolve(Number(headers['content-length']) !== 0)
  return new Promise((resolve, reject) => {
    // After a stall of the event loop the timer comes first, although the end may be there: one turn reads it.
    const timer = setTimeout(() => setImmediate(found, true), BODY_WAIT_MS)
    const onData = (chunk: Uint8Array) => {
      if (chunk.length > 0) found(true)
    }
    const onEnd = () => found(false)
    const onClose = () => found(null)
    function found(isThere: boolean | null): void {
      clearTimeout(timer)
      raw.off('data', onData).off('end', onEnd).off('close', onClose)
      if (isThere === null) reject(new RequestAborted())
      else resolve(isThere)
    }
    raw.on('data', onData).on('end', onEnd).on('close', onClose)
  })
}

/** HTTP/2: Node resets a stream whose request was not read (RFC 9113, 8.1), but not one that was read in part. */
function closeBehindAnswer(request: object): void {
  const { stream } = request as { readonly stream?: ServerHttp2Stream } // Node's common type does not show it
  stream?.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR))
}
