// An app that has everything already: CORS, a login, tokens of its own. Streams are one more plugin, under a prefix,
// and its users need no second token.

import cors from '@fastify/cors'
import jwt from '@fastify/jwt'
import fastify from 'fastify'
import kafkaSse, { logRedaction } from 'fastify-kafka-sse'

const {
  KAFKA_BOOTSTRAP_SERVERS: bootstrapServers = 'localhost:9092',
  APP_SECRET: secret,
  APP_PASSWORD: password,
  METRICS_TOKEN: metricsToken,
  PORT: port = '3000',
} = process.env
if (!secret || !password || !metricsToken) throw new Error('set APP_SECRET, APP_PASSWORD and METRICS_TOKEN')

const app = fastify({ logger: { level: 'info', ...logRedaction }, forceCloseConnections: true })
await app.register(cors, {
  origin: ['https://app.example.com'],
  allowedHeaders: ['authorization', 'last-event-id', 'content-type'],
  exposedHeaders: ['retry-after'],
})
await app.register(jwt, { secret, sign: { expiresIn: '5m' } })

app.post('/login', async (request, reply) => {
  const { name, password: given } = request.body ?? {}
  if (typeof name !== 'string' || name === '' || given !== password) return reply.code(401).send()
  return { token: app.jwt.sign({ sub: name }) }
})

await app.register(kafkaSse, {
  prefix: '/live',
  kafka: { bootstrapServers },
  auth: { authenticate, lifetimeSecondsMax: 300 },
  streams: [{ path: '/events', topic: 'events' }],
})

/** The same token as for the other routes. An error of `jwtVerify` is answered as everywhere in this app. */
async function authenticate(request) {
  const { sub, exp, iat } = await request.jwtVerify()
  return { subject: sub, expiresAt: exp * 1000, issuedAt: iat * 1000 }
}

app.post('/logout', async (request, reply) => {
  const { sub } = await request.jwtVerify()
  await app.kafkaSse.revoke({ sub })
  return reply.code(204).send()
})
// Anyone may ask whether the app is ready. The reasons name topics and servers, so they are for the log.
app.get('/health', async (request, reply) => {
  const { ready, reasons } = app.kafkaSse.ready()
  if (!ready) request.log.warn({ reasons }, 'not ready')
  return reply.code(ready ? 200 : 503).send({ ready })
})
// They name topics, too.
app.get('/metrics', async (request, reply) => {
  if (request.headers.authorization !== `Bearer ${metricsToken}`) return reply.code(401).send()
  const { contentType, text } = await app.kafkaSse.metrics()
  return reply.header('content-type', contentType).send(text)
})
await app.listen({ port: Number(port) })

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())
