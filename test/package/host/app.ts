// An app with sixteen plugins and ours: the tests compile it against the packed packages, and run it. Prints what its
// clients got, as one line of JSON. `node app.js before` registers the sixteen before ours, `after` behind it.

import { fileURLToPath } from 'node:url'
import autoload from '@fastify/autoload'
import compress from '@fastify/compress'
import cookie from '@fastify/cookie'
import cors from '@fastify/cors'
import etag from '@fastify/etag'
import formbody from '@fastify/formbody'
import helmet from '@fastify/helmet'
import jwt from '@fastify/jwt'
import multipart from '@fastify/multipart'
import rateLimit from '@fastify/rate-limit'
import sensible from '@fastify/sensible'
import session from '@fastify/session'
import fastifyStatic from '@fastify/static'
import swagger from '@fastify/swagger'
import underPressure from '@fastify/under-pressure'
import websocket from '@fastify/websocket'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import kafkaSse, { type HostSession, type KafkaSseOptions, logRedaction } from 'fastify-kafka-sse'
import { connect } from 'kafka-sse-client'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const SECRET = 'a secret that is thirty-two characters long'

const options: KafkaSseOptions = {
  // Nothing listens there: streams open all the same, and wait for Kafka.
  kafka: { bootstrapServers: process.env.BOOTSTRAP_SERVERS ?? '127.0.0.1:1' },
  auth: { authenticate: sessionOf },
  streams: [{ path: '/events', topic: 'events' }],
}

/** By the host's own JWT. */
async function sessionOf(request: FastifyRequest): Promise<HostSession | null> {
  try {
    const { sub } = await request.jwtVerify<{ sub: string }>()
    return { subject: sub, expiresAt: Date.now() + 60_000 }
  } catch {
    return null
  }
}

async function registerSixteen(app: FastifyInstance): Promise<void> {
  await app.register(cors, { origin: ['https://app.example'] })
  await app.register(helmet)
  await app.register(cookie)
  await app.register(session, { secret: SECRET, saveUninitialized: false })
  await app.register(rateLimit, { max: 100 })
  await app.register(compress)
  await app.register(etag)
  await app.register(formbody)
  await app.register(multipart)
  await app.register(swagger, { openapi: { info: { title: 'A host', version: '1.0.0' } } })
  await app.register(underPressure)
  await app.register(websocket)
  await app.register(sensible)
  await app.register(fastifyStatic, { root: HERE, prefix: '/files/' })
  await app.register(jwt, { secret: SECRET })
  await app.register(autoload, { dir: fileURLToPath(new URL('loaded', import.meta.url)) })
}

async function buildApp(order: string | undefined): Promise<FastifyInstance> {
  // fetch opens a new connection after an abort, and a server that closes would wait 72 s for its first request.
  const app = fastify({ forceCloseConnections: true, logger: { level: 'fatal', ...logRedaction } })
  if (order === 'before') await registerSixteen(app)
  await app.register(kafkaSse, { prefix: '/live', ...options })
  if (order === 'after') await registerSixteen(app)
  return app
}

const app = await buildApp(process.argv[2])
const origin = await app.listen({ host: '127.0.0.1', port: 0 })
const token = app.jwt.sign({ sub: 'alice' })

/** The client of the other package: the first event is `ready`, or a record. */
const stream = connect(`${origin}/live/events`, { getToken: async () => token })
const connected = new AbortController()
const response = await fetch(`${origin}/live/events`, {
  headers: { authorization: `Bearer ${token}`, origin: 'https://app.example' },
  signal: connected.signal,
})
const first = await response.body?.getReader().read()
connected.abort()
stream.close()
const refused = await fetch(`${origin}/live/events`)
const loaded = await fetch(`${origin}/loaded`)
await app.close()

console.log(
  JSON.stringify({
    fastify: app.version,
    status: response.status,
    type: response.headers.get('content-type'),
    cors: response.headers.get('access-control-allow-origin'),
    helmet: response.headers.get('x-content-type-options'),
    first: new TextDecoder().decode(first?.value).replace(/\d+/, 'N'),
    refused: refused.status,
    loaded: await loaded.json(),
  }),
)
