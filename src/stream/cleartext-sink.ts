// The sink for HTTP/2 without TLS. When a stream is destroyed, Node reports its writes as done. But the socket may
// still refer to their first slices, which TLS would have copied. Promise: these bytes stay until the socket has sent
// them.

import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { Http2Sink, type Lent } from './sink.ts'

/** Most bytes that ended streams may have lent to one connection. Beyond that the connection is destroyed. */
export const LENT_BYTES_MAX = 16 * 1024 * 1024
/** A smaller loan counts as this many bytes, so that the number of loans is bounded, too. */
const ENTRY_BYTES = 1024

export class CleartextHttp2Sink extends Http2Sink {
  /**
   * Writes that were not taken yet, in order. Node may drop its own reference; garbage collection would then reuse the
   * memory.
   */
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
    // Slices of a segment are covered by `lent`.
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

/** A segment to be released, or bytes of the stream's own, which only have to be kept. */
type Loan = Lent | Uint8Array
/** How often each is lent. */
type Loans = Map<Loan, number>

/**
 * The memory that one connection's socket may still refer to after its streams have ended. Loans are returned when the
 * connection closes, or when the peer acknowledges a ping that was sent later. All earlier bytes have then left the
 * socket.
 */
class Lending {
  private readonly session: ServerHttp2Session
  /** Loans from before the ping that waits for its answer. `loans` has the later ones. */
  private beforePing: Loans = new Map()
  private loans: Loans = new Map()
  /** Sum over all loans, each counted once. */
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
    // An error means that the session is destroyed, or has too many pings in flight. A later ping returns the loans
    // then.
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
