// Tells a worker what other replicas have revoked and renewed, and how well the control topic is heard. Promise: one
// message is under way at a time, and what waits for the next one is bounded.

import type { ControlNews, ControlState } from '../control/control-center.ts'
import type { ControlFigures } from '../control/control-figures.ts'
import type { Renewal } from '../stream/holders.ts'
import type { Revocation } from '../token/revocation.ts'
import type { RevocationRow, Revocations } from '../token/revocations.ts'

/** Rows of the table in one message. */
const ROWS_AT_ONCE = 1_000
/** What waits for a worker. More revocations: the whole table is sent. More renewals: the newest are dropped. */
const WAITING_MAX = 10_000

export interface WorkerControlParts {
  /** The table of the main thread. The worker reads it once as it starts. */
  readonly revocations: Pick<Revocations, 'rows'>
  readonly figures: ControlFigures
  readonly state: () => ControlState
  /** Resolves when the worker has taken the message. */
  readonly send: (news: ControlNews) => Promise<unknown>
}

export class WorkerControl {
  private readonly parts: WorkerControlParts
  /** The rest of the table, while it is sent. */
  private rows: Iterator<RevocationRow> | null = null
  private revocations: Revocation[] = []
  private renewals: Renewal[] = []
  private hasNews = true
  private isSending = false
  private isClosed = false

  constructor(parts: WorkerControlParts) {
    this.parts = parts
    void this.keepSending()
  }

  receive({ revocations, renewals }: Pick<ControlNews, 'revocations' | 'renewals'>): void {
    this.hasNews = true
    this.addRevocations(revocations)
    const room = WAITING_MAX - this.renewals.length
    for (const renewal of renewals.slice(0, room)) this.renewals.push(renewal)
    this.parts.figures.renewalsDropped += Math.max(0, renewals.length - room)
    void this.keepSending()
  }

  close(): void {
    this.isClosed = true
  }

  private addRevocations(revocations: readonly Revocation[]): void {
    for (const revocation of revocations) this.revocations.push(revocation)
    if (this.revocations.length <= WAITING_MAX) return
    this.revocations = []
    this.rows = this.parts.revocations.rows()
  }

  private async keepSending(): Promise<void> {
    if (this.isSending) return
    this.isSending = true
    try {
      while (this.hasNews && !this.isClosed) await this.parts.send(this.next())
    } catch {
      this.close() // the worker has ended: its handle tells
    } finally {
      this.isSending = false
    }
  }

  private next(): ControlNews {
    const rows = this.someRows()
    const { revocations, renewals } = this
    this.revocations = []
    this.renewals = []
    this.hasNews = this.rows !== null
    return { rows, revocations, renewals, state: this.rows === null ? this.parts.state() : null }
  }

  private someRows(): RevocationRow[] {
    const some: RevocationRow[] = []
    while (this.rows !== null && some.length < ROWS_AT_ONCE) {
      const { done, value } = this.rows.next()
      if (done) this.rows = null
      else some.push(value)
    }
    return some
  }
}
