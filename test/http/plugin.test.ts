// The plugin in an app of its host, from its options to what it answers and logs. Needs `npm run build`.

import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import cors from '@fastify/cors'
import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import kafkaSse, { type KafkaSseOptions } from '../../src/plugin.ts'
import { AUDIENCE, exampleClaims, ISSUER, makeKey, mintToken } from '../support/keys-and-tokens.ts'
import { keepPrintedBy } from '../support/printed.ts'
import { sessionFor } from '../support/streams-scene.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const key = makeKey('ES256')
let app: FastifyInstance
let bootstrapServers: string

beforeEach(async () => {
  app = fastify()
  bootstrapServers = `127.0.0.1:${await unusedPort()}`
})
afterEach(() => app.close())

/** A port where nothing listens: the plugin has to live without Kafka. */
async function unusedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

function options(changes: Partial<KafkaSseOptions> = {}): KafkaSseOptions & { prefix: string } {
  return {
    prefix: '/live',
    kafka: { bootstrapServers },
    auth: { issuer: ISSUER, audience: AUDIENCE, keys: key.publicPem },
    streams: [{ path: '/events', topic: 'events' }],
    ...changes,
  }
}

const authorization = () => `Bearer ${mintToken(key, { claims: exampleClaims() })}`

/** An app as the README has it, which gets what an application gets by the package's name. Prints its log. */
const HOST = `
import fastify from 'fastify'
import kafkaSse, { logRedaction } from 'fastify-kafka-sse'
const [options, ...urls] = JSON.parse(process.argv[1])
const app = fastify({ logger: { level: 'info', ...logRedaction } })
await app.register(kafkaSse, options)
for (const url of urls) await app.inject(url)
await app.close()
`

describe('what the package exports', () => {
  it('is all that a host needs to keep tokens out of its own lines', async () => {
    const token = mintToken(key, { claims: exampleClaims() })
    const urls = ['/live/events/', '/live/eventsx', '/else'].map((path) => `${path}?access_token=${token}`)
    const args = ['--input-type=module', '-e', HOST, JSON.stringify([options(), ...urls])]
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
    keepPrintedBy(child)
    const printed = await text(child.stdout)
    for (const path of ['/live/events/', '/live/eventsx', '/else']) expect(printed).toContain(path)
    expect(printed).toContain('Route GET:/else')
    expect(printed).not.toContain(token.slice(0, 20))
  })
})

describe('the plugin in an app of its host', () => {
  it('serves its streams under the prefix, its decorators but one kept in its scope', async () => {
    await app.register(kafkaSse, options())
    await app.ready()
    expect(['kafkaSse', 'kafkaSseAuth', 'kafkaSseTopics'].filter((name) => name in app)).toEqual(['kafkaSse'])
    expect((await app.inject('/live/events')).statusCode).toBe(401)
    expect((await app.inject('/events')).statusCode).toBe(404)
    const headers = { authorization: authorization() }
    const stream = await app.inject({ url: '/live/events', headers, payloadAsStream: true })
    expect(stream.headers['content-type']).toBe('text/event-stream')
    await app.close()
  })

  it('works beside a second registration', async () => {
    await app.register(kafkaSse, options())
    await app.register(kafkaSse, { ...options(), prefix: '/other' })
    expect((await app.inject('/live/events')).statusCode).toBe(401)
    expect((await app.inject('/other/events')).statusCode).toBe(401)
  })

  it('sends what the hooks of its host set', async () => {
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('x-host', 'was here')
    })
    await app.register(kafkaSse, options())
    const headers = { authorization: authorization() }
    const stream = await app.inject({ url: '/live/events', headers, payloadAsStream: true })
    expect(stream.headers['x-host']).toBe('was here')
  })

  it('keeps tokens out of the host’s log, which keeps its settings', async () => {
    const lines: string[] = []
    const host = fastify({
      logger: { level: 'trace', stream: { write: (line: string) => lines.push(line) } },
      childLoggerFactory: (logger, bindings, childOptions) =>
        logger.child({ ...bindings, of: 'the host' }, childOptions),
    })
    await host.register(kafkaSse, options())
    const token = mintToken(key, { claims: exampleClaims() })
    await host.inject({ url: `/live/events?access_token=${token}`, payloadAsStream: true })
    await host.inject(`/live/events?access_token=${token}x`)
    await host.close()
    const requests = lines.map((line) => JSON.parse(line)).filter(({ req }) => req !== undefined)
    expect(requests.map(({ of }) => of)).toEqual(['the host', 'the host'])
    expect(requests.map(({ req }) => req.url)).toEqual(
      Array(2).fill(expect.stringMatching(/^\/live\/events\?access_token=/)),
    )
    expect(lines.join('')).not.toContain(token.slice(0, 20))
  })

  it('answers CORS by itself, or leaves it to the @fastify/cors that its host has', async () => {
    const origin = 'https://app.example.com'
    await app.register(kafkaSse, options({ sse: { corsOrigins: [origin] } }))
    expect((await app.inject({ url: '/live/events', headers: { origin } })).headers).toMatchObject({
      'access-control-allow-origin': origin,
    })
    const host = fastify()
    await host.register(cors, { origin: 'https://hosts.example.com' })
    await host.register(kafkaSse, options())
    const refused = await host.inject({ url: '/live/events', headers: { origin } })
    expect(refused.headers['access-control-allow-origin']).toBe('https://hosts.example.com')
    await host.close()
  })

  it('lets the host authenticate', async () => {
    const authenticate = async () => ({ ...sessionFor(60), issuer: 'host', subject: 'host' })
    await app.register(kafkaSse, options({ auth: { authenticate } }))
    const stream = await app.inject({ url: '/live/events', payloadAsStream: true })
    expect(stream.statusCode).toBe(200)
  })

  it('adds health, metrics and status where it is asked to', async () => {
    await app.register(kafkaSse, options({ sse: { adminPath: '/operator' } }))
    expect((await app.inject('/live/operator/health/live')).statusCode).toBe(200)
    expect((await app.inject('/live/operator/health/ready')).statusCode).toBe(503)
    expect((await app.inject('/live/operator/metrics')).body).toContain('kafka_sse_streams_open 0')
    expect((await app.inject('/live/operator/status')).statusCode).toBe(200)
    expect((await app.inject('/live/health/live')).statusCode).toBe(404)
  })

  it('names every problem of its options at once, and does not start', async () => {
    const wrong = { ...options(), streams: [{ path: 'events', topic: 'a b' }], sse: { heartbeatSecond: 9 } }
    await expect(app.register(kafkaSse, wrong as unknown as KafkaSseOptions)).rejects.toThrow(
      /options\.streams\[?\.?0\]?\.path[\s\S]*topic[\s\S]*heartbeatSecond/,
    )
    app = fastify()
  })
})
