// The name of the plugin, by which another plugin of the host can depend on it.

import fastify from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { describe, expect, it } from 'vitest'
import kafkaSse from '../../src/plugin.ts'
import { NO_KAFKA } from '../support/command-process.ts'

const options = {
  kafka: { bootstrapServers: NO_KAFKA },
  auth: { authenticate: () => null },
  streams: [{ path: '/events', topic: 'events' }],
}
const dependent = fastifyPlugin(async () => {}, { name: 'of-the-host', dependencies: ['fastify-kafka-sse'] })

describe('A plugin that depends on fastify-kafka-sse', () => {
  it('is loaded after it', async () => {
    const app = fastify()
    await app.register(kafkaSse, { prefix: '/live', ...options })
    await app.register(dependent)
    expect(app.hasPlugin('fastify-kafka-sse')).toBe(true)
    await app.close()
  })

  it('is refused without it', async () => {
    const app = fastify()
    await expect(app.register(dependent).ready()).rejects.toThrow(/'fastify-kafka-sse'.*is not registered/)
  })
})
