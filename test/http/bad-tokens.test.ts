// Bad tokens over a real port: all get the same answer, and only the log has the reason.

import { describe, expect, it } from 'vitest'
import type { AuthOptions } from '../../src/options.ts'
import {
  authOptions,
  exampleClaims,
  ISSUER,
  keyAs,
  makeKey,
  mintToken,
  mintUnsigned,
  mintWithPublicKeyAsSecret,
  nowSeconds,
} from '../support/keys-and-tokens.ts'
import { forThisTest } from '../support/scene.ts'
import { AuthScene } from './auth-scene.ts'

const rsa = makeKey('RS256')
const other = makeKey('RS256')
const open = (options?: AuthOptions) => forThisTest(AuthScene.open(options))

const payloadWith = (text: string): string =>
  `${JSON.stringify({ ...exampleClaims(), exp: undefined }).slice(0, -1)},${text}}`

/** [what is bad, the word for the log, the token] */
const BAD_TOKENS: [string, string, () => string][] = [
  ['an exp that has passed', 'expired', () => mintToken(rsa, { claims: { exp: nowSeconds() - 1 } })],
  ['an exp that is now', 'expired', () => mintToken(rsa, { claims: { exp: nowSeconds() } })],
  ['an nbf that is to come', 'nbf', () => mintToken(rsa, { claims: { nbf: nowSeconds() + 60 } })],
  ['a signature by another key', 'signature', () => mintToken(other)],
  ['no signature under RS256', 'signature', () => mintToken(rsa).replace(/[^.]*$/, '')],
  ['another issuer', 'iss', () => mintToken(rsa, { claims: { iss: 'https://other.example.com' } })],
  ['no issuer', 'iss', () => mintToken(rsa, { claims: { iss: undefined } })],
  ['two issuers', 'iss', () => mintToken(rsa, { claims: { iss: [ISSUER] } })],
  ['another audience', 'aud', () => mintToken(rsa, { claims: { aud: 'https://other.example.com' } })],
  ['other audiences', 'aud', () => mintToken(rsa, { claims: { aud: ['a', 'b'] } })],
  ['no audience', 'aud', () => mintToken(rsa, { claims: { aud: undefined } })],
  ['an empty list of audiences', 'aud', () => mintToken(rsa, { claims: { aud: [] } })],
  ['alg none', 'algorithm', mintUnsigned],
  ['alg none in other letters', 'algorithm', () => mintToken(rsa, { header: { alg: 'nOnE' } })],
  ['an HMAC with the public key', 'algorithm', () => mintWithPublicKeyAsSecret(rsa)],
  [
    'an HMAC with the public key, trimmed',
    'algorithm',
    () => mintWithPublicKeyAsSecret(rsa, rsa.publicPem.trim()),
  ],
  [
    "an algorithm of the key's kind that is not its own",
    'algorithm',
    () => mintToken(keyAs(rsa, { algorithm: 'PS256' })),
  ],
  ['a longer digest than the key has', 'algorithm', () => mintToken(keyAs(rsa, { algorithm: 'RS512' }))],
  ['no exp', 'exp', () => mintToken(rsa, { claims: { exp: undefined } })],
  ['exp 1e300', 'exp', () => mintToken(rsa, { payload: payloadWith('"exp":1e300') })],
  ['exp 1e999', 'exp', () => mintToken(rsa, { payload: payloadWith('"exp":1e999') })],
  ['exp in quotes', 'exp', () => mintToken(rsa, { claims: { exp: String(nowSeconds() + 60) } })],
  ['exp in words', 'exp', () => mintToken(rsa, { claims: { exp: '…' } })],
  ['exp null', 'exp', () => mintToken(rsa, { claims: { exp: null } })],
  ['exp in a list', 'exp', () => mintToken(rsa, { claims: { exp: [nowSeconds() + 60] } })],
  ['a negative exp', 'expired', () => mintToken(rsa, { claims: { exp: -1 } })],
  [
    'nbf 1e300',
    'nbf',
    () => mintToken(rsa, { payload: payloadWith(`"exp":${nowSeconds() + 60},"nbf":1e300`) }),
  ],
  ['a subject that is no string', 'sub', () => mintToken(rsa, { claims: { sub: 7 } })],
  ['a critical extension', 'crit', () => mintToken(rsa, { header: { crit: ['x'], x: 1 } })],
  ['an empty crit', 'crit', () => mintToken(rsa, { header: { crit: [] } })],
  ['crit null', 'crit', () => mintToken(rsa, { header: { crit: null } })],
  ['padding', 'spelling', () => `${mintToken(rsa)}==`],
  ['one segment too many', 'spelling', () => `${mintToken(rsa)}.e30`],
  ['a payload that is a list', 'malformed', () => mintToken(rsa, { payload: '[]' })],
  ['a payload that is not JSON', 'malformed', () => mintToken(rsa, { payload: 'not-json-but-secret' })],
  ['nothing in it', 'malformed', () => '..'],
  [
    'a header that is no object',
    'malformed',
    () => mintToken(rsa).replace(/^[^.]+/, Buffer.from('null').toString('base64url')),
  ],
]

describe('a bad token', () => {
  it.each(BAD_TOKENS)('with %s is answered 401, and only the log says: %s', async (_what, check, mint) => {
    const scene = await open(authOptions(rsa))
    const answer = await scene.get('/events', mint())
    expect(answer.status).toBe(401)
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="kafka-sse", error="invalid_token"')
    expect(JSON.parse(answer.body)).toEqual({
      statusCode: 401,
      code: 'FKS_TOKEN_INVALID',
      error: 'Unauthorized',
      message: 'The token is not valid here',
    })
    expect(scene.refusals()).toEqual([check])
    expect(scene.sessions).toEqual([])
  })

  it('that is missing is answered 401 without an error attribute', async () => {
    const scene = await open(authOptions(rsa))
    const answer = await scene.get('/events')
    expect(answer.status).toBe(401)
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="kafka-sse"')
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'FKS_TOKEN_MISSING' })
    expect(scene.refusals()).toEqual(['missing'])
  })

  it.each([{ scope: undefined }, { scope: 'proxy' }, { scope: [] }, { scope: { 'proxy:stream': true } }])(
    'that lacks the scope is answered 403: %j',
    async (claims) => {
      const scene = await open(authOptions(rsa))
      const answer = await scene.get('/events', mintToken(rsa, { claims }))
      expect(answer.status).toBe(403)
      expect(answer.headers['www-authenticate']).toBe(
        'Bearer realm="kafka-sse", error="insufficient_scope", scope="proxy:stream"',
      )
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'FKS_SCOPE_MISSING' })
      expect(scene.refusals()).toEqual(['scope'])
    },
  )
})
