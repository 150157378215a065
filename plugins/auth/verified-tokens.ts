// Tokens whose signature was found good, so that a client that comes back with the same one costs no second
// look. Promise: bounded, and good only for as long as the key that it was found good by.

import type { Claims } from '../../src/claims.ts'
import type { KeyHeader } from './key-set.ts'

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
  private readonly byDigest = new Map<string, Verified>()
  private readonly tokensMax: number

  constructor(tokensMax = TOKENS_MAX) {
    this.tokensMax = tokensMax
  }

  get size(): number {
    return this.byDigest.size
  }

  /** `digest`: SHA-256 of the canonical token. */
  get(digest: string): Verified | undefined {
    return this.byDigest.get(digest)
  }

  /** `characters`: length of the token, which bounds that of its claims. */
  keep(digest: string, characters: number, verified: Verified): void {
    if (characters > CHARACTERS_MAX) return
    this.byDigest.set(digest, verified)
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
