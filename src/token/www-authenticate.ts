// The `WWW-Authenticate` headers of refused requests (RFC 6750 section 3). They say no more than the RFC asks for.

export const BEARER_REALM = 'kafka-sse'

/** For a request without a token: no error code (RFC 6750 section 3.1, last paragraph). */
export function missingTokenChallenge(): string {
  return `Bearer realm="${BEARER_REALM}"`
}

/** For a token that does not verify. Only the log says which check failed. */
export function invalidTokenChallenge(): string {
  return `Bearer realm="${BEARER_REALM}", error="invalid_token"`
}

/** For a valid token that does not grant `scope`. */
export function insufficientScopeChallenge(scope: string): string {
  return `Bearer realm="${BEARER_REALM}", error="insufficient_scope", scope="${scopeText(scope)}"`
}

/** Keeps the scope characters of RFC 6749 section 3.3. Others could end the quoted string or the header line. */
function scopeText(scope: string): string {
  return scope.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '')
}
