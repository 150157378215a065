// RFC 6750 section 3: what a refused request is told in `WWW-Authenticate`, and nothing more than that.

export const BEARER_REALM = 'kafka-sse'

/** No token came: the challenge alone, without an error (RFC 6750 section 3.1, last paragraph). */
export function missingTokenChallenge(): string {
  return `Bearer realm="${BEARER_REALM}"`
}

/** A token came and does not verify. Which check failed is for the log only. */
export function invalidTokenChallenge(): string {
  return `Bearer realm="${BEARER_REALM}", error="invalid_token"`
}

/** The token is good but does not grant `scope`. */
export function insufficientScopeChallenge(scope: string): string {
  return `Bearer realm="${BEARER_REALM}", error="insufficient_scope", scope="${scopeText(scope)}"`
}

/** Scope characters of RFC 6749 section 3.3; others could end the quoted string or the header line. */
function scopeText(scope: string): string {
  return scope.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '')
}
