// GET /status: a page of live figures, its script and style, and its event stream. Its events are few and small, and
// our own JSON, so fastify-sse-v2 writes them. Streams of records need more than it can do.

import { readdir, readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { FastifySSEPlugin } from 'fastify-sse-v2'
import type { Admin } from '../src/admin/admin.ts'
import { StatusViewers } from '../src/admin/status-viewers.ts'
import { statusEventsOperation, statusOperation } from '../src/description/admin-operations.ts'
import { Busy } from '../src/errors.ts'
import { markLasting } from '../src/stream/lasting-answers.ts'
import { type DescribedRoute, described, hidden } from './description/described-route.ts'

export interface StatusOptions {
  readonly admin: Pick<Admin, 'status'>
  /** Folder of status.html and of all that it loads. */
  readonly folder: string
  /** Pages that may watch at once. Default 100. */
  readonly viewersMax?: number
  /** Between two events. Default 1 s. */
  readonly everyMs?: number
}

const VIEWERS_MAX = 100
const EVERY_MS = 1000
/** When a page that was refused may retry. */
const RETRY_AFTER_SECONDS = 10
const PAGE_HEADERS = {
  'content-security-policy': [
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:",
    "base-uri 'none'; frame-ancestors 'none'",
  ].join('; '),
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-cache',
}
/** Of the files that are served, by the end of their names. */
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
}
/** Folders of modules and styles that the page loads. */
const FOLDERS = ['console', 'shared']

export async function statusRoutes(app: FastifyInstance, options: StatusOptions): Promise<void> {
  await requireSse(app)
  await serveFiles(app, options.folder)
  const viewers = new StatusViewers({
    viewersMax: options.viewersMax ?? VIEWERS_MAX,
    everyMs: options.everyMs ?? EVERY_MS,
    describe: (isFirst) => JSON.stringify(options.admin.status(isFirst)),
  })
  // Runs before Fastify waits for its connections: those of viewers would stay open for ever.
  app.addHook('preClose', async () => viewers.close())
  const ofEvents = described(app, statusEventsOperation())
  app.get('/status/events', { exposeHeadRoute: false, logLevel: 'warn', ...ofEvents }, (_request, reply) => {
    const texts = viewers.join(reply.raw)
    if (texts === null) throw refusal(reply)
    markLasting(reply.raw)
    reply.sse(events(texts))
  })
}

/** The host may have registered it. If another plugin of the host has `reply.sse`, the status page cannot work. */
async function requireSse(app: FastifyInstance): Promise<void> {
  if (app.hasPlugin('fastify-sse-v2')) return
  if (app.hasReplyDecorator('sse')) {
    throw new Error(
      'The status page needs fastify-sse-v2, but reply.sse is another plugin of this application',
    )
  }
  await app.register(FastifySSEPlugin)
}

/** Each file is a route of its own, and is read once. */
async function serveFiles(app: FastifyInstance, folder: string): Promise<void> {
  const serve = async (path: string, name: string, description: Pick<DescribedRoute, 'schema'>) => {
    const content = await readFile(join(folder, name))
    const type = TYPES[extname(name)] ?? 'application/octet-stream'
    app.get(path, { ...description }, async (_request, reply) =>
      reply.headers(PAGE_HEADERS).type(type).send(content),
    )
  }
  await serve('/status', 'status.html', described(app, statusOperation()))
  for (const name of ['status.js', 'status.css']) await serve(`/status/${name}`, name, hidden())
  for (const part of FOLDERS) {
    for (const name of await readdir(join(folder, part)))
      await serve(`/status/${part}/${name}`, `${part}/${name}`, hidden())
  }
}

function refusal(reply: FastifyReply): Error {
  reply.header('retry-after', RETRY_AFTER_SECONDS)
  return new Busy()
}

async function* events(texts: AsyncIterable<string>): AsyncGenerator<{ data: string }> {
  for await (const data of texts) yield { data }
}
