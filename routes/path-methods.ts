// What every path of a stream answers besides its own methods: OPTIONS, and 405 for the others.

import type { FastifyInstance, HTTPMethods } from 'fastify'
import { MethodNotAllowed } from '../src/errors.ts'

/** `methods`: those that the path has, with OPTIONS. The caller adds the routes of the others among them. */
export function addPath(app: FastifyInstance, path: string, methods: readonly string[]): void {
  const allow = methods.join(', ')
  app.options(path, async (_request, reply) => reply.code(204).header('allow', allow).send())
  app.route({
    method: app.supportedMethods.filter((method) => !methods.includes(method)) as HTTPMethods[], // Fastify's own list
    url: path,
    handler: async (_request, reply) => {
      reply.header('allow', allow)
      throw new MethodNotAllowed()
    },
  })
}
