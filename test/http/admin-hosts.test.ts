// The admin port of a real process, asked by a page whose own name was pointed at it. Needs `npm run build`.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AUDIENCE, ISSUER, makeKey } from '../support/auth-fixtures.ts'
import { CommandProcess } from '../support/command-process.ts'

const PATHS = [
  '/health/live',
  '/health/ready',
  '/metrics',
  '/status',
  '/status/status.js',
  '/status/events',
  '/nothing',
  '/%zz',
]
let folder: string
let server: CommandProcess
let adminPort: number

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'admin-hosts-'))
  writeFileSync(join(folder, 'key.pem'), makeKey('ES256').publicPem)
  const env = {
    KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1',
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    JWT_KEYS: 'key.pem',
    TLS: 'off',
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_PORT: '0',
    ADMIN_HOST: '0.0.0.0',
    ADMIN_HOSTS: 'kafka-sse.monitoring.svc, metrics.example.com',
    WORKERS: '1',
  }
  server = new CommandProcess(['serve'], { cwd: folder, env })
  adminPort = (await server.listening()).adminPort
})
afterAll(async () => {
  await server.kill()
  rmSync(folder, { recursive: true })
})

async function ask(path: string, host: string): Promise<{ status: number; body: string }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: '127.0.0.1', port: adminPort, path, headers: { host }, agent: false }, resolve).on(
      'error',
      reject,
    )
  })
  const status = response.statusCode ?? 0
  if (path !== '/status/events' || status !== 200) return { status, body: await text(response) }
  response.destroy()
  return { status, body: '' }
}

describe('the admin port', () => {
  it.each(PATHS)('tells a page nothing that has its own name pointed at it: %s', async (path) => {
    const { status, body } = await ask(path, `evil.example:${adminPort}`)
    expect({ status, ...JSON.parse(body) }).toEqual({
      status: 421,
      statusCode: 421,
      code: 'FKS_HOST_UNKNOWN',
      error: 'Misdirected Request',
      message: 'This port does not answer to that name: ADMIN_HOSTS lists those that it does',
    })
  })

  it.each([
    '127.0.0.1',
    'localhost',
    '10.244.3.7',
    '[::1]',
    'kafka-sse.monitoring.svc',
    'metrics.example.com',
  ])('answers probes and scrapers by %s, with a port and without', async (host) => {
    expect((await ask('/health/live', host)).status).toBe(200)
    expect((await ask('/metrics', `${host}:9464`)).body).toContain('kafka_sse_ready')
  })
})
