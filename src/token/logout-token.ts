// Logout tokens, by which a provider says that a user's session is over (OpenID Connect Back-Channel Logout 1.0): all
// checks but that of the signature, and the revocation that such a token means. Pure.

import type { Claims } from './claims.ts'
import { EXPIRY_SECONDS_MAX } from './claims.ts'
import type { RefusedCheck } from './refused-check.ts'
import { NAME_CHARACTERS_MAX, type Revocation, revokedUntilMs } from './revocation.ts'
import { type TokenRules, tokenType } from './token-rules.ts'
import type { UnverifiedToken } from './unverified-token.ts'

/** How long before or after its `iat` a logout token counts. */
export const LOGOUT_AGE_MS_MAX = 120_000

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
/** `JWT` and none are what providers send that are older than the type of its own. */
const TYPES: ReadonlySet<unknown> = new Set(['logout+jwt', 'jwt', null])

/** What makes a logout token unacceptable, in a word for the log; null if nothing does (section 2.6 there). */
export function refusedLogout(
  { header, claims }: UnverifiedToken,
  rules: TokenRules,
  epochMs: number,
): RefusedCheck | null {
  if (Object.hasOwn(header, 'crit')) return 'crit'
  if (!TYPES.has(tokenType(header))) return 'typ'
  if (!isForUs(claims.aud, rules)) return 'aud'
  const { events } = claims
  if (!isObject(events) || !Object.hasOwn(events, EVENT) || !isObject(events[EVENT])) return 'events'
  // An ID token has one, and must not pass for a logout token.
  if (Object.hasOwn(claims, 'nonce')) return 'nonce'
  if (nameOf(claims) === null) return 'sub or sid'
  return isName(claims.jti) ? refusedTimes(claims, rules, epochMs) : 'jti'
}

/** What a token means that `refusedLogout` accepts. */
export function logoutRevocation(claims: Claims, { issuer, lifetimeMsMax }: TokenRules): Revocation {
  const on = nameOf(claims)
  if (on === null || !isName(claims.jti)) throw new Error('the logout token was not checked')
  const beforeMs = Math.floor(Number(claims.iat) * 1000)
  const untilMs = revokedUntilMs(beforeMs, lifetimeMsMax ?? Number.POSITIVE_INFINITY)
  return { issuer, on, beforeMs, untilMs, jti: claims.jti, reason: 'logout' }
}

/** Its session, if it names one: other sessions of its subject go on. */
function nameOf({ sid, sub }: Claims): { readonly sid: string } | { readonly sub: string } | null {
  if (sid !== undefined) return isName(sid) && (sub === undefined || typeof sub === 'string') ? { sid } : null
  return isName(sub) ? { sub } : null
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= NAME_CHARACTERS_MAX
}

/** The audience is the client's id, which some providers also put into access tokens as their audience. */
function isForUs(aud: unknown, { audiences, clients }: TokenRules): boolean {
  const named: unknown[] = Array.isArray(aud) ? aud : [aud]
  return named.some((name) => typeof name === 'string' && (audiences.has(name) || clients.has(name)))
}

function refusedTimes(
  { iat, exp }: Claims,
  { toleranceMs }: TokenRules,
  epochMs: number,
): RefusedCheck | null {
  if (typeof iat !== 'number' || !(Math.abs(epochMs - iat * 1000) <= LOGOUT_AGE_MS_MAX)) return 'iat'
  if (typeof exp !== 'number' || exp > EXPIRY_SECONDS_MAX) return 'exp'
  return epochMs >= exp * 1000 + toleranceMs ? 'expired' : null
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
