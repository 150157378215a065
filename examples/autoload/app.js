// An app whose plugins and routes are files in folders.

import { join } from 'node:path'
import autoload from '@fastify/autoload'
import fastify from 'fastify'
import { logRedaction } from 'fastify-kafka-sse'

const app = fastify({ logger: { level: 'info', ...logRedaction }, forceCloseConnections: true })
await app.register(autoload, { dir: join(import.meta.dirname, 'plugins') })
await app.register(autoload, { dir: join(import.meta.dirname, 'routes') })
await app.listen({ port: Number(process.env.PORT ?? 3000) })

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())
