// Tickets between servers whose clocks differ.

import { describe, expect, it } from 'vitest'
import { SealedTickets } from '../../../src/tickets/sealed-tickets.ts'
import { TICKET_MS, Tickets } from '../../../src/tickets/tickets.ts'
import type { Session } from '../../../src/token/session.ts'

const NOW_MS = 1_800_000_000_000
const HOUR_MS = 3_600_000
const PLACE = { stream: '/events', headers: {} }
const PAGE = { origin: null, isOwn: false }
const session: Session = {
  issuer: 'https://auth.example.com',
  subject: 'alice',
  sessionId: null,
  client: null,
  tokenId: null,
  scopes: new Set(['proxy:stream']),
  expiresAtMs: NOW_MS + 24 * HOUR_MS,
  issuedAtMs: NOW_MS,
  tokenDigest: 'digest',
  claims: {},
}

describe('A ticket of a server whose clock is ahead', () => {
  const redeemed: string[] = []

  function serverAt(epochMs: number): Tickets {
    const sealed = new SealedTickets([Buffer.alloc(32, 1)])
    const redeem = async (nonce: string) => redeemed.push(nonce) > 0
    return new Tickets({ sealed, redeem, epochMs: () => epochMs })
  }

  const ticketOf = (aheadMs: number) => serverAt(NOW_MS + aheadMs).issue(session, PAGE, '/events')?.text ?? ''

  it('is good for a minute more at the most, and is not spent where it is refused', async () => {
    expect(await serverAt(NOW_MS).redeem(ticketOf(60_001), PLACE)).toBe('ahead')
    expect(await serverAt(NOW_MS).redeem(ticketOf(HOUR_MS), PLACE)).toBe('ahead')
    expect(redeemed).toEqual([])
    expect(await serverAt(NOW_MS).redeem(ticketOf(60_000), PLACE)).toMatchObject({ subject: 'alice' })
  })

  it('is good where it was made, and expires there after its time', async () => {
    expect(await serverAt(NOW_MS + HOUR_MS).redeem(ticketOf(HOUR_MS), PLACE)).toMatchObject({
      subject: 'alice',
    })
    expect(await serverAt(NOW_MS + HOUR_MS + TICKET_MS).redeem(ticketOf(HOUR_MS), PLACE)).toBe('expired')
  })
})
