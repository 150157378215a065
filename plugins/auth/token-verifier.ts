// @fastify/jwt, registered as `kafkaSse` so that it lives beside the host's own: signature, iss, aud, exp and nbf.
// Promise: a token is verified by one key with that key's one algorithm; a refusal says which check failed, in a word.

import fastifyJwt, { type FastifyJWTOptions, type FastifyJwtNamespace } from '@fastify/jwt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { KeysUnavailable } from '../../src/errors.ts'
import type { Claims } from '../../src/token/claims.ts'
import { ALGORITHMS } from '../../src/token/key-setting.ts'
import type { KeyHeader } from './keys/key-set.ts'
import type { KeySource } from './keys/key-source.ts'
import { type Verified, VerifiedTokens } from './verified-tokens.ts'

declare module 'fastify' {
  interface FastifyRequest extends FastifyJwtNamespace<{ namespace: 'kafkaSse' }> {}
}

export interface TokenRules {
  readonly issuer: string
  readonly audience: string
  readonly clockToleranceMs: number
}

/**
 * The claims of a verified token; rejects with TokenRefused, or KeysUnavailable. `exp` is the caller's to check: a token that was
 * verified before is not looked through again.
 */
export type VerifyToken = (request: FastifyRequest, token: PresentedToken) => Promise<Claims>

export interface PresentedToken {
  readonly text: string
  /** SHA-256 of the text. */
  readonly digest: string
}

/** `check` is a word for the log; never anything of the token. */
export class TokenRefused extends Error {
  readonly check: string

  constructor(check: string) {
    super(`The token is refused: ${check}`)
    this.check = check
  }
}

const NAMESPACE = 'kafkaSse'

/** For the scope of `app`. The library makes one verifier for each key that the source finds, and keeps it. */
export async function registerJwt(
  app: FastifyInstance,
  rules: TokenRules,
  keys: KeySource,
): Promise<VerifyToken> {
  // The library asks for a request's token by itself; it is given the one that was found and canonicalised.
  const verifications = new WeakMap<FastifyRequest, Verification>()
  const verified = new VerifiedTokens()
  hideInheritedNamespace(app)
  await app.register(fastifyJwt, jwtOptions(rules, keys, verifications))
  const verify = async (request: FastifyRequest, text: string): Promise<Verified> => {
    const verification: Verification = { text, header: {}, pem: '' }
    verifications.set(request, verification)
    try {
      const claims = await request.kafkaSseJwtVerify<Record<string, unknown>>()
      return { claims, header: verification.header, pem: verification.pem }
    } catch (error) {
      throw error instanceof TokenRefused || error instanceof KeysUnavailable ? error : refusalOf(error)
    } finally {
      verifications.delete(request)
    }
  }
  return async (request, { text, digest }) => {
    const known = verified.get(digest)
    if (known !== undefined && (await isKeyStill(keys, known))) return known.claims
    verified.forget(digest)
    const found = await verify(request, text)
    const lifeMs = Number(found.claims.exp) * 1000 + rules.clockToleranceMs - Date.now()
    verified.keep(digest, text.length, found, lifeMs)
    return found.claims
  }
}

/** A token under way through the library, and what it was verified with. */
interface Verification {
  readonly text: string
  header: KeyHeader
  pem: string
}

/** Whether the key that this token was verified with is the one that its header means now. */
async function isKeyStill(keys: KeySource, { header, pem }: Verified): Promise<boolean> {
  const choice = await keys.find(header)
  return 'key' in choice && choice.key.pem === pem
}

/**
 * A namespace is written into `app.jwt`, also where that object is inherited: two sibling scopes would then meet in
 * their host's. An object of this scope's own, which inherits all but our namespace, keeps them apart.
 */
function hideInheritedNamespace(app: FastifyInstance): void {
  if (!app.hasDecorator('jwt') || Object.hasOwn(app, 'jwt')) return
  app.decorate(
    'jwt',
    Object.create(app.jwt, { [NAMESPACE]: { value: undefined, writable: true, enumerable: true } }),
  )
}

function jwtOptions(
  rules: TokenRules,
  keys: KeySource,
  verifications: WeakMap<FastifyRequest, Verification>,
): FastifyJWTOptions {
  return {
    namespace: NAMESPACE,
    decoratorName: 'kafkaSseClaims',
    decode: { complete: true },
    secret: {
      public: (request: FastifyRequest, token: unknown) => keyFor(keys, token, verifications.get(request)),
    },
    verify: {
      extractToken: (request) => verifications.get(request)?.text,
      algorithms: [...ALGORITHMS],
      allowedIss: rules.issuer,
      allowedAud: rules.audience,
      requiredClaims: ['iss', 'aud', 'exp'],
      clockTolerance: rules.clockToleranceMs,
    },
  }
}

/**
 * The pin: the library's list of algorithms is one for all keys, so a header whose algorithm is not its key's own
 * ends here, before a signature is looked at. The header is the one that the library decoded and goes by.
 */
async function keyFor(
  keys: KeySource,
  token: unknown,
  verification: Verification | undefined,
): Promise<string> {
  const header = headerOf(token)
  // RFC 7515 section 4.1.11: none of its extensions is known here. The library lets `crit: null` and `crit: 0` pass.
  if ('crit' in header) throw new TokenRefused('crit')
  const choice = await keys.find(header)
  if ('refused' in choice) throw new TokenRefused(choice.refused)
  if (verification !== undefined)
    Object.assign(verification, { header: { alg: header.alg, kid: header.kid }, pem: choice.key.pem })
  return choice.key.pem
}

function headerOf(token: unknown): KeyHeader {
  const header = typeof token === 'object' && token !== null && 'header' in token ? token.header : null
  if (typeof header !== 'object' || header === null) throw new TokenRefused('malformed')
  return header
}

/** The library's words, which name the check and hold nothing of the token; whatever else it throws is `malformed`. */
const CHECKS: readonly (readonly [RegExp, string])[] = [
  [/token expired/i, 'expired'],
  [/will be active/, 'nbf'],
  [/\b(?:iss) claim/, 'iss'],
  [/\b(?:aud) claim/, 'aud'],
  [/\b(?:exp) claim/, 'exp'],
  [/\b(?:nbf) claim/, 'nbf'],
  [/signature/i, 'signature'],
  [/Unsigned/, 'signature'],
]

function refusalOf(error: unknown): TokenRefused {
  const message = error instanceof Error ? error.message : ''
  const found = CHECKS.find(([words]) => words.test(message))
  return new TokenRefused(found === undefined ? 'malformed' : found[1])
}
