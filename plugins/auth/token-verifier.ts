// Verifies tokens with @fastify/jwt: signature, iss, aud, exp and nbf. Registers it as `kafkaSse`, beside a host's own.
// Promise: a token is verified with one key and that key's one algorithm; a refusal names the check that failed.

import fastifyJwt, { type FastifyJWTOptions, type FastifyJwtNamespace } from '@fastify/jwt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { errorWords } from '../../src/errors.ts'
import type { Claims } from '../../src/token/claims.ts'
import { ALGORITHMS } from '../../src/token/key-setting.ts'
import type { KeyHeader } from './keys/key-set.ts'
import type { KeySource } from './keys/key-source.ts'
import { VerifiedTokens } from './verified-tokens.ts'

declare module 'fastify' {
  interface FastifyRequest extends FastifyJwtNamespace<{ namespace: 'kafkaSse' }> {
    /** What @fastify/jwt reads of the request when it is called; null at all other times. */
    kafkaSseToken: TokenToRead | null
  }
}

/** The library takes a token and its key from the request, not as arguments. */
interface TokenToRead {
  readonly text: string
  /** Public key to verify with; null while only the header is read. */
  readonly pem: string | null
}

export interface TokenRules {
  readonly issuer: string
  readonly audience: string
  readonly clockToleranceMs: number
}

/**
 * The claims of a verified token; rejects with TokenRefused or KeysUnavailable. The caller checks `exp`: claims that
 * were verified before are returned without another check.
 */
export type VerifyToken = (request: FastifyRequest, token: PresentedToken) => Promise<Claims>

export interface PresentedToken {
  readonly text: string
  /** SHA-256 of the text. */
  readonly digest: string
}

/** `check` names the failed check for the log, and holds nothing of the token. */
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
  hideInheritedNamespace(app)
  app.decorateRequest('kafkaSseToken', null)
  await app.register(fastifyJwt, jwtOptions(rules))
  const verified = new VerifiedTokens()
  return async (request, { text, digest }) => {
    const known = verified.get(digest)
    const header = known?.header ?? (await readHeader(request, text))
    const pem = await keyFor(keys, header)
    if (known?.pem === pem) return known.claims
    verified.forget(digest)
    const claims = await verifyWith(request, text, pem)
    const lifeMs = Number(claims.exp) * 1000 + rules.clockToleranceMs - Date.now()
    verified.keep(digest, text.length, { claims, header, pem }, lifeMs)
    return claims
  }
}

/** The header as the library decodes it, and will use it to verify the token. Untrusted. */
async function readHeader(request: FastifyRequest, text: string): Promise<KeyHeader> {
  const decoded = await withTokenToRead(request, { text, pem: null }, () =>
    request.kafkaSseJwtDecode<{ readonly header: Readonly<Record<string, unknown>> }>(),
  )
  const { header } = decoded
  // `crit` lists extensions that a verifier must know (RFC 7515 section 4.1.11), and this server knows none. The
  // library accepts `crit: null` and `crit: 0`.
  if ('crit' in header) throw new TokenRefused('crit')
  return { alg: header.alg, kid: header.kid }
}

/**
 * The key that the header names. This is the algorithm pin. The library has one list of algorithms for all keys. So a
 * header whose algorithm is not its key's own is refused here, before its signature is checked.
 */
async function keyFor(keys: KeySource, header: KeyHeader): Promise<string> {
  const choice = await keys.find(header)
  if ('refused' in choice) throw new TokenRefused(choice.refused)
  return choice.key.pem
}

function verifyWith(request: FastifyRequest, text: string, pem: string): Promise<Claims> {
  return withTokenToRead(request, { text, pem }, () => request.kafkaSseJwtVerify<Record<string, unknown>>())
}

/** Calls the library with a token to read. Rejects with TokenRefused where the library refuses it. */
async function withTokenToRead<T>(
  request: FastifyRequest,
  token: TokenToRead,
  call: () => Promise<T>,
): Promise<T> {
  request.kafkaSseToken = token
  try {
    return await call()
  } catch (error) {
    throw refusalOf(error)
  } finally {
    request.kafkaSseToken = null
  }
}

/**
 * The library writes its namespace into `app.jwt`, even if the scope inherits that object from its host. Two sibling
 * scopes would share it. So this scope gets an object of its own, which inherits everything but our namespace.
 */
function hideInheritedNamespace(app: FastifyInstance): void {
  if (!app.hasDecorator('jwt') || Object.hasOwn(app, 'jwt')) return
  app.decorate(
    'jwt',
    Object.create(app.jwt, { [NAMESPACE]: { value: undefined, writable: true, enumerable: true } }),
  )
}

function jwtOptions(rules: TokenRules): FastifyJWTOptions {
  return {
    namespace: NAMESPACE,
    decoratorName: 'kafkaSseClaims',
    decode: { complete: true },
    secret: { public: pemOf },
    verify: {
      extractToken: (request) => request.kafkaSseToken?.text,
      algorithms: [...ALGORITHMS],
      allowedIss: rules.issuer,
      allowedAud: rules.audience,
      requiredClaims: ['iss', 'aud', 'exp'],
      clockTolerance: rules.clockToleranceMs,
    },
  }
}

async function pemOf({ kafkaSseToken }: FastifyRequest): Promise<string> {
  if (kafkaSseToken === null || kafkaSseToken.pem === null) throw new TokenRefused('key')
  return kafkaSseToken.pem
}

/** The library's messages name the check and quote nothing of the token. Any other error means `malformed`. */
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
  if (error instanceof TokenRefused) return error
  const message = errorWords(error)
  const found = CHECKS.find(([words]) => words.test(message))
  return new TokenRefused(found === undefined ? 'malformed' : found[1])
}
