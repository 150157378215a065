// What a bus no longer has although nothing newer took its place, and whom that concerns: ids that come from before it,
// cursors that had still to read it, snapshots that would lack it.

import type { Position } from './position.ts'
import type { GapReason } from './signals.ts'

/** What is written down, as plain values that another thread can be sent. */
export interface LossesState {
  /** Whether every key's newest value is here: what a snapshot promises. Never true again once it is false. */
  isWhole: boolean
  /** Latest timestamp of what made it false, in epoch ms. */
  brokenAtMs: number
  /** Offset that an id must have reached, per partition, to have missed no record. */
  readonly recordsGone: Map<number, number>
  /** The same for tombstones that had their time. */
  readonly deletesGone: Map<number, number>
  /**
   * Sequence of the furthest frame that is gone, of the furthest that a snapshot, too, cannot be without, and the bus's next
   * sequence when the last one went.
   */
  furthest: number
  furthestWanted: number
  latest: number
}

export class Losses {
  readonly state: LossesState
  /** Grows with whatever is written down. */
  version = 0

  constructor(state = nothingLost()) {
    this.state = state
  }

  get isWhole(): boolean {
    return this.state.isWhole
  }

  get brokenAtMs(): number {
    return this.state.brokenAtMs
  }

  addRecord(partition: number, offset: number): void {
    this.version++
    raise(this.state.recordsGone, partition, offset + 1)
  }

  addTombstone(partition: number, offset: number): void {
    this.version++
    raise(this.state.deletesGone, partition, offset + 1)
  }

  /** Frames up to `furthest` went when the bus's next sequence was `now`: for the cursors, which may have wanted them. */
  addFrames(furthest: number, now: number): void {
    const { state } = this
    this.version++
    state.furthest = Math.max(state.furthest, furthest)
    state.latest = now
  }

  /** Of them, up to `furthest`, records that nothing newer stands for. */
  addWanted(furthest: number): void {
    this.version++
    this.state.furthestWanted = Math.max(this.state.furthestWanted, furthest)
  }

  /** The newest values of keys were among them: no snapshot is whole from now on. */
  addNewest(newestTimestampMs: number): void {
    this.version++
    this.state.isWhole = false
    this.state.brokenAtMs = Math.max(this.state.brokenAtMs, newestTimestampMs)
  }

  /**
   * Why a client with this position has missed something for good; null if it has not. A partition from which it has
   * nothing yet is read from wherever it begins.
   */
  gapFor(position: Position, logStart: (partition: number) => number | undefined): GapReason | null {
    const { recordsGone, deletesGone } = this.state
    let reason: GapReason | null = null
    for (const [partition, offset] of position) {
      if (offset < 0) continue
      if (offset < (logStart(partition) ?? 0) || offset < (recordsGone.get(partition) ?? 0)) return 'too-old'
      // Who has nothing of a partition has nothing in it to be deleted.
      if (offset > 0 && offset < (deletesGone.get(partition) ?? 0)) reason = 'deletes-dropped'
    }
    return reason
  }

  lacksTombstones(partition: number): boolean {
    return this.state.deletesGone.has(partition)
  }

  /**
   * Whether something went that a reader had still to read. It is at `place` and was made at `madeAt`, in sequences of the bus; from
   * `liveFrom` on it reads every frame, before only those that nothing newer stood for at `madeAt`.
   */
  concern(place: number, madeAt: number, liveFrom: number): boolean {
    const { latest, furthest, furthestWanted } = this.state
    if (latest < madeAt) return false
    return furthestWanted >= place || (furthest >= place && furthest >= liveFrom)
  }

  clear(): void {
    const { state } = this
    this.version++
    state.isWhole = true
    state.brokenAtMs = Number.NEGATIVE_INFINITY
    state.recordsGone.clear()
    state.deletesGone.clear()
  }
}

function nothingLost(): LossesState {
  return {
    isWhole: true,
    brokenAtMs: Number.NEGATIVE_INFINITY,
    recordsGone: new Map(),
    deletesGone: new Map(),
    furthest: 0,
    furthestWanted: 0,
    latest: 0,
  }
}

function raise(offsets: Map<number, number>, partition: number, offset: number): void {
  offsets.set(partition, Math.max(offset, offsets.get(partition) ?? 0))
}
