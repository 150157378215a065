// By which records a key may have left a selection unseen at a server of the resume model, by the model's own account
// of what the server has read and what left it. It decides where a gap may be said, which no loss of a record explains.

import type { Position } from '../../src/bus/position.ts'
import type { KafkaRecord } from '../../src/bus/record.ts'

/** A record whose key may have had another value before, which the server does not have. */
interface Unseen {
  readonly partition: number
  /** The first offset that is missing. */
  readonly from: number
  readonly offset: number
  /** How often values had left the server by then, if it may have been one of these; else 0. */
  readonly gone: number
}

export class Leavings {
  private readonly unseen: Unseen[] = []
  /** Of each partition: the first and the last missing offset, and below which offset values are gone. */
  private readonly missing = new Map<number, { readonly first: number; readonly last: number }>()
  private readonly goneBelow = new Map<number, number>()
  private gone = 0
  /** Records by which a key left and was told, as long as that is there. */
  private readonly told = new Map<string, { readonly record: KafkaRecord; readonly arrivedAtMs: number }>()
  /** Below which offset such a record is gone. */
  private readonly lostBelow = new Map<number, number>()

  noteMissing(partition: number, from: number, to: number): void {
    const first = this.missing.get(partition)?.first ?? from
    this.missing.set(partition, { first, last: to - 1 })
  }

  /** Newest values of keys may be gone, up to `below`. */
  noteGone(partition: number, below: number): void {
    this.goneBelow.set(partition, Math.max(below, this.goneBelow.get(partition) ?? 0))
    this.gone++
  }

  /** `former`: the newest record of its key until then, as the server has it. */
  read({ partition, offset, key }: KafkaRecord, former: KafkaRecord | null): void {
    if (key === null) return
    const last = former?.offset ?? -1
    const missing = this.missing.get(partition)
    const isGone = last + 1 < (this.goneBelow.get(partition) ?? 0)
    if (isGone) this.unseen.push({ partition, from: 0, offset, gone: this.gone })
    else if (missing !== undefined && missing.last > last)
      this.unseen.push({ partition, from: missing.first, offset, gone: 0 })
  }

  tell(record: KafkaRecord, arrivedAtMs: number): void {
    this.told.set(`${record.partition}/${record.offset}`, { record, arrivedAtMs })
  }

  /** What is still told is `there`, by name. `mayGo`: whether something made one go. */
  collect(there: ReadonlySet<string>, mayGo: (record: KafkaRecord, arrivedAtMs: number) => boolean): void {
    for (const [name, { record, arrivedAtMs }] of this.told) {
      if (there.has(name)) continue
      if (!mayGo(record, arrivedAtMs)) throw new Error(`the leaving of ${name} left, and nothing made it`)
      this.told.delete(name)
      const { partition, offset } = record
      this.lostBelow.set(partition, Math.max(offset + 1, this.lostBelow.get(partition) ?? 0))
    }
  }

  /** All as of now. */
  asOfNow(): LeavingsView {
    return new LeavingsView(this, this.unseen.slice(), new Map(this.lostBelow), this.gone)
  }
}

/** What streams know of it. */
export class LeavingsView {
  /** Another one once the topic is read again. */
  private readonly of: Leavings
  private readonly unseen: readonly Unseen[]
  private readonly lostBelow: Position
  private readonly gone: number

  constructor(of: Leavings, unseen: readonly Unseen[], lostBelow: Position, gone: number) {
    this.of = of
    this.unseen = unseen
    this.lostBelow = lostBelow
    this.gone = gone
  }

  /** Whether a client that comes with this position may keep what has left. */
  mayHideFrom(position: Position): boolean {
    const isLost = [...position].some(
      ([partition, offset]) => offset > 0 && offset < (this.lostBelow.get(partition) ?? 0),
    )
    return isLost || this.unseen.some((one) => isWithin(one, position))
  }

  /** The same of a client whose stream began as of `begun`, with the records before `held`. */
  mayHideSince(begun: LeavingsView, held: Position): boolean {
    const [seen, gone] = begun.of === this.of ? [begun.unseen.length, begun.gone] : [0, 0]
    return this.unseen.slice(seen).some((one) => one.gone > gone || isWithin(one, held))
  }

  /** Whether it is gone that a key left after this position. */
  hasLostAfter(position: Position): boolean {
    return [...this.lostBelow].some(([partition, below]) => below > (position.get(partition) ?? 0))
  }
}

function isWithin({ partition, from, offset }: Unseen, position: Position): boolean {
  const has = position.get(partition) ?? 0
  return has > from && has <= offset
}
