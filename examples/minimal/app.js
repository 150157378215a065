// One topic as a stream. Clients need a token of your identity provider.

import fastify from 'fastify'
import kafkaSse, { logRedaction } from 'fastify-kafka-sse'

const {
  KAFKA_BOOTSTRAP_SERVERS: bootstrapServers = 'localhost:9092',
  JWT_ISSUER: issuer = 'https://auth.example.com',
  JWT_AUDIENCE: audience = 'https://api.example.com',
  JWT_KEYS: keys = 'public.pem',
  PORT: port = '3000',
} = process.env

// `forceCloseConnections`: `app.close()` does not wait for clients that keep their connections.
const app = fastify({ logger: { level: 'info', ...logRedaction }, forceCloseConnections: true })
await app.register(kafkaSse, {
  kafka: { bootstrapServers },
  auth: { issuer, audience, keys },
  streams: [{ path: '/events', topic: 'events' }],
})
await app.listen({ port: Number(port) })

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())
