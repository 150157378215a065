// The page: `/index.html` and the files that it loads. Each file is a route of its own, declared at the start. Promise:
// no path leads out of the folder or to other files in it.

import { readdir } from 'node:fs/promises'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

export interface PageOptions {
  /** Folder of the page and of `client.js`, which imports the client. */
  readonly folder: string
  /** Folder of the compiled client. Browsers load its modules under `/client/`. */
  readonly clientFolder: string
}

/** Allows streams of any origin; everything else only from this server, and nothing inline. */
const PAGE_HEADERS = {
  'content-security-policy': [
    "default-src 'self'; connect-src *; img-src 'self' data:",
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ].join('; '),
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/** Rejects if the client has not been built. The error names its folder. */
export async function pageRoutes(app: FastifyInstance, { folder, clientFolder }: PageOptions): Promise<void> {
  const modules = await modulesIn(clientFolder)
  await app.register(fastifyStatic, { serve: false })
  const send = (name: string, from: string) => (_request: FastifyRequest, reply: FastifyReply) =>
    reply.headers(PAGE_HEADERS).sendFile(name, from)
  app.get('/', (_request, reply) => reply.redirect('/index.html'))
  for (const name of ['index.html', 'page.js', 'page.css', 'client.js']) {
    app.get(`/${name}`, send(name, folder))
  }
  for (const name of modules) {
    app.get(`/client/${name}`, send(name, clientFolder))
  }
}

/** Leaves out declarations and source maps. */
async function modulesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true }).catch((cause: unknown) => notBuilt(folder, cause))
  if (!names.includes('index.js')) notBuilt(folder)
  return names.filter((name) => name.endsWith('.js'))
}

function notBuilt(folder: string, cause?: unknown): never {
  throw new Error(`the client has not been built: ${folder} lacks it; run npm run build`, { cause })
}
