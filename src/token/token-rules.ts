// Which tokens of an issuer are accepted: all checks but that of the signature. Pure. Promise: a refusal is one word
// for the log, and holds nothing of the token.

import { type ClaimName, namedClaim } from './claim-path.ts'
import { type Claims, clientOf, EXPIRY_SECONDS_MAX, type SessionRules, sessionIdOf } from './claims.ts'
import type { RefusedCheck } from './refused-check.ts'
import { ISSUE_AHEAD_MS_MAX, NAME_CHARACTERS_MAX } from './revocation.ts'
import type { UnverifiedToken } from './unverified-token.ts'

/** What an issuer's tokens must say. */
export interface TokenRules extends SessionRules {
  /** `iss`, character by character. */
  readonly issuer: string
  /** Of a token with an audience, one must be among these. */
  readonly audiences: ReadonlySet<string>
  /** A token without an audience must be one of these clients'. */
  readonly clients: ReadonlySet<string>
  /** `typ` that the header must have; null for any that an access token may have. */
  readonly typ: string | null
  readonly required: readonly RequiredClaim[]
  /** How long a token may live, from its `iat` to its `exp`; null for no limit. */
  readonly lifetimeMsMax: number | null
  /** Whether a token must have `iat`: how long one without it was made for cannot be told. */
  readonly isIatRequired: boolean
}

export interface RequiredClaim {
  readonly claim: ClaimName
  /** The claim's text, the digits of an integer, `true` or `false`, or that of an element of a list. */
  readonly value: string
}

/** Tokens are often issued by a clock that is a little ahead of ours, and `iat` and `nbf` are that clock's "now". */
export const START_TOLERANCE_MS_MIN = 5_000

const LONE_SURROGATE = /\p{Surrogate}/u

/** Tokens that say something else than "the bearer may" (OIDC Back-Channel Logout, RFC 8417, RFC 9449). */
export const NOT_BEARER_TYPES: ReadonlySet<string> = new Set(['logout+jwt', 'secevent+jwt', 'dpop+jwt'])

/** What makes an access token unacceptable before its signature is looked at; null if nothing does. */
export function refusedToken(
  token: UnverifiedToken,
  rules: TokenRules,
  epochMs: number,
): RefusedCheck | null {
  return refusedHeader(token.header, rules.typ) ?? refusedClaim(token.claims, rules, epochMs)
}

/**
 * The media type in a header (RFC 7515 section 4.1.9), in small letters and without `application/`; null for none,
 * undefined for one that is no text.
 */
export function tokenType({ typ = null }: UnverifiedToken['header']): string | null | undefined {
  if (typ === null) return null
  if (typeof typ !== 'string') return undefined
  const [type = ''] = typ.toLowerCase().split(';')
  return type.trim().replace(/^application\//, '')
}

/**
 * By how many seconds a token's time was off, for a refusal of one of its times: since when it has expired, how long
 * until it begins, by how much it lives too long. null for another refusal, and for a time that is no number.
 */
export function secondsOff(
  check: RefusedCheck,
  claims: Claims,
  rules: TokenRules,
  epochMs: number,
): number | null {
  const { exp, nbf, iat } = claims
  const offMs = new Map<RefusedCheck, number>([
    ['expired', epochMs - Number(exp) * 1000],
    ['nbf', Number(nbf) * 1000 - epochMs],
    ['iat', Number(iat) * 1000 - epochMs],
    ['lifetime', lifetimeMs(Number(exp), iat, epochMs) - (rules.lifetimeMsMax ?? 0)],
  ]).get(check)
  return offMs === undefined || !Number.isFinite(offMs) ? null : Math.round(offMs / 100) / 10
}

function refusedHeader(header: UnverifiedToken['header'], typ: string | null): RefusedCheck | null {
  // Lists extensions that a verifier must know (RFC 7515 section 4.1.11), and this server knows none.
  if (Object.hasOwn(header, 'crit')) return 'crit'
  const type = tokenType(header)
  if (type === undefined || NOT_BEARER_TYPES.has(type ?? '')) return 'typ'
  return typ === null || type === tokenType({ typ }) ? null : 'typ'
}

/** The claim that makes the token unacceptable, or what is wrong with it; null if none does. */
export function refusedClaim(claims: Claims, rules: TokenRules, epochMs: number): RefusedCheck | null {
  return (
    refusedTime(claims, rules, epochMs) ??
    refusedAudience(claims, rules) ??
    refusedPurpose(claims) ??
    refusedRequirement(claims, rules)
  )
}

function refusedTime(claims: Claims, rules: TokenRules, epochMs: number): RefusedCheck | null {
  const { exp, nbf, iat } = claims
  const { toleranceMs, lifetimeMsMax, isIatRequired } = rules
  if (typeof exp !== 'number' || exp > EXPIRY_SECONDS_MAX) return 'exp'
  // RFC 7519 section 4.1.4: not accepted "on or after" exp.
  if (epochMs >= exp * 1000 + toleranceMs) return 'expired'
  if (lifetimeMsMax !== null && lifetimeMs(exp, iat, epochMs) > lifetimeMsMax) return 'lifetime'
  if (isIatRequired && iat === undefined) return 'iat'
  const startToleranceMs = Math.max(toleranceMs, START_TOLERANCE_MS_MIN)
  if (!hasCome(nbf, epochMs + startToleranceMs)) return 'nbf'
  return hasCome(iat, epochMs + Math.min(startToleranceMs, ISSUE_AHEAD_MS_MAX)) ? null : 'iat'
}

/**
 * Counted from the issue, so that no token outlives a revocation, which is remembered for so long. A token without
 * `iat` counts as issued now, so that one that was made for longer is good for the end of its life.
 */
function lifetimeMs(exp: number, iat: unknown, epochMs: number): number {
  const issuedMs = typeof iat === 'number' ? Math.min(iat * 1000, epochMs) : epochMs
  return exp * 1000 - issuedMs
}

/** Whether a moment that a token names, if it does, is not after `latestMs`. */
function hasCome(seconds: unknown, latestMs: number): boolean {
  return seconds === undefined || (typeof seconds === 'number' && seconds * 1000 <= latestMs)
}

/** An audience of the token's own counts, even where clients are listed: such a token is for others. */
function refusedAudience(claims: Claims, { audiences, clients }: TokenRules): RefusedCheck | null {
  const { aud } = claims
  if (aud === undefined || aud === null || aud === '' || (Array.isArray(aud) && aud.length === 0)) {
    if (clients.size === 0) return 'aud'
    return clients.has(clientOf(claims) ?? '') ? null : 'client'
  }
  const named: unknown[] = Array.isArray(aud) ? aud : [aud]
  const isOurs = named.some((name) => typeof name === 'string' && audiences.has(name))
  return isOurs && named.every((name) => typeof name === 'string') ? null : 'aud'
}

function refusedPurpose(claims: Claims): RefusedCheck | null {
  const name = refusedName(claims)
  if (name !== null) return name
  // Bound to a key of the client (RFC 7800), which a bearer does not show.
  if (Object.hasOwn(claims, 'cnf')) return 'cnf'
  // A security event (RFC 8417), such as a logout.
  return Object.hasOwn(claims, 'events') ? 'events' : null
}

/** A token is refused by a name of its own that no revocation can have: it could not be taken back. */
function refusedName(claims: Claims): RefusedCheck | null {
  const { sub, jti } = claims
  if (typeof (sub ?? '') !== 'string') return 'sub'
  const names = { sub, sid: sessionIdOf(claims), jti, client: clientOf(claims) }
  const isBad = (name: keyof typeof names) => typeof names[name] === 'string' && !isRevocable(names[name])
  return (['sub', 'sid', 'jti', 'client'] as const).find(isBad) ?? null
}

/** Half of a surrogate pair has no bytes of its own, so that two names could not be told apart. */
function isRevocable(name: string): boolean {
  return name.length <= NAME_CHARACTERS_MAX && !LONE_SURROGATE.test(name)
}

function refusedRequirement(claims: Claims, { required }: TokenRules): RefusedCheck | null {
  const isMet = ({ claim, value }: RequiredClaim): boolean => {
    const found = namedClaim(claims, claim)
    const elements: unknown[] = Array.isArray(found) ? found : [found]
    return elements.some((element) => textOfClaim(element) === value)
  }
  return required.every(isMet) ? null : 'required claim'
}

function textOfClaim(value: unknown): string | null {
  if (typeof value === 'string') return value
  return typeof value === 'boolean' || Number.isSafeInteger(value) ? String(value) : null
}
