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
    const tickets = new RedeemedTickets(
      () => nowMs,
      10,
      () => nowMs,
    )
    await tickets.redeem('a', 1000)
    nowMs = 999
    expect(await tickets.redeem('a', 1000)).toBe(false)
    nowMs = 1000
    await tickets.redeem('b', 2000)
    expect(tickets.size).toBe(1)
  })

  it('stay redeemed if the wall clock is set forward and back', async () => {
    let [epochMs, monotonicMs] = [0, 0]
    const tickets = new RedeemedTickets(
      () => epochMs,
      10,
      () => monotonicMs,
    )
    await tickets.redeem('a', 1000)
    epochMs = 5000
    await tickets.redeem('b', 6000)
    epochMs = 500
    expect(await tickets.redeem('a', 1000)).toBe(false)
    monotonicMs = 1000
    epochMs = 1000
    await tickets.redeem('c', 2000)
    expect(await tickets.redeem('a', 1000)).toBe(true)
  })

  it('are limited: one more is not redeemed until there is room, and none is forgotten', async () => {
    let nowMs = 0
    const tickets = new RedeemedTickets(
      () => nowMs,
      2,
      () => nowMs,
    )
    expect(await tickets.redeem('a', 1000)).toBe(true)
    expect(await tickets.redeem('b', 2000)).toBe(true)
    await expect(tickets.redeem('c', 3000)).rejects.toThrow('2 tickets')
    expect(await tickets.redeem('a', 1000)).toBe(false)
    nowMs = 1000
    expect(await tickets.redeem('c', 3000)).toBe(true)
    expect(await tickets.redeem('b', 2000)).toBe(false)
  })
})
