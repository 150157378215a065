// The page: `/index.html` and what it loads. Each file is a route of its own, found when the server starts, so that no path
// leads out of its folder or to what is beside it.

import { readdir } from 'node:fs/promises'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'

export interface PageOptions {
  /** Of the page, and of `client.js`, which leads to the client's files. */
  readonly folder: string
  /** Of the client, as the build compiles it: browsers load its modules under `/client/`. */
  readonly clientFolder: string
}

/** Nothing from elsewhere but the streams, which may be anywhere; nothing inline. */
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'self'; connect-src *; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/** Rejects with an error that names the folder of a client that has not been built. */
export async function pageRoutes(app: FastifyInstance, { folder, clientFolder }: PageOptions): Promise<void> {
  const modules = await modulesIn(clientFolder)
  await app.register(fastifyStatic, {
    serve: false,
    setHeaders: (reply) => reply.headers(PAGE_HEADERS),
  })
  app.get('/', (_request, reply) => reply.redirect('/index.html'))
  for (const name of ['index.html', 'page.js', 'page.css', 'client.js']) {
    app.get(`/${name}`, (_request, reply) => reply.sendFile(name, folder))
  }
  for (const name of modules) {
    app.get(`/client/${name}`, (_request, reply) => reply.sendFile(name, clientFolder))
  }
}

/** Without the declarations and source maps that lie beside them. */
async function modulesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause: unknown) => notBuilt(folder, cause))
  if (!names.includes('index.js')) notBuilt(folder)
  return names.filter((name) => name.endsWith('.js'))
}

function notBuilt(folder: string, cause?: unknown): never {
  throw new Error(`the client has not been built: ${folder} lacks it; run npm run build`, { cause })
}
