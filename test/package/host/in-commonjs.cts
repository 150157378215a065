// A host in CommonJS, in TypeScript.

import fastify = require('fastify')
import kafkaSse = require('fastify-kafka-sse')
import client = require('kafka-sse-client')

const app: fastify.FastifyInstance = fastify.fastify()
app.register(kafkaSse.default, {
  prefix: '/live',
  kafka: { bootstrapServers: '127.0.0.1:1' },
  auth: { authenticate: async () => null },
  streams: [{ path: '/events', topic: 'events' }],
} satisfies kafkaSse.KafkaSseOptions & { prefix: string })

export const open: typeof client.connect = client.connect
