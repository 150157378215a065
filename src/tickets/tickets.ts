// Tickets: each opens one stream, once, within TICKET_MS, for the page that asked for it. A token in a URL opens any
// number of streams until it expires, and a page's EventSource can send none in a header. Promise: a ticket that is
// presented for another stream or by another page is not redeemed, so it stays good where it belongs.

import { type OriginHeaders, SAME_ORIGIN } from '../token/request-origin.ts'
import type { Session } from '../token/session.ts'
import type { SealedTickets, TicketOrigin } from './sealed-tickets.ts'

/** How long a ticket is good, unless its session ends before. */
export const TICKET_MS = 30_000

/**
 * How far the clock of the server that made a ticket may be ahead: as for the `iat` of a token. Beyond that its ticket
 * would be good here for longer than a ticket is.
 */
const AHEAD_MS_MAX = 60_000

/** true for the first redemption of this nonce. Rejects if that cannot be decided now. */
export type RedeemTicket = (nonce: string, expiresAtMs: number) => Promise<boolean>

export interface TicketsParts {
  readonly sealed: SealedTickets
  readonly redeem: RedeemTicket
  readonly epochMs: () => number
}

/** Where a ticket is asked for or presented: the stream, and the headers that name the page. */
export interface TicketPlace {
  /** The pattern of the stream's path with its parameters, in one text. */
  readonly stream: string
  readonly headers: OriginHeaders
}

export interface IssuedTicket {
  readonly text: string
  readonly expiresInSeconds: number
}

/** Why a ticket is refused, for the log alone. */
export type TicketCheck = 'unreadable' | 'stream' | 'origin' | 'expired' | 'ahead' | 'redeemed'

export class Tickets {
  private readonly sealed: SealedTickets
  private readonly redeemNonce: RedeemTicket
  private readonly epochMs: () => number

  constructor({ sealed, redeem, epochMs }: TicketsParts) {
    this.sealed = sealed
    this.redeemNonce = redeem
    this.epochMs = epochMs
  }

  /** The session should have no claims but those that are needed. null if it does not fit into a ticket. */
  issue(session: Session, page: TicketOrigin, stream: string): IssuedTicket | null {
    const nowMs = this.epochMs()
    const expiresAtMs = Math.min(nowMs + TICKET_MS, session.expiresAtMs)
    const text = this.sealed.seal({ session, stream, page, expiresAtMs })
    if (text === null) return null
    return { text, expiresInSeconds: Math.max(Math.floor((expiresAtMs - nowMs) / 1000), 0) }
  }

  /** The ticket's session, or why there is none. Rejects if nothing can tell now whether it was redeemed before. */
  async redeem(text: string, { stream, headers }: TicketPlace): Promise<Session | TicketCheck> {
    const ticket = this.sealed.open(text)
    if (ticket === null) return 'unreadable'
    if (ticket.stream !== stream) return 'stream'
    if (!isFromPage(ticket.page, headers)) return 'origin'
    const leftMs = ticket.expiresAtMs - this.epochMs()
    if (leftMs <= 0) return 'expired'
    if (leftMs > TICKET_MS + AHEAD_MS_MAX) return 'ahead'
    const isFirst = await this.redeemNonce(ticket.nonce, ticket.expiresAtMs)
    // The answer may have taken a while.
    if (ticket.expiresAtMs <= this.epochMs()) return 'expired'
    return isFirst ? ticket.session : 'redeemed'
  }
}

/** The page that asks for a ticket; null for one whose origin is opaque, because no two of these are the same. */
export function askingPage({ origin, 'sec-fetch-site': site }: OriginHeaders): TicketOrigin | null {
  if (origin === 'null') return null
  return { origin: origin ?? null, isOwn: site === SAME_ORIGIN }
}

/** Whether the page that presents a ticket is the one that asked for it. Its GET names its origin unless it is own. */
function isFromPage(page: TicketOrigin, { origin, 'sec-fetch-site': site }: OriginHeaders): boolean {
  if (origin !== undefined) return origin === page.origin
  if (page.origin !== null) return page.isOwn && site === SAME_ORIGIN
  return site === undefined || site === SAME_ORIGIN || site === 'none' // none: no page, but its user
}
