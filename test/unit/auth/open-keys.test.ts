// What `auth.keys` may be, as opened by the plugin.

import Fastify from 'fastify'
import { expect, it } from 'vitest'
import { openKeySource } from '../../../plugins/auth/keys/open-keys.ts'
import { ConfigError } from '../../../src/config/config-error.ts'
import { ISSUER, jwksOf, makeKey } from '../../support/keys-and-tokens.ts'

const limits = { jwksTimeoutMs: 5_000, jwksCooldownMs: 30_000, jwksMaxAgeMs: 600_000, jwksStaleMs: 3_600_000 }
const ISSUER_NAMED = { issuer: ISSUER, issuerSetting: 'JWT_ISSUER' }
const open = (keys: string) =>
  openKeySource({ ...limits, keys, ...ISSUER_NAMED, rsaAlgorithm: 'RS256' }, Fastify().log)

it('the text of keys is read at once, and a text without a key is an error that does not quote it', async () => {
  const key = makeKey('ES256', 'k')
  for (const text of [jwksOf(key), `\uFEFF${jwksOf(key)}`, key.publicPem]) {
    const source = open(text)
    expect(await source.find({ alg: 'ES256', kid: 'k' })).toMatchObject({ key: { algorithm: 'ES256' } })
    expect(source.state).toMatchObject({ set: { keys: [{ algorithm: 'ES256' }] }, trouble: null })
  }
  expect(() => open('{"keys":[]}')).toThrow('auth.keys: it has no keys')
  expect(() => open('{"keys":[]}')).toThrow(ConfigError)
  expect(() => open('{"keys":[{"kty":"oct","k":"secret-words"}]}')).toThrow(
    /^auth\.keys: no usable key; key 1: it is a shared secret$/,
  )
})
