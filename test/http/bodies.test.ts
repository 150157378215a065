// Request bodies that no route wants: no path of the server or of its admin port waits for one, keeps it or parses it,
// and its sender cannot continue the connection after the answer.

import { type EventEmitter, once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildAdminApp } from '../../src/app/admin-app.ts'
import { registerStreams } from '../../src/app/registration.ts'
import { buildWebApp } from '../../src/app/web-app.ts'
import { parseEnvironment } from '../../src/config/parse.ts'
import { type Listener, listen } from '../../src/http/listener.ts'
import { AdminParts } from '../support/admin-parts.ts'
import { localCertificates } from '../support/certificates.ts'
import { SERVE_SETTINGS } from '../support/command-process.ts'
import { makeKey } from '../support/keys-and-tokens.ts'
import { SourceInMemory, TopicInMemory } from '../support/topic-in-memory.ts'

const PATHS = {
  web: ['/nothing', '/', '/index.html', '/demo/token', '/events', '/%zz'],
  admin: ['/nothing', '/health/live', '/metrics', '/status', '/%zz'],
}
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']
const TYPES = [
  'application/json',
  'text/plain',
  'application/x-challenge-response',
  'text/html; charset',
  null,
]
const BODY_BYTES = 1024 * 1024
/** Within this an answer comes, though the body does not: Node would wait for it for 45 s. */
const SOON_MS = 4_000

const STILL_OPEN = -1

let folder: string
let ca: string
const apps: FastifyInstance[] = []
const ports = { web: 0, admin: 0, secure: 0 }
const listeners: Listener[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bodies-'))
  writeFileSync(join(folder, 'key.pem'), makeKey('ES256').publicPem)
  const made = await localCertificates()
  ca = made.caPem
  const env = { ...SERVE_SETTINGS, JWT_KEYS: join(folder, 'key.pem'), LOG_LEVEL: 'fatal' }
  const options = {
    ...(await parseEnvironment(env)),
    page: true,
    demo: { tokens: true, folder, envelopes: {} },
  }
  const topic = new TopicInMemory()
  const web = await buildWebApp(options, (scope) =>
    registerStreams(scope, options, { topics: new SourceInMemory([topic]) }),
  )
  const admin = await buildAdminApp(options, new AdminParts())
  apps.push(web, admin)
  const at = async (app: FastifyInstance, tls: Parameters<typeof listen>[1]['tls']) => {
    const listener = await listen(app.routing as RequestListener, { host: '127.0.0.1', port: 0, tls })
    listeners.push(listener)
    return listener.port
  }
  ports.web = await at(web, null)
  ports.admin = await at(admin, null)
  ports.secure = await at(web, { cert: Buffer.from(made.certificatePem), key: Buffer.from(made.keyPem) })
})

afterAll(async () => {
  for (const listener of listeners) await listener.close()
  for (const app of apps) await app.close()
  rmSync(folder, { recursive: true })
})

/** The status of a request whose body begins and never ends, once the server has closed the connection behind it. */
async function statusHttp1(port: number, method: string, path: string, type: string | null): Promise<number> {
  const socket = connectTcp(port, '127.0.0.1')
  let answer = ''
  socket.on('data', (bytes) => {
    answer += bytes
  })
  socket.on('error', () => socket.destroy()) // it is cut off on purpose
  const contentType = type === null ? '' : `content-type: ${type}\r\n`
  const head = `${method} ${path} HTTP/1.1\r\nhost: localhost\r\n${contentType}`
  socket.write(`${head}content-length: ${BODY_BYTES}\r\n\r\n[[[[`)
  const isClosed = await closedSoon(socket)
  socket.destroy()
  return isClosed ? Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]) : STILL_OPEN
}

function closedSoon(connection: EventEmitter): Promise<boolean> {
  return once(connection, 'close', { signal: AbortSignal.timeout(SOON_MS) }).then(
    () => true,
    () => false,
  )
}

/** The same over HTTP/2, once the server has closed the stream: without an error (RFC 9113, 8.1). */
async function statusHttp2(method: string, path: string, type: string | null): Promise<number> {
  const session = connectHttp2(`https://localhost:${ports.secure}`, { ca })
  session.on('error', () => session.destroy())
  try {
    await once(session, 'connect') // forty handshakes at once may take longer than an answer
    const headers = { ':method': method, ':path': path, ...(type !== null && { 'content-type': type }) }
    const stream = session.request(headers, { endStream: false })
    let status = 0
    stream.on('response', (answer) => {
      status = Number(answer[':status'])
    })
    stream.resume().write('[[[[')
    const isClosed = await closedSoon(stream)
    expect(stream.rstCode).toBe(0)
    return isClosed ? status : STILL_OPEN
  } finally {
    session.destroy()
  }
}

describe.each(['web', 'admin'] as const)('the %s app', (port) => {
  it.each(PATHS[port])('answers at once if the body never comes, and closes: %s', async (path) => {
    const asked = METHODS.flatMap((method) => TYPES.map((type) => ({ method, type })))
    const statuses = await Promise.all(
      asked.map(({ method, type }) => statusHttp1(ports[port], method, path, type)),
    )
    for (const status of statuses) expect(status).toBeGreaterThanOrEqual(200)
  })
})

it.each(PATHS.web)('over HTTP/2, too: %s', async (path) => {
  const asked = METHODS.flatMap((method) => TYPES.map((type) => ({ method, type })))
  const statuses = await Promise.all(asked.map(({ method, type }) => statusHttp2(method, path, type)))
  for (const status of statuses) expect(status).toBeGreaterThanOrEqual(200)
})

it('does not parse a body, so it reports nothing that is wrong with one', async () => {
  for (const app of apps)
    for (const url of ['/nothing', '/nothing?else', '/%zz']) {
      const headers = { 'content-type': 'application/json', host: 'localhost' }
      const { statusCode } = await app.inject({
        method: 'POST',
        url,
        headers,
        payload: '['.repeat(1_000_000),
      })
      expect(statusCode).toBe(404)
    }
})
