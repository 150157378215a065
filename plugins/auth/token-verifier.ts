// Verifies tokens: their claims by the rules of their issuer, their signature with @fastify/jwt, which is registered
// beside a host's own as `kafkaSse`, or as `kafkaSse2` where a scope around has that. Promise: a token is verified with
// one key of its own issuer and that key's one algorithm; a refusal names the check that failed.

import { verify } from 'node:crypto'
import fastifyJwt, { type FastifyJWTOptions } from '@fastify/jwt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { errorWords, TooManyRequests } from '../../src/errors.ts'
import { clientAddress } from '../../src/limits/client-address.ts'
import type { RateLimits } from '../../src/limits/rate-limits.ts'
import type { Claims } from '../../src/token/claims.ts'
import { ALGORITHMS, isCurveName } from '../../src/token/key-setting.ts'
import type { RefusedCheck } from '../../src/token/refused-check.ts'
import { refusedToken, secondsOff, type TokenRules } from '../../src/token/token-rules.ts'
import { type UnverifiedToken, unverifiedToken } from '../../src/token/unverified-token.ts'
import type { KeySource } from './keys/key-source.ts'
import { RefusedSignatures } from './refused-signatures.ts'
import type { TrustedIssuer } from './trusted-issuers.ts'
import { VerifiedTokens } from './verified-tokens.ts'

/** The library takes a token and its key from the request, not as arguments. */
interface TokenToRead {
  readonly text: string
  /** Public key to verify with. */
  readonly pem: string
}

export interface VerifiedToken {
  readonly claims: Claims
  readonly rules: TokenRules
}

/** What makes a token unacceptable, in a word for the log; null if nothing does. Its signature is checked after it. */
export type CheckToken = (token: UnverifiedToken, rules: TokenRules, epochMs: number) => RefusedCheck | null

/**
 * The claims of a token whose signature is good, and the rules of its issuer. Rejects with TokenRefused,
 * KeysUnavailable or TooManyRequests. `check`: `refusedToken` for access tokens.
 */
export type VerifyToken = (
  request: FastifyRequest,
  token: PresentedToken,
  check?: CheckToken,
) => Promise<VerifiedToken>

export interface PresentedToken {
  readonly text: string
  /** SHA-256 of the text. */
  readonly digest: string
}

/** `check` names the failed check for the log, and holds nothing of the token. */
export class TokenRefused extends Error {
  readonly check: RefusedCheck
  /** By how many seconds a time of the token was off; null if it was not refused for one. */
  readonly offSeconds: number | null

  constructor(check: RefusedCheck, offSeconds: number | null = null) {
    super(`The token is refused: ${check}`)
    this.check = check
    this.offSeconds = offSeconds
  }
}

/** The rates that count bad signatures by address where the request's route is; null: they are not limited there. */
export type FailureLimitOf = (request: FastifyRequest) => Pick<RateLimits, 'hasRoom' | 'take'> | null

const NAMESPACE = 'kafkaSse'

/** What the library reads of a request while it is called. */
type TokensToRead = WeakMap<FastifyRequest, TokenToRead>

/** Verifies the signature of a token. Rejects with the library's error, or with TokenRefused. */
type VerifySignature = (request: FastifyRequest, token: TokenToRead) => Promise<void>

/**
 * For the scope of `app`. A token says who has issued it; that only chooses whose rules and keys hold for it. The
 * library makes one verifier for each key that a source finds, and keeps it.
 */
export async function registerJwt(
  app: FastifyInstance,
  issuers: readonly TrustedIssuer[],
  failuresOf: FailureLimitOf = () => null,
): Promise<VerifyToken> {
  const verifySignature = await registerLibrary(app)
  const byName = new Map<unknown, TrustedIssuer>(issuers.map((issuer) => [issuer.rules.issuer, issuer]))
  const verified = new VerifiedTokens()
  const refusedSignatures = new RefusedSignatures()
  return async (request, { text, digest }, check = refusedToken) => {
    const known = verified.get(digest)
    const token = known ?? unverifiedToken(text)
    if (token === null) throw new TokenRefused('malformed')
    const issuer = byName.get(token.claims.iss)
    if (issuer === undefined) throw new TokenRefused('iss')
    const { rules, keys } = issuer
    const epochMs = Date.now()
    const refused = check(token, rules, epochMs)
    if (refused !== null) throw new TokenRefused(refused, secondsOff(refused, token.claims, rules, epochMs))
    const pems = await keysFor(keys, token.header)
    if (known === undefined || !pems.includes(known.pem)) {
      verified.forget(digest)
      if (refusedSignatures.has(digest, pems)) throw new TokenRefused('signature')
      const address = clientAddress(request)
      const failures = failuresOf(request)
      if (failures?.hasRoom('failures-address', address) === false) throw new TooManyRequests()
      const pem = await signerOf(request, verifySignature, { text, header: token.header }, pems).catch(
        (error: unknown) => {
          if (error instanceof TokenRefused) {
            refusedSignatures.keep(digest, pems)
            failures?.take('failures-address', address)
          }
          throw error
        },
      )
      const lifeMs = Number(token.claims.exp) * 1000 + rules.toleranceMs - Date.now()
      verified.keep(digest, text.length, { ...token, pem }, lifeMs)
    }
    return { claims: token.claims, rules }
  }
}

/**
 * The public keys that the header names: one, or two of the same name and algorithm. This is the algorithm pin. The
 * library has one list of algorithms for all keys. So a header whose algorithm is not its key's own is refused here,
 * before its signature is checked.
 */
async function keysFor(keys: KeySource, header: UnverifiedToken['header']): Promise<readonly string[]> {
  const choice = await keys.find(header)
  if ('refused' in choice) throw new TokenRefused(choice.refused)
  return [choice.key.pem, ...(choice.twin === undefined ? [] : [choice.twin.pem])]
}

interface SignedToken {
  readonly text: string
  readonly header: UnverifiedToken['header']
}

/** The one of the keys that has signed the token. Rejects with TokenRefused if none has. */
async function signerOf(
  request: FastifyRequest,
  verifySignature: VerifySignature,
  { text, header }: SignedToken,
  [pem, ...others]: readonly string[],
): Promise<string> {
  if (pem === undefined) throw new TokenRefused('signature')
  try {
    if (isCurveName(header.alg)) requireCurveSignature({ text, pem })
    else await verifySignature(request, { text, pem })
    return pem
  } catch (error) {
    if (!(error instanceof TokenRefused) || others.length === 0) throw error
    return signerOf(request, verifySignature, { text, header }, others)
  }
}

/** RFC 9864 calls EdDSA by its curve, which the library does not know. The key has been found to be of that curve. */
function requireCurveSignature({ text, pem }: TokenToRead): void {
  const dot = text.lastIndexOf('.')
  const signature = Buffer.from(text.slice(dot + 1), 'base64url')
  if (!verify(null, Buffer.from(text.slice(0, dot)), pem, signature)) throw new TokenRefused('signature')
}

/** Registers the library in this scope, under a name that no scope around it uses. */
async function registerLibrary(app: FastifyInstance): Promise<VerifySignature> {
  const namespace = unusedNamespace(app)
  const tokens: TokensToRead = new WeakMap()
  await withOwnJwt(app, () => app.register(fastifyJwt, jwtOptions(namespace, tokens)))
  const method = `${namespace}JwtVerify`
  return async (request, token) => {
    // The library has decorated the request with it.
    const { [method]: verifyJwt } = request as unknown as Record<string, () => Promise<unknown>>
    if (verifyJwt === undefined) throw new TokenRefused('signature')
    tokens.set(request, token)
    try {
      await verifyJwt.call(request)
    } catch (error) {
      throw refusalOf(error)
    } finally {
      tokens.delete(request)
    }
  }
}

/** A scope around this one may have this plugin, too. The library ends the process over a name that is taken. */
function unusedNamespace(app: FastifyInstance): string {
  for (let count = 2, name = NAMESPACE; ; name = `${NAMESPACE}${count++}`) {
    const taken = ['Claims', 'JwtVerify', 'JwtDecode'].some((end) => app.hasRequestDecorator(name + end))
    if (!taken && !app.hasReplyDecorator(`${name}JwtSign`)) return name
  }
}

/**
 * The library writes its namespace into `app.jwt`, or makes that. Nothing of ours reads it there. So the scope has an
 * `app.jwt` of ours only while the library is registered: a host's own, whether it is inherited, is not @fastify/jwt's
 * or comes later, is not touched. Over one that is taken or cannot be written the library would end the process.
 */
async function withOwnJwt(app: FastifyInstance, register: () => PromiseLike<unknown>): Promise<void> {
  const hosts = Object.getOwnPropertyDescriptor(app, 'jwt')
  Object.defineProperty(app, 'jwt', { value: {}, configurable: true })
  try {
    await register()
  } finally {
    if (hosts === undefined) Reflect.deleteProperty(app, 'jwt')
    else Object.defineProperty(app, 'jwt', hosts)
  }
}

function jwtOptions(namespace: string, tokens: TokensToRead): FastifyJWTOptions {
  const pemOf = async (request: FastifyRequest): Promise<string> => {
    const token = tokens.get(request)
    if (token === undefined) throw new TokenRefused('key')
    return token.pem
  }
  return {
    namespace,
    decoratorName: `${namespace}Claims`,
    secret: { public: pemOf },
    verify: {
      extractToken: (request) => tokens.get(request as FastifyRequest)?.text,
      algorithms: [...ALGORITHMS],
      // Rules differ by issuer, and the library has one set. So claims are checked by src/token/token-rules.ts alone.
      ignoreExpiration: true,
      ignoreNotBefore: true,
    },
  }
}

/** The library's message quotes nothing of the token, and is read for the one check that is left to it. */
function refusalOf(error: unknown): TokenRefused {
  if (error instanceof TokenRefused) return error
  return new TokenRefused(/signature|unsigned/i.test(errorWords(error)) ? 'signature' : 'malformed')
}
