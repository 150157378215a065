// POST of a stream's path: the answer to a challenge. A fresh token renews every stream at this path that its subject
// holds, on whichever connection. docs/protocol.md, "Renewal".

import type { FastifyReply, FastifyRequest } from 'fastify'
import { BodyNotEmpty, MediaTypeUnsupported, NoStream } from '../src/errors.ts'
import { canonicalToken, queryToken, tokenDigest } from '../src/token/request-token.ts'
import { pathOf, type StreamRoute } from './events.ts'
import { mediaType } from './media-type.ts'

/** How long the end of an empty body may take. */
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

/** Digest of the token in the URL: the one that a stream without subject was opened with. Nobody verifies it here. */
function previousDigest(url: string): string | null {
  const canonical = canonicalToken(queryToken(url) ?? '')
  return canonical === null ? null : tokenDigest(canonical)
}

/** Whether a single byte of body comes; nothing of it is kept. A client that leaves this open is cut off. */
async function hasBody({ raw, headers }: FastifyRequest): Promise<boolean> {
  if (headers['content-length'] !== undefined) return Number(headers['content-length']) !== 0
  const impatience = setTimeout(() => raw.destroy(), BODY_WAIT_MS)
  try {
    for await (const chunk of raw) if (chunk.length > 0) return true
    return false
  } finally {
    clearTimeout(impatience)
  }
}
