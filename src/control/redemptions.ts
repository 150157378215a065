// Tickets that were redeemed, by the hash of their nonce. Promise: of all redemptions of one nonce, the one that comes
// first in the topic is good, and no other, on every replica.

import type { Clock } from '../stream/clock.ts'

/** Nonces that are kept. A ticket lives for 30 s, so this many are 33,000 a second. */
export const NONCES_MAX = 1_000_000
/** Redemptions of this process that wait for their record. */
export const WAITING_REDEMPTIONS_MAX = 10_000
/** A replica's clock may be this far behind, and still take a ticket that has expired here. */
const CLOCK_MS = 60_000
/** Nonces that one step looks at. */
const SWEPT_MAX = 1_000

/** Names a redemption's record: the process that wrote it, and its `at`, which no other redemption of it has. */
export interface RedemptionName {
  readonly by: string
  readonly atMs: number
}

interface First extends RedemptionName {
  /** Counts redemptions in the order of the topic. */
  readonly order: number
  readonly forgetAtMs: number
  /** The same by the monotonic clock: no ticket counts again after the wall clock was set forward and back. */
  readonly keptUntilMs: number
}

interface Waiting extends RedemptionName {
  /** Of the nonce, by each secret. */
  readonly hashes: readonly string[]
  resolve(isFirst: boolean): void
  reject(error: Error): void
}

export class Redemptions {
  private readonly clock: Clock
  private readonly noncesMax: number
  private readonly first = new Map<string, First>()
  private sweep: IterableIterator<[string, First]> | null = null
  private readonly waiting = new Map<string, Waiting>()
  private lastOrder = 0
  private lastAtMs = 0
  /** A nonce was not kept for lack of room, and its ticket is good until then. */
  private unsureUntilMs = 0

  constructor(clock: Clock, noncesMax = NONCES_MAX) {
    this.clock = clock
    this.noncesMax = noncesMax
  }

  /** Nonces that are kept. */
  get size(): number {
    return this.first.size
  }

  /** Whether one more redemption of this process can wait for its record. */
  get hasRoom(): boolean {
    return this.waiting.size < WAITING_REDEMPTIONS_MAX
  }

  /** Whether the topic has a redemption of the nonce already, so that no further one can be good. */
  isRedeemed(hashes: readonly string[]): boolean {
    return hashes.some((hash) => this.first.has(hash))
  }

  /** The `at` of a redemption that this process writes now. */
  nextAtMs(): number {
    this.lastAtMs = Math.max(this.clock.epochMs(), this.lastAtMs + 1)
    return this.lastAtMs
  }

  /** A redemption stands in the topic, behind those that were noted before. False if its ticket has expired. */
  note(hash: string, { by, atMs }: RedemptionName, expiresAtMs: number): boolean {
    const forgetAtMs = expiresAtMs + CLOCK_MS
    const leftMs = forgetAtMs - this.clock.epochMs()
    if (leftMs <= 0) return false
    const keptUntilMs = this.clock.nowMs() + leftMs
    if (!this.first.has(hash)) this.keep(hash, { by, atMs, order: ++this.lastOrder, forgetAtMs, keptUntilMs })
    const waiting = this.waiting.get(keyOf({ by, atMs }))
    if (waiting !== undefined) this.decide(waiting)
    return true
  }

  /**
   * Whether the named redemption is the first one of its nonce, once it was noted. Call it before its record is
   * written. `hashes`: those of the nonce by every secret. Rejects after `waitMs`, or if `written` does.
   */
  async isGood(
    hashes: readonly string[],
    name: RedemptionName,
    written: Promise<unknown>,
    waitMs: number,
  ): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<boolean>((resolve, reject) => {
        this.waiting.set(keyOf(name), { ...name, hashes, resolve, reject })
        timer = setTimeout(() => reject(new Error('the record was not read in time')), waitMs)
        written.catch(reject)
      })
    } finally {
      clearTimeout(timer)
      this.waiting.delete(keyOf(name))
    }
  }

  /** The topic is another one. What was redeemed stays redeemed; what waits is not answered any more. */
  clear(): void {
    for (const each of this.waiting.values()) each.reject(new Error('the control topic was replaced'))
  }

  /** Forgets some of those whose tickets have expired. */
  step(): void {
    const [epochMs, nowMs] = [this.clock.epochMs(), this.clock.nowMs()]
    this.sweep ??= this.first.entries()
    for (let looked = 0; looked < SWEPT_MAX; looked++) {
      const { done, value } = this.sweep.next()
      if (done) {
        this.sweep = null
        return
      }
      const [hash, { forgetAtMs, keptUntilMs }] = value
      if (forgetAtMs <= epochMs && keptUntilMs <= nowMs) this.first.delete(hash)
    }
  }

  private keep(hash: string, first: First): void {
    if (this.first.size < this.noncesMax) this.first.set(hash, first)
    else this.unsureUntilMs = Math.max(this.unsureUntilMs, first.forgetAtMs)
  }

  /** Rejects while nonces that count are not kept, for lack of room. */
  private decide(waiting: Waiting): void {
    if (this.clock.epochMs() < this.unsureUntilMs) waiting.reject(new Error('too many tickets were redeemed'))
    else waiting.resolve(this.isFirst(waiting))
  }

  private isFirst({ hashes, by, atMs }: Waiting): boolean {
    const firsts = hashes.flatMap((hash) => this.first.get(hash) ?? [])
    const [first] = firsts.sort((one, other) => one.order - other.order)
    return first !== undefined && first.by === by && first.atMs === atMs
  }
}

function keyOf({ by, atMs }: RedemptionName): string {
  return `${atMs} ${by}`
}
