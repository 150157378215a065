// The address of a client behind proxies: whose X-Forwarded-For is believed, and what is counted and logged by it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, RequestListener } from 'node:http'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { registerStreams } from '../../src/app/registration.ts'
import { buildWebApp } from '../../src/app/web-app.ts'
import { parseEnvironment } from '../../src/config/parse.ts'
import { type Listener, listen } from '../../src/http/listener.ts'
import { CommandScene, SERVE_SETTINGS } from '../support/command-process.ts'
import { exampleClaims, makeKey, mintToken, nowSeconds, type TestKey } from '../support/keys-and-tokens.ts'
import { eventually } from '../support/time.ts'
import { SourceInMemory, TopicInMemory } from '../support/topic-in-memory.ts'

let folder: string
let key: TestKey
let closing: (() => Promise<void>)[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'proxies-'))
  key = makeKey('ES256')
  writeFileSync(join(folder, 'key.pem'), key.publicPem)
})

afterEach(async () => {
  for (const close of closing.reverse()) await close()
  closing = []
  rmSync(folder, { recursive: true })
})

/** A server that has one stream for each address; its port. */
async function serve(settings: Record<string, string>): Promise<number> {
  const env = { ...SERVE_SETTINGS, JWT_KEYS: join(folder, 'key.pem'), LOG_LEVEL: 'fatal' }
  const options = await parseEnvironment({ ...env, STREAMS_PER_ADDRESS_MAX: '1', ...settings })
  const source = new SourceInMemory([new TopicInMemory()])
  const app = await buildWebApp(options, (scope) => registerStreams(scope, options, { topics: source }))
  closing.push(() => app.close())
  const listener: Listener = await listen(app.routing as RequestListener, {
    host: '127.0.0.1',
    port: 0,
    tls: null,
  })
  closing.push(() => listener.close())
  return listener.port
}

/** The status of a stream that is asked for; it stays open. */
async function open(port: number, forwarded?: string | string[]): Promise<number> {
  const claims = { ...exampleClaims(), exp: nowSeconds() + 60 }
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const asking = request({
      port,
      host: '127.0.0.1',
      path: '/events',
      agent: false,
      headers: {
        authorization: `Bearer ${mintToken(key, { claims })}`,
        ...(forwarded !== undefined && { 'x-forwarded-for': forwarded }),
      },
    })
    asking.on('response', resolve).on('error', reject).end()
  })
  answer.on('error', () => {})
  closing.push(async () => void answer.destroy())
  return answer.statusCode ?? 0
}

describe('X-Forwarded-For', () => {
  it('is not believed unless a setting says so', async () => {
    const port = await serve({})
    expect(await open(port, '192.0.2.1')).toBe(200)
    expect(await open(port, '192.0.2.2')).toBe(429)
  })

  it.each(['127.0.0.0/8,::1', '1'])('names the client behind a trusted proxy: %s', async (TRUST_PROXY) => {
    const port = await serve({ TRUST_PROXY })
    expect(await open(port, '192.0.2.1')).toBe(200)
    expect(await open(port, '192.0.2.2')).toBe(200)
    expect(await open(port, '192.0.2.2')).toBe(429)
    // The address stands last. What stands before it, the client may have sent itself.
    expect(await open(port, '198.51.100.9, 192.0.2.2')).toBe(429)
    expect(await open(port, ['198.51.100.10', '192.0.2.1'])).toBe(429)
    expect(await open(port, '192.0.2.2:4711')).toBe(429)
    expect(await open(port, '2001:db8:1:2::1')).toBe(200)
    expect(await open(port, '2001:db8:1:2:ffff::1')).toBe(429)
  })

  it('is not believed of a peer that is no trusted proxy', async () => {
    const port = await serve({ TRUST_PROXY: '10.0.0.0/8' })
    expect(await open(port, '192.0.2.1')).toBe(200)
    expect(await open(port, '192.0.2.2')).toBe(429)
  })

  it.each([
    ['once, by one thread', { WORKERS: '1' }, 1],
    ['once, by two threads', { WORKERS: '2' }, 1],
    ['not at all where a proxy is trusted', { WORKERS: '1', TRUST_PROXY: '10.0.0.0/8' }, 0],
  ])('without a setting is warned of %s, and not quoted', { timeout: 60_000 }, async (_, settings, lines) => {
    const scene = CommandScene.open({ 'public.pem': key.publicPem })
    closing.push(() => scene.close())
    const server = scene.start(['serve'], { ...SERVE_SETTINGS, LOG_LEVEL: 'info', ...settings })
    const { port } = await server.listening()
    const ask = (headers: Record<string, string>) =>
      fetch(`http://127.0.0.1:${port}/client.js`, { headers: { connection: 'close', ...headers } })
    const told = () => server.output.split('TRUST_PROXY is not set').length - 1
    expect((await ask({})).status).toBe(200)
    expect(told()).toBe(0)
    for (let count = 0; count < 20; count++) await ask({ 'x-forwarded-for': '192.0.2.77' })
    await eventually(() => expect(told()).toBe(lines))
    await server.end('SIGTERM')
    expect(told()).toBe(lines)
    expect(server.output).not.toContain('192.0.2.77')
  })

  it('is read through proxies in a row', async () => {
    const byAddress = await serve({ TRUST_PROXY: '127.0.0.1,10.0.0.0/8' })
    const byNumber = await serve({ TRUST_PROXY: '2' })
    for (const port of [byAddress, byNumber]) {
      expect(await open(port, '192.0.2.1, 10.0.0.1')).toBe(200)
      expect(await open(port, '192.0.2.2, 10.0.0.1')).toBe(200)
      expect(await open(port, '198.51.100.9, 192.0.2.1, 10.0.0.2')).toBe(429)
    }
  })

  it('that names no address counts for the proxy', async () => {
    const port = await serve({ TRUST_PROXY: '1' })
    expect(await open(port, 'unknown')).toBe(200)
    expect(await open(port, '_hidden')).toBe(429)
    expect(await open(port)).toBe(429)
  })
})
