// The document that tells clients where to get a token for the streams (RFC 9728), and what points to it.

import type { FastifyInstance } from 'fastify'
import { resourceMetadataOperation } from '../src/description/identity-operations.ts'
import {
  metadataPaths,
  metadataUrl,
  type ResourceFacts,
  resourceMetadata,
} from '../src/token/resource-metadata.ts'
import { BEARER_REALM } from '../src/token/www-authenticate.ts'
import { described } from './description/described-route.ts'
import { addPath } from './path-methods.ts'

export async function resourceMetadataRoutes(app: FastifyInstance, facts: ResourceFacts): Promise<void> {
  const document = resourceMetadata(facts)
  for (const path of metadataPaths(facts.resourceUrl)) {
    const description = described(app, resourceMetadataOperation())
    app.get(path, { exposeHeadRoute: true, ...description }, async () => document)
    addPath(app, path, ['GET', 'HEAD', 'OPTIONS'])
  }
}

/** Adds `resource_metadata` to every challenge of ours in this scope. A host's own challenges stay as they are. */
export function nameResource(app: FastifyInstance, resourceUrl: string): void {
  const own = `Bearer realm="${BEARER_REALM}"`
  const parameter = `, resource_metadata="${metadataUrl(resourceUrl)}"`
  app.addHook('onSend', (_request, reply, _payload, done) => {
    const challenge = reply.getHeader('www-authenticate')
    if (typeof challenge === 'string' && challenge.startsWith(own) && !challenge.endsWith(parameter))
      reply.header('www-authenticate', challenge + parameter)
    done()
  })
}
