// Tokens that come again: which of them are not verified a second time.

import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { KeyChoice } from '../../../plugins/auth/keys/key-set.ts'
import type { KeySource } from '../../../plugins/auth/keys/key-source.ts'
import { registerJwt, TokenRefused, type VerifyToken } from '../../../plugins/auth/token-verifier.ts'
import { type Verified, VerifiedTokens } from '../../../plugins/auth/verified-tokens.ts'
import { issuersOf, rulesOf } from '../../../src/config/auth/issuers.ts'
import { KeysUnavailable } from '../../../src/errors.ts'
import { tokenDigest } from '../../../src/token/request-token.ts'
import { authOptions, makeKey, mintToken } from '../../support/keys-and-tokens.ts'

const key = makeKey('ES256')
const other = makeKey('ES256')
const chosen = (pem: string): KeyChoice => ({ key: { kid: null, algorithm: 'ES256', pem } })

describe('a token that comes again', () => {
  let app: FastifyInstance
  let verify: VerifyToken
  let choice: KeyChoice | Error
  let presented = { text: '', digest: '' }
  /** A wrong text with the digest of a verified token: only a second verification would refuse it. */
  const forged = (token: string) => ({ text: `${token}x`, digest: tokenDigest(token) })
  const real = (token: string) => ({ text: token, digest: tokenDigest(token) })

  beforeEach(async () => {
    choice = chosen(key.publicPem)
    app = fastify()
    const [rules] = issuersOf(authOptions(key)).map((issuer) => rulesOf(issuer, 0))
    if (rules === undefined) throw new Error('no issuer')
    const keys: KeySource = {
      find: async () => {
        if (choice instanceof Error) throw choice
        return choice
      },
      notReady: () => null,
      close: () => {},
    }
    verify = await registerJwt(app, [{ rules, keys }])
    app.get('/', async (request) => {
      try {
        return String((await verify(request, presented)).claims.sub)
      } catch (error) {
        return error instanceof TokenRefused ? error.check : 'unavailable'
      }
    })
  })
  afterEach(() => app.close())

  /** What becomes of several requests, one after the other: the subject, or why not. */
  async function scene(tokens: { text: string; digest: string }[]): Promise<unknown[]> {
    const told: unknown[] = []
    for (const token of tokens) {
      presented = token
      told.push((await app.inject('/')).body)
    }
    return told
  }

  it('is not verified again while its key is what it was', async () => {
    const token = mintToken(key)
    const asked = await scene([real(token), forged(token)])
    expect(asked).toEqual(['example', 'example'])
  })

  it('is verified again once its key is another one, and refused once there is none', async () => {
    const token = mintToken(key)
    expect(await scene([real(token)])).toEqual(['example'])
    choice = chosen(other.publicPem)
    expect(await scene([real(token)])).toEqual(['signature'])
    choice = { refused: 'key' }
    expect(await scene([real(token)])).toEqual(['key'])
    choice = new KeysUnavailable()
    expect(await scene([real(token)])).toEqual(['unavailable'])
  })

  it('that was refused is looked at each time', async () => {
    const token = mintToken(other)
    expect(await scene([real(token), real(token)])).toEqual(['signature', 'signature'])
  })
})

describe('verified tokens', () => {
  it('are bounded, the oldest going first', () => {
    const tokens = new VerifiedTokens(3)
    const verified: Verified = { claims: {}, header: {}, pem: '' }
    for (const digest of ['a', 'b', 'c', 'd', 'e']) tokens.keep(digest, 500, verified, 1000)
    expect(tokens.size).toBe(3)
    expect(['a', 'b', 'c', 'd', 'e'].map((digest) => tokens.get(digest) !== undefined)).toEqual([
      false,
      false,
      true,
      true,
      true,
    ])
    tokens.keep('long', 8193, verified, 1000)
    expect(tokens.get('long')).toBeUndefined()
    tokens.forget('e')
    expect(tokens.size).toBe(2)
  })

  it('are verified again after their lifetime, even if the wall clock says otherwise', () => {
    let nowMs = 5000
    const tokens = new VerifiedTokens(3, () => nowMs)
    tokens.keep('a', 500, { claims: {}, header: {}, pem: '' }, 1000)
    nowMs = 5999
    expect(tokens.get('a')).toBeDefined()
    nowMs = 6000
    expect(tokens.get('a')).toBeUndefined()
  })
})
