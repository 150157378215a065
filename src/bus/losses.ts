// Records the frames that a bus removed although no newer frame took their place. From these it decides whether an id
// is too old, whether a cursor has lost a frame, and whether snapshots are complete.

import { LeavingLosses, type LeavingLossesState, noLeavingLost } from './leaving-losses.ts'
import {
  addLostFrame,
  furthestSince,
  isAhead,
  isOwed,
  type LostFrame,
  noneLost,
  type PartitionLosses,
  type RemovedFrame,
  type Unread,
} from './lost-frames.ts'
import type { Position } from './position.ts'

/** Why a client cannot go on from its position: records that it lacks are gone, or tombstones that it lacks are. */
export type LossReason = 'too-old' | 'deletes-dropped'

/** The losses as plain values that can be posted to another thread. */
export interface LossesState {
  /** Grows with each change. Never reset. */
  version: number
  /** Whether the bus has every key's newest value, as a snapshot promises. Once false, it stays false until `clear`. */
  isWhole: boolean
  /** Epoch ms. Every record up to the last one that made `isWhole` false was written at or before this time. */
  brokenAtMs: number
  readonly partitions: Map<number, PartitionLosses>
  /** Lost frames of all partitions. Most cursors are past all of them, and one comparison shows it. */
  readonly frames: LostFrame[]
  /** The same of records that this bus never read. */
  readonly unread: LostFrame[]
  readonly leavings: LeavingLossesState
}

/** What must be known of a cursor to tell which frames it has lost. Sequences are those of the bus. */
export interface BusReader {
  /** Sequence of the next frame to read. */
  readonly sequence: number
  /**
   * The same, but not past what nothing was read of. It is lower for a reader that is told which frames it may pass
   * over without a look: a record that the bus never read may have been for it.
   */
  readonly readTo: number
  /** Next sequence of the bus when the reader was made. Frames lost before that are not owed to it. */
  readonly madeAt: number
  /** From this sequence on it reads every frame. Before it, only frames that were not superseded at `madeAt`. */
  readonly liveFrom: number
  /** The client's position, if it may differ from what the bus had; otherwise null. */
  readonly ownPosition: Position | null
  /** The client's position when the reader was made. What it has of a partition by then is from another server. */
  readonly beganAt: Position
}

export class Losses {
  readonly state: LossesState
  /** What is lost to streams that select. */
  readonly leavings: LeavingLosses

  constructor(state = nothingLost()) {
    this.state = state
    this.leavings = new LeavingLosses(state.leavings)
  }

  /** Grows with each change. Never reset. */
  get version(): number {
    return this.state.version + this.state.leavings.version
  }

  get isWhole(): boolean {
    return this.state.isWhole
  }

  /**
   * Records the loss of frames, which are in ascending order of sequence. `brokenAtMs` (epoch ms) is given if newest
   * values of keys are among them. From then on snapshots are incomplete, and so are reads from a moment at or before
   * it.
   */
  addFrames(frames: readonly RemovedFrame[], brokenAtMs: number | null = null): void {
    const { state } = this
    for (const frame of frames) this.addFrame(frame)
    if (brokenAtMs === null) return
    state.version++
    state.isWhole = false
    state.brokenAtMs = Math.max(state.brokenAtMs, brokenAtMs)
  }

  addFrame(frame: RemovedFrame): void {
    const { state } = this
    const losses = this.of(frame.partition)
    state.version++
    losses.newestLostMs = Math.max(losses.newestLostMs, frame.newestMs)
    if (frame.isTombstone) losses.tombstonesLostBelow = Math.max(losses.tombstonesLostBelow, frame.offset + 1)
    else losses.recordsLostBelow = Math.max(losses.recordsLostBelow, frame.offset + 1)
    addLostFrame(state.frames, frame)
    addLostFrame(losses.frames, frame)
    if (frame.isWanted) addLostFrame(losses.wanted, frame)
  }

  /** Records that Kafka has deleted records below `offset` before the bus read them. `at`: a sequence of the bus. */
  addSkipped(partition: number, offset: number, at: number): void {
    const losses = this.of(partition)
    const skipped = { sequence: at, offset: offset - 1, lostAt: at }
    this.state.version++
    losses.newestLostMs = Number.POSITIVE_INFINITY
    losses.recordsLostBelow = Math.max(losses.recordsLostBelow, offset)
    addLostFrame(losses.skipped, skipped)
    addLostFrame(this.state.unread, skipped)
  }

  /** Records that the bus will never read some records of a partition. */
  addUnread({ partition, sequence, offset, mayBeTombstone, lostAt }: Unread): void {
    const { state } = this
    if (mayBeTombstone) {
      const losses = this.of(partition)
      state.version++
      losses.tombstonesLostBelow = Math.max(losses.tombstonesLostBelow, offset + 1)
    }
    if (lostAt === null) return
    const missing = { sequence, offset, lostAt }
    state.version++
    addLostFrame(this.of(partition).missing, missing)
    addLostFrame(state.unread, missing)
  }

  /** Sequence as of which records were lost last that the bus never read. 0: none. */
  get unreadAt(): number {
    return this.state.unread.at(-1)?.lostAt ?? 0
  }

  /**
   * Why a client cannot go on from this position. null if it can. A partition that the position lacks is read from its
   * start, as long as the bus has every key's newest value.
   */
  gapFor(position: Position, logStart: (partition: number) => number | undefined): LossReason | null {
    const { partitions, isWhole } = this.state
    let reason: LossReason | null = null
    for (const [partition, offset] of position) {
      if (offset <= 0) continue
      const { recordsLostBelow = 0, tombstonesLostBelow = 0 } = partitions.get(partition) ?? {}
      if (offset < (logStart(partition) ?? 0) || offset < recordsLostBelow) return 'too-old'
      if (offset < tombstonesLostBelow) reason = 'deletes-dropped'
    }
    return isWhole || !this.isOwedNewest(position) ? reason : 'too-old'
  }

  /**
   * The same for a client that wants every record from this position on. Counts records that this bus removed, and
   * those before `readFrom`, which it never read. A log start alone proves no loss. Offsets below 0 ask for nothing.
   */
  gapAfter(position: Position, readFrom: ReadonlyMap<number, number>): LossReason | null {
    let reason: LossReason | null = null
    for (const [partition, offset] of position) {
      if (offset < 0) continue
      const { recordsLostBelow = 0, frames = [] } = this.state.partitions.get(partition) ?? {}
      if (offset < (readFrom.get(partition) ?? 0) || offset < recordsLostBelow) return 'too-old'
      if (offset <= (frames[0]?.offset ?? -1)) reason = 'deletes-dropped' // the furthest lost frame was a tombstone
    }
    return reason
  }

  lacksTombstones(partition: number): boolean {
    return (this.state.partitions.get(partition)?.tombstonesLostBelow ?? 0) > 0
  }

  /** Whether a frame is lost that the reader had still to read. */
  hasLost(reader: BusReader): boolean {
    const { frames, unread, partitions } = this.state
    const { sequence, readTo, madeAt } = reader
    if (!isAhead(frames, madeAt, sequence) && !isAhead(unread, madeAt, readTo)) return false
    const { liveFrom, ownPosition, beganAt } = reader // getters, so they are read only if a frame may be lost
    for (const [partition, losses] of partitions) {
      const next = ownPosition?.get(partition) ?? 0
      const [any, wanted] = [furthestSince(losses.frames, madeAt), furthestSince(losses.wanted, madeAt)]
      if (isOwed(wanted, sequence, next) || isOwed(any, Math.max(sequence, liveFrom), next)) return true
      if (isOwed(furthestSince(losses.skipped, madeAt), readTo, next)) return true
      const began = beganAt.get(partition) ?? 0
      const missing = began > 0 ? furthestSince(losses.missing, madeAt) : undefined
      if (isOwed(missing, readTo, Math.max(next, began))) return true
    }
    return false
  }

  clear(): void {
    const { state } = this
    state.version++
    state.isWhole = true
    state.brokenAtMs = Number.NEGATIVE_INFINITY
    state.partitions.clear()
    state.frames.length = 0
    state.unread.length = 0
    this.leavings.clear()
  }

  /** Whether the client has nothing of a partition that lost records. Some of these may be the newest of their keys. */
  private isOwedNewest(position: Position): boolean {
    for (const [partition, { recordsLostBelow }] of this.state.partitions)
      if (recordsLostBelow > 0 && (position.get(partition) ?? 0) <= 0) return true
    return false
  }

  private of(partition: number): PartitionLosses {
    const known = this.state.partitions.get(partition)
    if (known !== undefined) return known
    const losses = noneLost()
    this.state.partitions.set(partition, losses)
    return losses
  }
}

function nothingLost(): LossesState {
  return {
    version: 0,
    isWhole: true,
    brokenAtMs: Number.NEGATIVE_INFINITY,
    partitions: new Map(),
    frames: [],
    unread: [],
    leavings: noLeavingLost(),
  }
}
