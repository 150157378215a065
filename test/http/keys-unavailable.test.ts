import fastify from 'fastify'
import { afterEach, expect, it } from 'vitest'
import auth from '../../plugins/auth.ts'
import sse from '../../plugins/sse.ts'
import { streamRoutes } from '../../routes/stream.ts'
import { authOptions, exampleClaims, makeKey, mintToken, startKeyServer } from '../support/keys-and-tokens.ts'
import { TopicInMemory } from '../support/topic-in-memory.ts'

const LIMITS = { streamsMax: 10, streamsPerSubjectMax: 10, streamsPerAddressMax: 10 }
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

it('as long as no key set can be read, a client is asked to come back: by a status, or by a stream that ends', async () => {
  const keyServer = await startKeyServer((_request, response) => response.writeHead(500).end())
  const app = fastify()
  closing.push(() => app.close(), keyServer.close)
  await app.register(sse, LIMITS)
  const key = makeKey('ES256')
  await app.register(auth, authOptions(key, { keys: keyServer.url }))
  await app.register(streamRoutes, {
    path: '/events',
    scope: null,
    replay: 'latest',
    topic: new TopicInMemory(),
    streams: app.kafkaSse,
    authenticator: app.kafkaSseAuth,
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as { port: number }
  const authorization = `Bearer ${mintToken(key, { claims: exampleClaims() })}`
  const get = (accept: string) =>
    fetch(`http://127.0.0.1:${port}/events`, { headers: { authorization, accept } })

  const plain = await get('*/*')
  expect(plain.status).toBe(503)
  expect(await plain.json()).toMatchObject({ code: 'FKS_KEYS_UNAVAILABLE' })
  expect(Number(plain.headers.get('retry-after'))).toBeGreaterThanOrEqual(5)
  const named = await get('text/event-stream')
  expect(named.status).toBe(200)
  expect(await named.text()).toMatch(/^retry:\d+\n\n:end busy\n\n$/)
})
