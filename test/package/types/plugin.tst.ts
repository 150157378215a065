// The types of the plugin, as a host meets them. Checked by tstyche: see ../types.test.ts.

import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import kafkaSse, {
  type AuthOptions,
  ConfigError,
  type ErrorCode,
  guardConnections,
  type HostSession,
  type KafkaSse,
  type KafkaSseOptions,
  type KafkaSseRegistration,
  logRedaction,
  type StreamOptions,
} from 'fastify-kafka-sse'
import authPlugin from 'fastify-kafka-sse/auth'
import kafkaPlugin from 'fastify-kafka-sse/kafka'
import ssePlugin from 'fastify-kafka-sse/sse'
import { describe, expect, test } from 'tstyche'

declare const app: FastifyInstance

const kafka = { bootstrapServers: 'kafka:9092' }
const auth = { issuer: 'https://auth.example.com', audience: 'api' }
const streams = [{ path: '/events', topic: 'events' }]

describe('app.register(kafkaSse)', () => {
  test('takes the options, with a prefix or without', () => {
    expect(app.register).type.toBeCallableWith(kafkaSse, { kafka, auth, streams })
    expect(app.register).type.toBeCallableWith(kafkaSse, { prefix: '/live', kafka, auth, streams })
  })

  test('refuses an option that is missing, misspelt or of another type', () => {
    expect<KafkaSseOptions>().type.not.toBeAssignableFrom({ kafka, auth })
    expect<KafkaSseOptions>().type.not.toBeAssignableFrom({
      kafka: { bootstrapServer: 'a:1' },
      auth,
      streams,
    })
    expect<StreamOptions>().type.not.toBeAssignableFrom({ path: '/events' })
    expect<StreamOptions['replay']>().type.toBe<'latest' | 'all' | 'none' | undefined>()
    expect<StreamOptions>().type.not.toBeAssignableFrom({ path: '/a', topic: 'a', fields: { tenant: 'a' } })
    expect<AuthOptions>().type.not.toBeAssignableFrom({ queryToken: 'off' })
  })

  test('is asynchronous, and each part is a plugin by itself', () => {
    expect(kafkaSse({} as never, {} as never)).type.toBe<Promise<void>>()
    for (const plugin of [authPlugin, kafkaPlugin, ssePlugin])
      expect(plugin).type.toBeAssignableTo<FastifyPluginAsync<never>>()
  })
})

describe('authenticate', () => {
  test('answers with a session or null, at once or later', () => {
    const session: HostSession = { subject: 'alice', expiresAt: new Date() }
    expect<AuthOptions>().type.toBeAssignableFrom({ authenticate: async () => session })
    expect<AuthOptions>().type.toBeAssignableFrom({ authenticate: () => null })
    expect<AuthOptions>().type.not.toBeAssignableFrom({ authenticate: async () => undefined })
    expect<AuthOptions>().type.not.toBeAssignableFrom({ authenticate: async () => ({ subject: 'alice' }) })
  })
})

describe('app.kafkaSse', () => {
  test('is there by the types of the package', () => {
    expect(app.kafkaSse).type.toBe<KafkaSse>()
    expect(app.kafkaSse.byPrefix).type.toBe<ReadonlyMap<string, KafkaSseRegistration>>()
    expect(app.kafkaSse.revoke).type.toBeCallableWith({ sub: 'alice' })
    expect(app.kafkaSse.streams.open).type.toBe<number>()
  })
})

describe('errors', () => {
  test('have codes that can be told apart', () => {
    expect<ErrorCode>().type.toBeAssignableFrom<'FKS_TOKEN_MISSING' | 'FKS_BUSY' | 'FKS_CONFIG_INVALID'>()
    expect<ErrorCode>().type.not.toBeAssignableFrom<'FKS_TOKEN_MISING'>()
    expect(new ConfigError(['a problem']).code).type.toBe<'FKS_CONFIG_INVALID'>()
    expect(new ConfigError(['a problem']).problems).type.toBe<readonly string[]>()
  })
})

describe('a host’s logger and server', () => {
  test('take logRedaction and guardConnections', () => {
    expect(guardConnections).type.toBeCallableWith(app.server)
    expect(guardConnections).type.toBeCallableWith(app.server, { idleMs: 30_000 })
    expect(guardConnections).type.not.toBeCallableWith(app.server, { idleSeconds: 30 })
    expect(logRedaction).type.toHaveProperty('serializers')
  })
})
