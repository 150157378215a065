// Tokens whose signature was found bad, so that a client that sends the same token again costs no further verification.
// Promise: bounded; an entry counts only for the keys that the token was verified with, so that a new key is tried.

/** Most tokens that are kept. Beyond this the oldest is dropped. */
const TOKENS_MAX = 10_000

export class RefusedSignatures {
  /** The keys by the digest of the token. */
  private readonly byDigest = new Map<string, readonly string[]>()
  private readonly tokensMax: number

  constructor(tokensMax = TOKENS_MAX) {
    this.tokensMax = tokensMax
  }

  get size(): number {
    return this.byDigest.size
  }

  /** `digest`: SHA-256 of the canonical token. */
  has(digest: string, pems: readonly string[]): boolean {
    const known = this.byDigest.get(digest)
    return known !== undefined && pems.every((pem) => known.includes(pem))
  }

  keep(digest: string, pems: readonly string[]): void {
    this.byDigest.set(digest, pems)
    if (this.byDigest.size <= this.tokensMax) return
    for (const oldest of this.byDigest.keys()) {
      this.byDigest.delete(oldest)
      break
    }
  }
}
