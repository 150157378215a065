// The admin port of a real process, asked by a page whose own name was pointed at it. Needs `npm run build`.

import { get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type CommandProcess, CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { makeKey } from '../support/keys-and-tokens.ts'

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
let scene: CommandScene
let server: CommandProcess
let adminPort: number

beforeAll(async () => {
  scene = CommandScene.open({ 'public.pem': makeKey('ES256').publicPem })
  server = scene.start(['serve'], {
    ...SERVE_SETTINGS,
    ADMIN_HOST: '0.0.0.0',
    ADMIN_HOSTS: 'kafka-sse.monitoring.svc, metrics.example.com',
    WORKERS: '1',
  })
  adminPort = (await server.listening()).adminPort
})
afterAll(() => scene.close())

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

  it.each(['/nowhere', '/status/nowhere'])('says in one line that nothing is at %s', async (path) => {
    const { status, body } = await ask(path, 'localhost')
    expect([status, JSON.parse(body).code]).toEqual([404, 'FKS_NOT_FOUND'])
    const lines = () =>
      server.output.split('\n').filter((line) => line.includes(`"${path}"`) || line.includes(`GET:${path}`))
    await vi.waitUntil(() => lines().length > 0, { timeout: 20_000 })
    // A second one would come with the first.
    await ask('/health/live', 'localhost')
    expect(lines().map((line) => JSON.parse(line).msg)).toEqual(['refused: There is nothing at this path'])
  })
})
