// The tickets that were redeemed in this process, so that each opens one stream. Promise: a nonce is kept until its
// ticket has expired, and at most REDEEMED_MAX are kept: beyond that no ticket is redeemed, and none is forgotten.

import type { RedeemTicket } from './tickets.ts'

/** With tickets of 30 s, as many as 6,666 a second. */
export const REDEEMED_MAX = 200_000

export class RedeemedTickets {
  /** When each nonce's ticket expires, in the order of redemption. Tickets live for 30 s, so the first expire first. */
  private readonly expiriesMs = new Map<string, number>()
  private readonly epochMs: () => number
  private readonly max: number

  constructor(epochMs: () => number, max = REDEEMED_MAX) {
    this.epochMs = epochMs
    this.max = max
  }

  get size(): number {
    return this.expiriesMs.size
  }

  /** Resolves with true for the first redemption of the nonce. Rejects if there is no room for one more. */
  readonly redeem: RedeemTicket = async (nonce, expiresAtMs) => {
    this.dropExpired()
    if (this.expiriesMs.has(nonce)) return false
    if (this.expiriesMs.size >= this.max)
      throw new Error(`${this.max} tickets were redeemed and have not expired`)
    this.expiriesMs.set(nonce, expiresAtMs)
    return true
  }

  private dropExpired(): void {
    const nowMs = this.epochMs()
    for (const [nonce, expiresAtMs] of this.expiriesMs) {
      if (expiresAtMs > nowMs) return
      this.expiriesMs.delete(nonce)
    }
  }
}
