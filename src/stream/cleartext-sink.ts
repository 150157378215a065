// HTTP/2 without TLS. Node tells a write done when its stream is destroyed, while the connection's socket still refers to the first
// slices of it (over TLS those were copied). So what was on its way then is lent on, until the socket has certainly let go.

import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { Http2Sink, type Lent } from './sink.ts'

/** What ended streams may still have lent to one connection. A peer that acknowledges nothing loses the connection at this. */
export const LENT_BYTES_MAX = 16 * 1024 * 1024
/** What an entry counts at the least, so that their number is bounded, too. */
const ENTRY_BYTES = 1024

export class CleartextHttp2Sink extends Http2Sink {
  /** Not taken yet, in the order written. Kept, since Node forgets them, and what is collected may be written over. */
  private readonly untaken: Uint8Array[] = []
  private readonly lending: Lending

  constructor(stream: ServerHttp2Stream, session: ServerHttp2Session) {
    super(stream)
    this.lending = lendingOf(session)
  }

  override write(bytes: Uint8Array, taken: () => void): void {
    this.untaken.push(bytes)
    super.write(bytes, () => {
      if (this.isDestroyed) return
      this.untaken.shift()
      taken()
    })
  }

  override releaseUntaken(lent: Lent | null): void {
    // A slice of a segment is lent with it.
    for (const bytes of this.untaken.splice(0))
      if (bytes.buffer instanceof ArrayBuffer) this.lending.add(bytes)
    if (lent !== null) this.lending.add(lent)
    this.lending.settle()
  }
}

const lendings = new WeakMap<ServerHttp2Session, Lending>()

function lendingOf(session: ServerHttp2Session): Lending {
  const known = lendings.get(session)
  if (known !== undefined) return known
  const lending = new Lending(session)
  lendings.set(session, lending)
  return lending
}

/** What stands in a segment, or bytes that nobody changes: those need only be kept. */
type Loan = Lent | Uint8Array
/** How often each was lent. */
type Loans = Map<Loan, number>

/**
 * What one connection's socket may refer to, of streams that have ended. Is returned when the connection is gone, or when the
 * peer has acknowledged a ping that was sent after that: then all that was written before it has left.
 */
class Lending {
  private readonly session: ServerHttp2Session
  /** Lent before the ping that is on its way, and since. */
  private beforePing: Loans = new Map()
  private loans: Loans = new Map()
  /** Of everything that is lent, each once. */
  private bytes = 0
  private isPinging = false
  private isGone = false

  constructor(session: ServerHttp2Session) {
    this.session = session
    session.once('close', () => {
      this.isGone = true
      this.give(this.beforePing)
      this.give(this.loans)
    })
  }

  add(loan: Loan): void {
    if (!this.loans.has(loan) && !this.beforePing.has(loan)) this.bytes += bytesOf(loan)
    this.loans.set(loan, (this.loans.get(loan) ?? 0) + 1)
  }

  settle(): void {
    if (this.isGone) this.give(this.loans)
    else if (this.bytes > LENT_BYTES_MAX) this.session.destroy()
    else this.ping()
  }

  private ping(): void {
    if (this.isPinging || this.loans.size === 0 || this.session.destroyed) return
    this.isPinging = true
    this.beforePing = this.loans
    this.loans = new Map()
    // An error: the session is destroyed, or has too many pings of others on their way. Either way the next one is as good.
    this.session.ping((error: Error | null) => {
      this.isPinging = false
      if (error !== null) return this.keep()
      this.give(this.beforePing)
      this.ping()
    })
  }

  private keep(): void {
    for (const [loan, count] of this.beforePing) this.loans.set(loan, (this.loans.get(loan) ?? 0) + count)
    this.beforePing.clear()
  }

  private give(loans: Loans): void {
    for (const [loan, count] of loans) if ('release' in loan) for (let i = 0; i < count; i++) loan.release()
    loans.clear()
    this.bytes = 0
    for (const loan of new Set([...this.beforePing.keys(), ...this.loans.keys()])) this.bytes += bytesOf(loan)
  }
}

function bytesOf(loan: Loan): number {
  return Math.max(ENTRY_BYTES, 'release' in loan ? loan.size : loan.length)
}
