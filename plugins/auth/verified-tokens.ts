// Tokens whose signature was verified, so that the same token is not verified again for each request. Promise: bounded;
// an entry counts only for the key that verified it, and for the rest of the token's life by a monotonic clock.

import type { UnverifiedToken } from '../../src/token/unverified-token.ts'

/** What is kept of a token; never the token itself. */
export interface Verified extends UnverifiedToken {
  /** The public key that verified it. */
  readonly pem: string
}

/** Most tokens that are kept. Beyond this the oldest is dropped. */
const TOKENS_MAX = 10_000
/** Longer tokens are verified each time. */
const CHARACTERS_MAX = 8192

export class VerifiedTokens {
  private readonly byDigest = new Map<string, { verified: Verified; untilMs: number }>()
  private readonly tokensMax: number
  private readonly now: () => number

  /** `now`: a monotonic clock, in ms. */
  constructor(tokensMax = TOKENS_MAX, now: () => number = () => performance.now()) {
    this.tokensMax = tokensMax
    this.now = now
  }

  get size(): number {
    return this.byDigest.size
  }

  /** `digest`: SHA-256 of the canonical token. */
  get(digest: string): Verified | undefined {
    const kept = this.byDigest.get(digest)
    return kept !== undefined && this.now() < kept.untilMs ? kept.verified : undefined
  }

  /** `characters`: length of the token, which bounds the size of its claims. `lifeMs`: time until it expires. */
  keep(digest: string, characters: number, verified: Verified, lifeMs: number): void {
    if (characters > CHARACTERS_MAX) return
    this.byDigest.set(digest, { verified, untilMs: this.now() + lifeMs })
    if (this.byDigest.size <= this.tokensMax) return
    for (const oldest of this.byDigest.keys()) {
      this.byDigest.delete(oldest)
      break
    }
  }

  forget(digest: string): void {
    this.byDigest.delete(digest)
  }
}
