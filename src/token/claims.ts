// Makes a session of verified claims. Promise: a session's end is the token's own `exp`, moved by the tolerance for
// clocks that differ, and a date that `Date` can represent.

import { type ClaimName, namedClaim } from './claim-path.ts'
import type { Session } from './session.ts'

export type Claims = Readonly<Record<string, unknown>>

/** The largest `exp` that is accepted: the last second of the year 9999. Libraries accept 1e300. */
export const EXPIRY_SECONDS_MAX = 253_402_300_799

/** How an issuer's claims become a session. */
export interface SessionRules {
  /** Claims that hold scopes. All of them are read. */
  readonly scopeClaims: readonly ClaimName[]
  /** How far clocks may differ. A session ends so much later than `exp`. */
  readonly toleranceMs: number
}

/** The session of claims that the rules of a token (src/token/token-rules.ts) accept. An empty `sub` counts as none. */
export function sessionOf(claims: Claims, rules: SessionRules, tokenDigest: string): Session {
  return {
    issuer: String(claims.iss),
    subject: textOf(claims.sub),
    scopes: new Set(rules.scopeClaims.flatMap((name) => scopesOf(namedClaim(claims, name)))),
    expiresAtMs: Math.floor(Number(claims.exp) * 1000 + rules.toleranceMs),
    issuedAtMs: issuedAtMs(claims.iat),
    sessionId: sessionIdOf(claims),
    client: clientOf(claims),
    tokenId: textOf(claims.jti),
    tokenDigest,
    claims,
  }
}

/** The provider's session with the user; null if none of its claims names one. */
export function sessionIdOf({ sid, session_id }: Claims): string | null {
  return textOf(sid) ?? textOf(session_id)
}

/** The application that a token was issued to; null if none of its claims names one. */
export function clientOf({ azp, client_id, appid, cid }: Claims): string | null {
  return textOf(azp) ?? textOf(client_id) ?? textOf(appid) ?? textOf(cid)
}

/**
 * Whether the session grants every scope of the space-separated list; null requires none. Throws a TypeError for a list
 * of none: a setting of a host that is missing would let every token in.
 */
export function grantsScope(session: Session, scope: string | null): boolean {
  if (scope === null) return true
  const names = scopesOf(scope)
  if (typeof scope !== 'string' || names.length === 0)
    throw new TypeError('the scope that is asked for is a text that is not empty, or null for any token')
  return names.every((name) => session.scopes.has(name))
}

/** An empty text counts as none. */
function textOf(claim: unknown): string | null {
  return typeof claim === 'string' && claim !== '' ? claim : null
}

/** null also for what is no time, so that a revocation refuses the token as one without `iat`. */
function issuedAtMs(iat: unknown): number | null {
  const isTime = typeof iat === 'number' && iat >= 0 && iat <= EXPIRY_SECONDS_MAX
  return isTime ? Math.floor(iat * 1000) : null
}

/** Space-separated (RFC 8693 section 4.2), or an array, as some providers write it. */
function scopesOf(claim: unknown): string[] {
  if (typeof claim === 'string') return claim.split(' ').filter((name) => name !== '')
  if (Array.isArray(claim)) return claim.filter((name) => typeof name === 'string')
  return []
}
