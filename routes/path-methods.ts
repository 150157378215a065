// What every path of a stream answers besides its own methods: OPTIONS, and 405 for the others.

import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import { MethodNotAllowed } from '../src/errors.ts'
import { type DescribedRoute, hidden } from './description/described-route.ts'

export type RouteHandler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

/**
 * `methods`: those that the path has, with OPTIONS. The caller adds the routes of the others among them. `description`:
 * of OPTIONS; a host's own documents never show the methods that are refused. `told`: notes what a handler throws.
 */
export function addPath(
  app: FastifyInstance,
  path: string,
  methods: readonly string[],
  description: Pick<DescribedRoute, 'schema'> = hidden(),
  told = (handler: RouteHandler): RouteHandler => handler,
): void {
  const allow = methods.join(', ')
  app.options(path, { ...description }, async (_request, reply) =>
    reply.code(204).header('allow', allow).send(),
  )
  const refuse = told(async (_request, reply) => {
    reply.header('allow', allow)
    throw new MethodNotAllowed()
  })
  // One route each, so that Fastify's error for a route that the host has names the method. Typed as Fastify lists it.
  for (const method of app.supportedMethods) {
    if (methods.includes(method)) continue
    app.route({
      method: method as HTTPMethods,
      url: path,
      exposeHeadRoute: false,
      handler: refuse,
      ...hidden(),
    })
  }
}
