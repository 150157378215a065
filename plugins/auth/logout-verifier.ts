// Verifies a logout token with its issuer's keys, as it is done for bearer tokens. Promise: the sender is not told why
// its token is refused; the log says which check failed.

import type { FastifyRequest } from 'fastify'
import { KeysUnavailable, LogoutRefused, TooManyRequests } from '../../src/errors.ts'
import type { RefusalWords } from '../../src/http/outcome-lines.ts'
import type { Authenticator } from '../../src/token/authenticator.ts'
import { logoutRevocation, refusedLogout } from '../../src/token/logout-token.ts'
import type { RefusedCheck } from '../../src/token/refused-check.ts'
import { canonicalToken, tokenDigest } from '../../src/token/request-token.ts'
import type { Revocation } from '../../src/token/revocation.ts'
import { TokenRefused, type VerifyToken } from './token-verifier.ts'

/** Counts a refusal, and tells it. */
export type Tell = (
  request: FastifyRequest,
  refusal: RefusalWords & { readonly check: RefusedCheck },
  words: string,
) => void

export function logoutVerifier(verify: VerifyToken, tell: Tell): NonNullable<Authenticator['logout']> {
  return async (request, text) => {
    try {
      return await revocationBy(verify, request, text)
    } catch (error) {
      const check = checkOf(error)
      if (check === null) throw error
      const offSeconds = error instanceof TokenRefused ? error.offSeconds : null
      tell(request, { check, ...(offSeconds !== null && { offSeconds }) }, 'logout token refused')
      throw new LogoutRefused()
    }
  }
}

async function revocationBy(verify: VerifyToken, request: FastifyRequest, text: string): Promise<Revocation> {
  const token = canonicalToken(text)
  if (token === null) throw new TokenRefused('spelling')
  const presented = { text: token, digest: tokenDigest(token) }
  const { claims, rules } = await verify(request, presented, refusedLogout)
  return logoutRevocation(claims, rules)
}

/** null for an error that says nothing of the token. */
function checkOf(error: unknown): RefusedCheck | null {
  if (error instanceof TokenRefused) return error.check
  if (error instanceof TooManyRequests) return 'too many failures'
  return error instanceof KeysUnavailable ? 'keys unavailable' : null
}
