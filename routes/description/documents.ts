// The documents that describe the streams for machines, as text, at the paths that the options name.

import type { FastifyInstance } from 'fastify'
import { addPath } from '../path-methods.ts'
import { hidden } from './described-route.ts'

/** `documents`: by path, without the prefix of the app. */
export async function descriptionRoutes(
  app: FastifyInstance,
  { documents }: { readonly documents: ReadonlyMap<string, object> },
): Promise<void> {
  for (const [path, document] of documents) {
    const text = JSON.stringify(document)
    app.get(path, { exposeHeadRoute: true, ...hidden() }, async (_request, reply) =>
      reply.type('application/json; charset=utf-8').send(text),
    )
    addPath(app, path, ['GET', 'HEAD', 'OPTIONS'])
  }
}
