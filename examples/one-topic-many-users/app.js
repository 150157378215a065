// One topic with the records of all users. Each user gets their own, by the token: what a client asks for can narrow
// that, and never widen it.

import fastify from 'fastify'
import kafkaSse, { logRedaction } from 'fastify-kafka-sse'

const {
  KAFKA_BOOTSTRAP_SERVERS: bootstrapServers = 'localhost:9092',
  JWT_ISSUER: issuer = 'https://auth.example.com',
  JWT_AUDIENCE: audience = 'https://api.example.com',
  JWT_KEYS: keys = 'public.pem',
  SECRET_KEY: secretKey = null,
  PORT: port = '3000',
} = process.env

const app = fastify({ logger: { level: 'info', ...logRedaction }, forceCloseConnections: true })
await app.register(kafkaSse, {
  kafka: { bootstrapServers },
  auth: { issuer, audience, keys },
  // The key of sealed event ids. Without one the process makes its own, and ids are good for that process alone.
  sse: { secretKey },
  streams: [
    // The records whose header `user` is the token's subject.
    { path: '/me/notifications', topic: 'notifications', headers: { user: '{token.sub}' } },
    // The records whose key is the path's customer, if the token's claim `customers` lists that customer.
    {
      path: '/orders/:customer',
      topic: 'orders',
      key: '{params.customer}',
      where: { 'params.customer': '{token.customers}' },
    },
  ],
})
await app.listen({ port: Number(port) })

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())
