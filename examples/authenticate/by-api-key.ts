// For `auth.authenticate`: a service that shows an API key in `X-Api-Key`. Of the keys only hashes are kept.

import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { HostAnswer } from 'fastify-kafka-sse'

interface ApiClient {
  readonly id: string
  readonly scopes: readonly string[]
}

/** A key has no end, so a stream asks for it again this often: who lost the key loses the stream. */
const CHECK_EVERY_MS = 15 * 60_000

/**
 * `clients`: by their key's SHA-256 in hex. The session has no `issuedAt`, so a client that is revoked stays refused for
 * as long as revocations are remembered, with a new key, too: to come back it needs another `id`.
 */
export function byApiKey(clients: ReadonlyMap<string, ApiClient>) {
  return ({ headers }: FastifyRequest): HostAnswer | null => {
    const key = headers['x-api-key']
    if (typeof key !== 'string') return null
    const client = clients.get(createHash('sha256').update(key).digest('hex'))
    if (client === undefined) return null
    return { subject: client.id, scopes: client.scopes, expiresAt: Date.now() + CHECK_EVERY_MS }
  }
}
