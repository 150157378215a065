// Which tickets were redeemed: each once, kept until it expires, and no more than there is room for.

import { describe, expect, it } from 'vitest'
import { RedeemedTickets } from '../../../src/tickets/redeemed-tickets.ts'

describe('redeemed tickets', () => {
  it('are redeemed once, also at the same moment', async () => {
    const { redeem } = new RedeemedTickets(() => 0)
    expect(await Promise.all(['a', 'a', 'b', 'a'].map((nonce) => redeem(nonce, 30_000)))).toEqual([
      true,
      false,
      true,
      false,
    ])
  })

  it('are kept until they have expired, and no longer', async () => {
    let nowMs = 0
    const tickets = new RedeemedTickets(() => nowMs)
    await tickets.redeem('a', 1000)
    nowMs = 999
    expect(await tickets.redeem('a', 1000)).toBe(false)
    nowMs = 1000
    await tickets.redeem('b', 2000)
    expect(tickets.size).toBe(1)
  })

  it('are limited: one more is not redeemed until there is room, and none is forgotten', async () => {
    let nowMs = 0
    const tickets = new RedeemedTickets(() => nowMs, 2)
    expect(await tickets.redeem('a', 1000)).toBe(true)
    expect(await tickets.redeem('b', 2000)).toBe(true)
    await expect(tickets.redeem('c', 3000)).rejects.toThrow('2 tickets')
    expect(await tickets.redeem('a', 1000)).toBe(false)
    nowMs = 1000
    expect(await tickets.redeem('c', 3000)).toBe(true)
    expect(await tickets.redeem('b', 2000)).toBe(false)
  })
})
