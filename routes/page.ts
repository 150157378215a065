// The page: `/index.html` and what it loads. Each file of public/ is a route of its own, so that no path leads out of it.

import { dirname } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'

export interface PageOptions {
  /** Folder of the page. */
  readonly folder: string
  /** The client, compiled for browsers. */
  readonly clientFile: string
}

/** Nothing from elsewhere but the streams, which may be anywhere; nothing inline. */
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'self'; connect-src *; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

export async function pageRoutes(app: FastifyInstance, { folder, clientFile }: PageOptions): Promise<void> {
  await app.register(fastifyStatic, {
    root: [folder, dirname(clientFile)],
    wildcard: false,
    serve: false,
    setHeaders: (reply) => reply.headers(PAGE_HEADERS),
  })
  app.get('/', (_request, reply) => reply.redirect('/index.html'))
  for (const name of ['index.html', 'page.js', 'page.css']) {
    app.get(`/${name}`, (_request, reply) => reply.sendFile(name, folder))
  }
  app.get('/client.js', (_request, reply) => reply.sendFile('index.js', dirname(clientFile)))
}
