// From verified claims to a session: the checks that JWT libraries leave open, and what the claims grant.
// Promise: a session's end is a date that timers and Date can hold, and it is the token's own `exp`.

import type { Session } from './session.ts'

export type Claims = Readonly<Record<string, unknown>>

/** The last second of the year 9999, the largest `exp` that is taken: libraries let 1e300 pass. */
export const EXPIRY_SECONDS_MAX = 253_402_300_799

/** Which claim makes this token unacceptable, null if none does. `toleranceMs` is for clocks that disagree. */
export function refusedClaim(claims: Claims, nowMs: number, toleranceMs: number): string | null {
  const { exp, sub } = claims
  if (typeof exp !== 'number' || !(exp >= 0 && exp <= EXPIRY_SECONDS_MAX)) return 'exp'
  // RFC 7519 section 4.1.4: not accepted "on or after" exp. The library accepts the very instant.
  if (nowMs >= exp * 1000 + toleranceMs) return 'expired'
  if (sub !== undefined && sub !== null && typeof sub !== 'string') return 'sub'
  return null
}

/** The session of claims that `refusedClaim` has found nothing against. An empty `sub` names nobody. */
export function sessionOf(claims: Claims, scopeClaim: string, tokenDigest: string): Session {
  return {
    issuer: String(claims.iss),
    subject: typeof claims.sub === 'string' && claims.sub !== '' ? claims.sub : null,
    scopes: new Set(scopesOf(claims[scopeClaim])),
    expiresAtMs: Math.floor(Number(claims.exp) * 1000),
    tokenDigest,
    claims,
  }
}

/** Whether the session grants every scope of the space-separated list; null asks for none. */
export function grantsScope(session: Session, scope: string | null): boolean {
  return scope === null || scopesOf(scope).every((name) => session.scopes.has(name))
}

/** Space-separated (RFC 8693 section 4.2) or an array, as several providers write it. */
function scopesOf(claim: unknown): string[] {
  if (typeof claim === 'string') return claim.split(' ').filter((name) => name !== '')
  if (Array.isArray(claim)) return claim.filter((name) => typeof name === 'string')
  return []
}
