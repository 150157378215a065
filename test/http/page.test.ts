// The page’s routes on the whole application, over HTTP/2 and HTTP/1.1, with each path sent as written: what the page
// loads is there, and nothing else. Needs `npm run build`.

import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pageRoutes } from '../../routes/page.ts'
import type { App } from '../../src/app/app.ts'
import { clientFolder, inPackage } from '../../src/app/package-path.ts'
import { buildSingleThreadApp } from '../../src/app/single-thread-app.ts'
import { parseEnvironment } from '../../src/config/parse.ts'
import { ensureDemoCredentials } from '../../src/demo/credentials.ts'
import { respond } from '../support/http-scene.ts'
import { AUDIENCE, ISSUER, makeKey } from '../support/keys-and-tokens.ts'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

/** Each begins with a slash, as every path over HTTP/2 has to. */
const OUTSIDE = [
  ['up', ['/..', '/../', '/../package.json', '/../../../../../../../etc/passwd', '/./../package.json']],
  [
    'up from the client',
    ['/client/..', '/client/../../package.json', '/client/../index.html', '/client/../app.js'],
  ],
  [
    'up, encoded',
    ['/%2e%2e/package.json', '/..%2f..%2fpackage.json', '/%2e%2e%2fpackage.json', '/%2E%2E%2Fsrc%2Fapp.ts'],
  ],
  [
    'up from the client, encoded',
    ['/client/%2e%2e/%2e%2e/app.js', '/client/..%2f..%2fapp.js', '/client%2f..%2fapp.js'],
  ],
  [
    'up, encoded twice or too long',
    ['/%252e%252e/package.json', '/%252e%252e%252fpackage.json', '/%c0%ae%c0%ae/package.json'],
  ],
  [
    'up, in the manner of Windows',
    ['/..\\package.json', '/..%5c..%5cpackage.json', '/client\\..\\..\\app.js', '/C:/'],
  ],
  [
    'from the root',
    ['//etc/passwd', '///etc/passwd', '/%2fetc%2fpasswd', '//localhost/index.html', '/file:///etc/passwd'],
  ],
  [
    'beside the page',
    [
      '/status.html',
      '/status.js',
      '/status.css',
      '/public/index.html',
      '/page/../status.html',
      '/page',
      '/shared/',
    ],
  ],
  [
    'beside the client',
    ['/client/index.js.map', '/client/index.d.ts', '/client/index.ts', '/client/index', '/app.js'],
  ],
  ['hidden', ['/.git/config', '/.gitignore', '/.env', '/package.json', '/private.pem', '/server.key']],
  [
    'other spellings',
    ['/client', '/client/', '/client//index.js', '/client/./index.js', '/index.html/', '/INDEX.HTML'],
  ],
  ['malformed', ['/%', '/%zz', '/%2', '/%ff', '/client/%', '/client/%e0%a4', '/%u002e%u002e/package.json']],
  [
    'with a NUL, encoded',
    ['/%00', '/index.html%00', '/index.html%00.js', '/client/index.js%00', '/client/%00/../index.js'],
  ],
] as const

const PUBLIC = inPackage('public')
const CLIENT = clientFolder()

let folder: string
let server: App
let port: number
let ca: string
let session: ClientHttp2Session

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'page-'))
  await ensureDemoCredentials({ folder, names: [] })
  ca = await readFile(join(folder, 'test-ca.crt'), 'utf8')
  const options = await parseEnvironment({
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_PORT: '0',
    TLS_CERT_FILE: join(folder, 'server.crt'),
    TLS_KEY_FILE: join(folder, 'server.key'),
    // Nothing listens there: the page is served without Kafka, too.
    KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1',
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    JWT_KEYS: makeKey('ES256').publicPem,
    PAGE: 'on',
    LOG_LEVEL: 'silent',
  })
  server = await buildSingleThreadApp(options)
  port = (await server.listen()).port
  session = connectHttp2(`https://127.0.0.1:${port}`, { ca })
})

afterAll(async () => {
  session?.destroy()
  await server?.close()
  await rm(folder, { recursive: true })
})

async function getHttp2(path: string): Promise<Answer> {
  const { status, headers, text: body, ended } = await respond(session, { ':path': path })
  await ended
  return { status, headers, body: body() }
}

/** Written as bytes: every HTTP client tidies a path up first. */
async function getHttp1(path: string): Promise<Answer> {
  const socket = connectTls({ host: '127.0.0.1', port, ca, ALPNProtocols: ['http/1.1'] })
  await once(socket, 'secureConnect')
  socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)
  const [head = '', ...rest] = (await text(socket)).split('\r\n\r\n')
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = Object.fromEntries(lines.map((line) => line.toLowerCase().split(': ', 2)))
  return { status: Number(statusLine.split(' ')[1]), headers, body: rest.join('\r\n\r\n') }
}

/** Every path that a browser asks for which was sent to `/index.html`. */
async function loadedFrom(path: string, loaded = new Map<string, Answer>()): Promise<Map<string, Answer>> {
  if (loaded.has(path)) return loaded
  const answer = await getHttp2(path)
  loaded.set(path, answer)
  const names = answer.body.matchAll(/(?:\bsrc=|\bhref=|\bfrom |^import )["']([^"':]+)["']/gm)
  for (const [, name = ''] of names) {
    await loadedFrom(new URL(name, `https://localhost${path}`).pathname, loaded)
  }
  return loaded
}

const TYPES = {
  html: 'text/html; charset=utf-8',
  js: /^(text|application)\/javascript; charset=utf-8$/,
  css: /^text\/css/,
}

describe('the page', () => {
  it('has all that it loads, of the right type and under its policy, over HTTP/2 and HTTP/1.1', async () => {
    const loaded = await loadedFrom('/index.html')
    const paths = [...loaded.keys()]
    expect(paths).toEqual(expect.arrayContaining(['/page.js', '/page.css', '/client.js', '/client/index.js']))
    expect(paths).toEqual(expect.arrayContaining(['/shared/base.css', '/shared/dom.js', '/page/record.js']))
    expect(paths.filter((path) => path.startsWith('/client/')).length).toBeGreaterThan(10)
    for (const [path, overHttp2] of loaded) {
      const overHttp1 = await getHttp1(path)
      const type = TYPES[path.split('.').at(-1) as keyof typeof TYPES] // the page has no other kinds of files
      for (const { status, headers, body } of [overHttp2, overHttp1]) {
        expect(status, path).toBe(200)
        expect(headers['content-type'], path).toMatch(type)
        expect(headers['content-security-policy'], path).toContain("default-src 'self'")
        expect(headers['x-content-type-options'], path).toBe('nosniff')
        expect(headers['referrer-policy'], path).toBe('no-referrer')
        expect(body, path).toBe(overHttp2.body)
      }
    }
  })

  it('is not there unless it is wanted; the client always is', async () => {
    const app = fastify()
    await app.register(pageRoutes, { folder: PUBLIC, clientFolder: CLIENT, page: false })
    const statuses = async (paths: readonly string[]) =>
      await Promise.all(paths.map(async (path) => (await app.inject(path)).statusCode))
    expect(await statuses(['/client.js', '/client/index.js'])).toEqual([200, 200])
    expect(await statuses(['/', '/index.html', '/page.js', '/page/record.js', '/shared/base.css'])).toEqual(
      Array(5).fill(404),
    )
    await app.close()
  })

  it('is where the root leads', async () => {
    expect(await getHttp2('/')).toMatchObject({ status: 302, headers: { location: '/index.html' } })
  })

  it.each(OUTSIDE)('answers 404 to paths that lead %s', async (_, paths) => {
    for (const path of paths) {
      for (const get of [getHttp2, getHttp1]) {
        const { status, headers, body } = await get(path)
        expect(status, path).toBe(404)
        expect(headers['content-type'], path).toBe('application/json; charset=utf-8')
        expect(JSON.parse(body), path).toMatchObject({ code: 'FKS_NOT_FOUND' })
      }
    }
  })

  it.each(['/\0', '/index.html\0', '/client/\0index.js'])(
    'takes no bare NUL, which is no HTTP: %j',
    async (path) => {
      expect((await getHttp1(path)).status).toBe(400)
      const own = connectHttp2(`https://127.0.0.1:${port}`, { ca })
      const stream = own.request({ ':path': path })
      await expect(once(stream, 'response')).rejects.toThrow()
      own.destroy()
    },
  )

  it.each(['not-there', '.'])(
    'does not start without a client that was built, and says where: %s',
    async (name) => {
      const app = fastify()
      const empty = join(folder, name)
      const registering = app.register(pageRoutes, { folder, clientFolder: empty, page: true })
      await expect(Promise.resolve(registering)).rejects.toThrow(`${empty} lacks it; run npm run build`)
      await app.close()
    },
  )
})
