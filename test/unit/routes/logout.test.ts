// Back-channel logout where the others cannot be told at first: the provider sends its logout token again.

import fastify from 'fastify'
import { expect, it, onTestFinished } from 'vitest'
import { logoutRoutes } from '../../../routes/logout.ts'
import { ControlUnwritable } from '../../../src/errors.ts'
import { unshared } from '../../../src/stream/sharing/shared.ts'
import { Streams } from '../../../src/stream/streams.ts'
import type { Revocation } from '../../../src/token/revocation.ts'
import { sessionFor, streamsSettings } from '../../support/streams-scene.ts'

const ISSUER = 'https://auth.example.com'

/** A server whose others are told by `tell`. */
async function serverOf(tell: (revocation: Revocation) => Promise<void>) {
  const settings = streamsSettings(10)
  const streams = new Streams(settings, { ...unshared(settings), revokeElsewhere: tell })
  const app = fastify()
  onTestFinished(() => app.close())
  const revocation: Revocation = {
    issuer: ISSUER,
    on: { sub: 'example' },
    beforeMs: Date.now(),
    untilMs: Date.now() + 3_600_000,
    jti: 'once',
    reason: 'logout',
  }
  await app.register(logoutRoutes, {
    path: '/logout',
    logout: async () => revocation,
    streams,
    logged: { refusals: true },
  })
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const send = async () =>
    (await app.inject({ method: 'POST', url: '/logout', headers, payload: 'logout_token=t' })).statusCode
  return { send, streams }
}

it('is answered 400 until the others know, holds here from the start, and is used by then', async () => {
  let isWritable = false
  const told: (string | null)[] = []
  const { send, streams } = await serverOf(async ({ jti }) => {
    if (!isWritable) throw new ControlUnwritable()
    told.push(jti)
  })
  expect([await send(), await send()]).toEqual([400, 400])
  expect(streams.revocations.refuses(sessionFor(60, { issuedAtMs: Date.now() - 1_000 }))).toBe(true)
  isWritable = true
  expect([await send(), await send()]).toEqual([200, 400])
  expect(told).toEqual(['once'])
})

it('is good once among those that come while the others are told', async () => {
  const { send } = await serverOf(() => new Promise((resolve) => setTimeout(resolve, 20)))
  expect((await Promise.all([send(), send(), send()])).sort()).toEqual([200, 400, 400])
})
