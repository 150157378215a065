// The tickets that were redeemed in this process, so that each opens one stream. Promise: a nonce is kept until its
// ticket has expired by the wall clock and by a monotonic one, so no ticket counts again after the wall clock was set
// forward and back. At most REDEEMED_MAX are kept: beyond that no ticket is redeemed, and none is forgotten.

import type { RedeemTicket } from './tickets.ts'

/** With tickets of 30 s, as many as 6,666 a second. */
export const REDEEMED_MAX = 200_000

/** When a ticket expires, by either clock. */
interface Expiry {
  readonly epochMs: number
  readonly monotonicMs: number
}

export class RedeemedTickets {
  /** By nonce, in the order of redemption. Tickets live for 30 s, so the first expire first. */
  private readonly expiries = new Map<string, Expiry>()
  private readonly epochMs: () => number
  private readonly max: number
  private readonly monotonicMs: () => number

  constructor(epochMs: () => number, max = REDEEMED_MAX, monotonicMs = () => performance.now()) {
    this.epochMs = epochMs
    this.max = max
    this.monotonicMs = monotonicMs
  }

  get size(): number {
    return this.expiries.size
  }

  /** Resolves with true for the first redemption of the nonce. Rejects if there is no room for one more. */
  readonly redeem: RedeemTicket = async (nonce, expiresAtMs) => {
    this.dropExpired()
    if (this.expiries.has(nonce)) return false
    if (this.expiries.size >= this.max)
      throw new Error(`${this.max} tickets were redeemed and have not expired`)
    const leftMs = expiresAtMs - this.epochMs()
    this.expiries.set(nonce, { epochMs: expiresAtMs, monotonicMs: this.monotonicMs() + leftMs })
    return true
  }

  private dropExpired(): void {
    const now: Expiry = { epochMs: this.epochMs(), monotonicMs: this.monotonicMs() }
    for (const [nonce, expiry] of this.expiries) {
      if (expiry.epochMs > now.epochMs || expiry.monotonicMs > now.monotonicMs) return
      this.expiries.delete(nonce)
    }
  }
}
