// Makes a session of verified claims, after the checks that JWT libraries leave out. Promise: a session's end is the
// token's own `exp`, and a date that `Date` can represent.

import type { Session } from './session.ts'

export type Claims = Readonly<Record<string, unknown>>

/** The largest `exp` that is accepted: the last second of the year 9999. Libraries accept 1e300. */
export const EXPIRY_SECONDS_MAX = 253_402_300_799

/** The claim that makes the token unacceptable; null if none does. `toleranceMs` allows for clocks that differ. */
export function refusedClaim(claims: Claims, nowMs: number, toleranceMs: number): string | null {
  const { exp, sub } = claims
  if (typeof exp !== 'number' || !(exp >= 0 && exp <= EXPIRY_SECONDS_MAX)) return 'exp'
  // RFC 7519 section 4.1.4: not accepted "on or after" exp. The library accepts the instant itself.
  if (nowMs >= exp * 1000 + toleranceMs) return 'expired'
  if (sub !== undefined && sub !== null && typeof sub !== 'string') return 'sub'
  return null
}

/** The session of claims that `refusedClaim` accepts. An empty `sub` counts as none. */
export function sessionOf(claims: Claims, scopeClaim: string, tokenDigest: string): Session {
  return {
    issuer: String(claims.iss),
    subject: textOf(claims.sub),
    scopes: new Set(scopesOf(claims[scopeClaim])),
    expiresAtMs: Math.floor(Number(claims.exp) * 1000),
    issuedAtMs: issuedAtMs(claims.iat),
    sessionId: textOf(claims.sid),
    client: clientOf(claims),
    tokenId: textOf(claims.jti),
    tokenDigest,
    claims,
  }
}

/** The application that a token was issued to; null if none of its claims names one. */
export function clientOf({ azp, client_id, appid }: Claims): string | null {
  return textOf(azp) ?? textOf(client_id) ?? textOf(appid)
}

/** Whether the session grants every scope of the space-separated list; null requires none. */
export function grantsScope(session: Session, scope: string | null): boolean {
  return scope === null || scopesOf(scope).every((name) => session.scopes.has(name))
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
