// What a bus no longer has although nothing newer took its place, and whom that concerns: ids that come from before it,
// cursors that had still to read it, snapshots that would lack it.

import type { Position } from './position.ts'
import type { GapReason } from './signals.ts'

/** Where a reader is, in sequences of the bus. */
export interface Reading {
  readonly place: number
  /** Next sequence of the bus when it was made. */
  readonly madeAt: number
  /** From here on it reads every frame; before, as of `madeAt`, only those that nothing newer stands for. */
  readonly liveFrom: number
}

export class Losses {
  /** Whether every key's newest value is here: what a snapshot promises. Never true again once it is false. */
  isWhole = true
  /** Latest timestamp of what made it false, in epoch ms. */
  brokenAtMs = Number.NEGATIVE_INFINITY
  /** Offset that an id must have reached, per partition, to have missed no record. */
  private readonly recordsGone = new Map<number, number>()
  /** The same for tombstones that had their time. */
  private readonly deletesGone = new Map<number, number>()
  /**
   * Sequence of the furthest frame that is gone, of the furthest that a snapshot, too, cannot be without, and the bus's next
   * sequence when the last one went.
   */
  private furthest = 0
  private furthestWanted = 0
  private latest = 0

  addRecord(partition: number, offset: number): void {
    raise(this.recordsGone, partition, offset + 1)
  }

  addTombstone(partition: number, offset: number): void {
    raise(this.deletesGone, partition, offset + 1)
  }

  /** Frames up to `furthest` went when the bus's next sequence was `now`: for the cursors, which may have wanted them. */
  addFrames(furthest: number, now: number): void {
    this.furthest = Math.max(this.furthest, furthest)
    this.latest = now
  }

  /** Of them, up to `furthest`, records that nothing newer stands for. */
  addWanted(furthest: number): void {
    this.furthestWanted = Math.max(this.furthestWanted, furthest)
  }

  /** The newest values of keys were among them: no snapshot is whole from now on. */
  addNewest(newestTimestampMs: number): void {
    this.isWhole = false
    this.brokenAtMs = Math.max(this.brokenAtMs, newestTimestampMs)
  }

  /**
   * Why a client with this position has missed something for good; null if it has not. A partition from which it has
   * nothing yet is read from wherever it begins.
   */
  gapFor(position: Position, logStart: (partition: number) => number | undefined): GapReason | null {
    let reason: GapReason | null = null
    for (const [partition, offset] of position) {
      if (offset < 0) continue
      if (offset < (logStart(partition) ?? 0) || offset < (this.recordsGone.get(partition) ?? 0))
        return 'too-old'
      // Who has nothing of a partition has nothing in it to be deleted.
      if (offset > 0 && offset < (this.deletesGone.get(partition) ?? 0)) reason = 'deletes-dropped'
    }
    return reason
  }

  lacksTombstones(partition: number): boolean {
    return this.deletesGone.has(partition)
  }

  /** Whether something went that a reader had still to read. */
  concern({ place, madeAt, liveFrom }: Reading): boolean {
    if (this.latest < madeAt) return false
    return this.furthestWanted >= place || (this.furthest >= place && this.furthest >= liveFrom)
  }

  clear(): void {
    this.isWhole = true
    this.brokenAtMs = Number.NEGATIVE_INFINITY
    this.recordsGone.clear()
    this.deletesGone.clear()
  }
}

function raise(offsets: Map<number, number>, partition: number, offset: number): void {
  offsets.set(partition, Math.max(offset, offsets.get(partition) ?? 0))
}
