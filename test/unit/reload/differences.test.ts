// What of two readings can take effect, and what needs a restart.

import { describe, expect, it } from 'vitest'
import { parseEnvironment } from '../../../src/config/parse.ts'
import { OPTIONS_SCHEMA, SERVER_SCHEMA } from '../../../src/config/schema.ts'
import type { ServerOptions } from '../../../src/options.ts'
import { differences, reloaded } from '../../../src/reload/differences.ts'
import { LIVE_SERVER, LIVE_SSE, liveOptions } from '../../../src/reload/live-settings.ts'

const KEY = 'k'.repeat(43)
const ENV = {
  KAFKA_BOOTSTRAP_SERVERS: 'localhost:9092',
  JWT_ISSUER: 'https://auth.example.com',
  JWT_AUDIENCE: 'https://api.example.com',
  TLS: 'off',
}
const read = (env: Record<string, string> = {}): Promise<ServerOptions> =>
  parseEnvironment({ ...ENV, ...env })

describe('two readings', () => {
  it('of the same settings have no difference', async () => {
    expect(differences(await read(), await read())).toEqual({ live: [], restart: [] })
  })

  it('differ by names as people write them, never by values', async () => {
    const next = await read({
      LOG_LEVEL: 'debug',
      LOG_REFUSALS: 'off',
      STREAMS_MAX: '7',
      CONNECTIONS_MAX: '8',
      SECRET_KEY: KEY,
      HEARTBEAT_SECONDS: '3',
      PORT: '1',
      JWT_AUDIENCE: 'other',
      KAFKA_TOPIC: 'other',
      KAFKA_CONFIG_CLIENT_ID: 'hidden',
    })
    const { live, restart } = differences(await read(), next)
    expect([...live].sort()).toEqual([
      'CONNECTIONS_MAX',
      'LOG_LEVEL',
      'LOG_REFUSALS',
      'SECRET_KEY',
      'STREAMS_MAX',
    ])
    expect([...restart].sort()).toEqual([
      'HEARTBEAT_SECONDS',
      'JWT_* (auth.issuers)',
      'KAFKA_CONFIG_*',
      'PORT',
      'streams',
    ])
  })

  it('that take the secret key away need a restart, and leave the key until then', async () => {
    const [now, next] = [await read({ SECRET_KEY: KEY }), await read()]
    expect(differences(now, next)).toEqual({ live: [], restart: ['SECRET_KEY'] })
    expect(reloaded(now, next).sse.secretKey).toBe(KEY)
  })

  it('leave what needs a restart as it was', async () => {
    const [now, next] = [await read(), await read({ STREAMS_MAX: '7', HEARTBEAT_SECONDS: '3', PORT: '1' })]
    const after = reloaded(now, next)
    expect(after).toEqual({ ...now, sse: { ...now.sse, streamsMax: 7 } })
    expect(differences(after, next).live).toEqual([])
    expect(liveOptions(after).sse.streamsMax).toBe(7)
  })

  it('of a module that has changed need a restart', async () => {
    const now = { ...(await read()), configModule: { path: '/a.mjs', digest: 'one' } }
    const next = { ...now, configModule: { path: '/a.mjs', digest: 'two' } }
    expect(differences(now, next)).toEqual({ live: [], restart: ['CONFIG_FILE'] })
  })
})

it('each setting that takes effect is one of the schema', () => {
  expect(Object.keys(OPTIONS_SCHEMA.properties.sse.properties ?? {})).toEqual(
    expect.arrayContaining([...LIVE_SSE]),
  )
  expect(Object.keys(SERVER_SCHEMA.properties ?? {})).toEqual(expect.arrayContaining([...LIVE_SERVER]))
})
