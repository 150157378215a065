// The client at `/client.js`; and, where it is wanted, the page that uses it: `/index.html` and the files that it
// loads. Each file is a route of its own, declared at the start. Promise: no path leads out of the folders or to other
// files in them.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

export interface PageOptions {
  /** Folder of the page and of `client.js`, which imports the client. */
  readonly folder: string
  /** Folder of the compiled client. Browsers load its modules under `/client/`. */
  readonly clientFolder: string
  /** Whether the page is served. The client always is. */
  readonly page: boolean
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
/** Folders of modules and styles that the page loads. */
const PAGE_FOLDERS = ['page', 'shared']

/** Rejects if the client has not been built. The error names its folder. */
export async function pageRoutes(
  app: FastifyInstance,
  { folder, clientFolder, page }: PageOptions,
): Promise<void> {
  const modules = await modulesIn(clientFolder)
  await app.register(fastifyStatic, { serve: false })
  const serve = (path: string, name: string, from: string) =>
    app.get(path, (_request: FastifyRequest, reply: FastifyReply) =>
      reply.headers(PAGE_HEADERS).sendFile(name, from),
    )
  serve('/client.js', 'client.js', folder)
  for (const name of modules) serve(`/client/${name}`, name, clientFolder)
  if (!page) return
  app.get('/', (_request, reply) => reply.redirect('/index.html'))
  for (const name of ['index.html', 'page.js', 'page.css']) serve(`/${name}`, name, folder)
  for (const part of PAGE_FOLDERS) {
    for (const name of await readdir(join(folder, part))) serve(`/${part}/${name}`, name, join(folder, part))
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
