// A server for the page. For trials, since it gives a token to everybody: put your login in its place.

import { randomBytes } from 'node:crypto'
import jwt from '@fastify/jwt'
import fastify from 'fastify'
import kafkaSse, { logRedaction } from 'fastify-kafka-sse'

const { KAFKA_BOOTSTRAP_SERVERS: bootstrapServers = 'localhost:9092', PORT: port = '3000' } = process.env

const app = fastify({ logger: { level: 'info', ...logRedaction }, forceCloseConnections: true })
await app.register(jwt, { secret: randomBytes(32).toString('hex'), sign: { expiresIn: '1m' } })
app.post('/token', async () => ({ token: app.jwt.sign({ sub: 'visitor' }) }))
await app.register(kafkaSse, {
  kafka: { bootstrapServers },
  auth: { authenticate },
  streams: [{ path: '/orders', topic: 'orders', encoding: 'envelope' }],
})

async function authenticate(request) {
  const { sub, exp, iat } = await request.jwtVerify()
  return { subject: sub, expiresAt: exp * 1000, issuedAt: iat * 1000 }
}

await app.listen({ port: Number(port) })

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())
