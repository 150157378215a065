// Tokens whose signature was found good, so that a client that comes back with the same one costs no second
// look. Promise: bounded, and good only for as long as the key that it was found good by, and as the token had to live then, by a
// clock that nobody sets.

import type { Claims } from '../../src/token/claims.ts'
import type { KeyHeader } from './keys/key-set.ts'

/** What is known of a token; never the token itself. */
export interface Verified {
  readonly claims: Claims
  readonly header: KeyHeader
  /** Of the public key that it was verified with. */
  readonly pem: string
}

/** The oldest goes first. */
const TOKENS_MAX = 10_000
/** Longer tokens are verified each time. */
const CHARACTERS_MAX = 8192

export class VerifiedTokens {
  private readonly byDigest = new Map<string, { verified: Verified; untilMs: number }>()
  private readonly tokensMax: number
  private readonly now: () => number

  /** `now`: a clock that never goes back. */
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

  /** `characters`: length of the token, which bounds that of its claims. `lifeMs`: how long it had to live, as it was verified. */
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
