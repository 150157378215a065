// The streams. Wrapped in fastify-plugin, so that `app.kafkaSse` is there for the routes, too.

import kafkaSse from 'fastify-kafka-sse'
import fastifyPlugin from 'fastify-plugin'

const {
  KAFKA_BOOTSTRAP_SERVERS: bootstrapServers = 'localhost:9092',
  JWT_ISSUER: issuer = 'https://auth.example.com',
  JWT_AUDIENCE: audience = 'https://api.example.com',
  JWT_KEYS: keys = 'public.pem',
} = process.env

export default fastifyPlugin(async (app) => {
  await app.register(kafkaSse, {
    kafka: { bootstrapServers },
    auth: { issuer, audience, keys },
    streams: [{ path: '/events', topic: 'events' }],
  })
})
