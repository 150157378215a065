// POST of a stream's path: the answer to a challenge. A new token renews all streams of its subject at this path, on
// any connection. docs/protocol.md, "Renewal".

import type { FastifyReply, FastifyRequest } from 'fastify'
import { BodyNotEmpty, MediaTypeUnsupported, NoStream } from '../src/errors.ts'
import { canonicalToken, queryToken, tokenDigest } from '../src/token/request-token.ts'
import { pathOf, type StreamRoute } from './events.ts'
import { mediaType } from './media-type.ts'

/** Time for an empty body to end. */
const BODY_WAIT_MS = 10_000
const CHALLENGE_RESPONSE = 'application/x-challenge-response'

export function challengeHandler(route: StreamRoute) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const session = await route.authenticator.authenticate(request, reply, route.scope)
    if (mediaType(request.headers['content-type']) !== CHALLENGE_RESPONSE) throw new MediaTypeUnsupported()
    if (await hasBody(request)) throw new BodyNotEmpty()
    const renewal = { path: pathOf(request.url), session, previousDigest: previousDigest(request.url) }
    if ((await route.streams.renew(renewal)) === 0) throw new NoStream()
    return reply.code(204).send()
  }
}

/** Digest of the token in the URL, which a stream without a subject was opened with. The token is not verified. */
function previousDigest(url: string): string | null {
  const canonical = canonicalToken(queryToken(url) ?? '')
  return canonical === null ? null : tokenDigest(canonical)
}

/** Whether a byte of body comes; none is kept. A body that does not end in time ends the connection. */
async function hasBody({ raw, headers }: FastifyRequest): Promise<boolean> {
  if (headers['content-length'] !== undefined) return Number(headers['content-length']) !== 0
  // Not AbortSignal.timeout, which cannot be cleared: the connection may serve further requests.
  const bodyTimer = setTimeout(() => raw.destroy(), BODY_WAIT_MS)
  try {
    for await (const chunk of raw) if (chunk.length > 0) return true
    return false
  } finally {
    clearTimeout(bodyTimer)
  }
}
