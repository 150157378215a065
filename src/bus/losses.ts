// What a bus no longer has although nothing newer took its place, and whom that concerns: ids that come from before it,
// cursors that had still to read it, snapshots that would lack it.

import type { Position } from './position.ts'

/** What a client has missed for good. */
export type LossReason = 'too-old' | 'deletes-dropped'

/** What is written down, as plain values that another thread can be sent. */
export interface LossesState {
  /** Grows with each change; never begins again. */
  version: number
  /** Whether every key's newest value is here: what a snapshot promises. Never true again once it is false. */
  isWhole: boolean
  /** When the latest of all records up to what made it false was written, in epoch ms: later moments lie behind that. */
  brokenAtMs: number
  readonly partitions: Map<number, PartitionLosses>
  /** Of all partitions: most readers are past everything that went, which one look tells. */
  readonly frames: LostFrame[]
}

export interface PartitionLosses {
  /** Offset that an id must have reached to have missed no record; 0 where none is gone. */
  recordsGone: number
  /** The same for tombstones that had their time. */
  deletesGone: number
  /** The newest timestamp of what is gone, in epoch ms; Infinity where some of it was never read. */
  newestGoneMs: number
  /** Frames that are gone, and those among them that a snapshot, too, cannot be without. */
  readonly frames: LostFrame[]
  readonly wanted: LostFrame[]
  /** What is missed by a client that has of the partition what another server read, and by no other. */
  readonly missing: LostFrame[]
}

/**
 * A frame that is gone, and the bus's next sequence when it went. Of frames in a list only those are kept behind which nothing
 * went later: sequences and offsets fall, `now` grows. So the first that went at a moment or later is the furthest of these.
 */
export interface LostFrame {
  now: number
  sequence: number
  offset: number
}

export interface GoneFrame extends LostFrame {
  readonly partition: number
  /** The newest of this frame and those that went with it, in epoch ms. */
  readonly newestMs: number
  /** A tombstone that had its time. */
  readonly isTombstone: boolean
  /** Nothing newer stands for it in a snapshot. */
  readonly isWanted: boolean
}

/** Records of a partition that is read from further on: what it has no more, up to this offset. */
export interface Unread {
  readonly partition: number
  readonly offset: number
  /** Tombstones may be among them that Kafka dropped. */
  readonly mayBeTombstone: boolean
  /** Next sequence of the bus, where streams are open whose clients may have something of the partition already; null: none is. */
  readonly now: number | null
}

/** A reader of the bus, as far as it can lose something. Sequences are those of the bus. */
export interface BusReader {
  /** The next frame that it reads. */
  readonly sequence: number
  /** Next sequence of the bus when it was made: what went before, it is not owed. */
  readonly madeAt: number
  /** From here on it reads every frame; before, only those that nothing newer stood for at `madeAt`. */
  readonly liveFrom: number
  /** What its client has as well, wherever that stands in the bus; null: what the bus had. */
  readonly ownPosition: Position | null
}

/** Frames in a list. Where there are more the two oldest count as one: a reader made between them may be ended for nothing. */
const FRAMES_MAX = 32

export class Losses {
  readonly state: LossesState

  constructor(state = nothingLost()) {
    this.state = state
  }

  get isWhole(): boolean {
    return this.state.isWhole
  }

  get brokenAtMs(): number {
    return this.state.brokenAtMs
  }

  /**
   * Frames went, in the order of their sequences. `brokenAtMs`: the newest values of keys were among them, so that no snapshot is
   * whole from now on, nor what is read from that moment on, in epoch ms; null: they were not.
   */
  addFrames(frames: readonly GoneFrame[], brokenAtMs: number | null = null): void {
    const { state } = this
    for (const frame of frames) this.addFrame(frame)
    if (brokenAtMs === null) return
    state.version++
    state.isWhole = false
    state.brokenAtMs = Math.max(state.brokenAtMs, brokenAtMs)
  }

  /** A frame went. */
  addFrame(frame: GoneFrame): void {
    const { state } = this
    const losses = this.of(frame.partition)
    state.version++
    losses.newestGoneMs = Math.max(losses.newestGoneMs, frame.newestMs)
    if (frame.isTombstone) losses.deletesGone = Math.max(losses.deletesGone, frame.offset + 1)
    else losses.recordsGone = Math.max(losses.recordsGone, frame.offset + 1)
    add(state.frames, frame)
    add(losses.frames, frame)
    if (frame.isWanted) add(losses.wanted, frame)
  }

  /** Records of a partition were never read, and never will be. */
  addUnread({ partition, offset, mayBeTombstone, now }: Unread): void {
    const { state } = this
    if (mayBeTombstone) {
      const losses = this.of(partition)
      state.version++
      losses.deletesGone = Math.max(losses.deletesGone, offset + 1)
    }
    if (now === null) return
    const missing = { sequence: now, offset, now }
    state.version++
    add(this.of(partition).missing, missing)
    add(state.frames, missing)
  }

  /**
   * Why a client with this position has missed something for good; null if it has not. A partition from which it has
   * nothing yet is read from wherever it begins, as long as that holds every key's newest value.
   */
  gapFor(position: Position, logStart: (partition: number) => number | undefined): LossReason | null {
    const { partitions, isWhole } = this.state
    let reason: LossReason | null = null
    for (const [partition, offset] of position) {
      if (offset <= 0) continue
      const { recordsGone = 0, deletesGone = 0 } = partitions.get(partition) ?? {}
      if (offset < (logStart(partition) ?? 0) || offset < recordsGone) return 'too-old'
      if (offset < deletesGone) reason = 'deletes-dropped'
    }
    return isWhole || !this.isOwedNewest(position) ? reason : 'too-old'
  }

  /**
   * The same for a client that wants every record from this position on, 0 included. Only records that left this bus count, and
   * those before `readFrom`, which it never read; a log start alone says nothing. Offsets below 0 ask for nothing.
   */
  gapAfter(position: Position, readFrom: ReadonlyMap<number, number>): LossReason | null {
    let reason: LossReason | null = null
    for (const [partition, offset] of position) {
      if (offset < 0) continue
      const { recordsGone = 0, frames = [] } = this.state.partitions.get(partition) ?? {}
      if (offset < (readFrom.get(partition) ?? 0) || offset < recordsGone) return 'too-old'
      if (offset <= (frames[0]?.offset ?? -1)) reason = 'deletes-dropped' // the furthest that left was a tombstone
    }
    return reason
  }

  lacksTombstones(partition: number): boolean {
    return (this.state.partitions.get(partition)?.deletesGone ?? 0) > 0
  }

  /** Whether something went that a reader had still to read. */
  concern(reader: BusReader): boolean {
    const { frames, partitions } = this.state
    const { sequence, madeAt } = reader
    if ((furthestSince(frames, madeAt)?.sequence ?? 0) < sequence) return false
    const { liveFrom, ownPosition } = reader // asked at every read: only where something may be lost
    for (const [partition, losses] of partitions) {
      const next = ownPosition?.get(partition) ?? 0
      const [any, wanted] = [furthestSince(losses.frames, madeAt), furthestSince(losses.wanted, madeAt)]
      if (isOwed(wanted, sequence, next) || isOwed(any, Math.max(sequence, liveFrom), next)) return true
      if (next > 0 && isOwed(furthestSince(losses.missing, madeAt), sequence, next)) return true
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
  }

  /** Whether a client has nothing of a partition that has lost records, of which some may have been their keys' newest. */
  private isOwedNewest(position: Position): boolean {
    for (const [partition, { recordsGone }] of this.state.partitions)
      if (recordsGone > 0 && (position.get(partition) ?? 0) <= 0) return true
    return false
  }

  private of(partition: number): PartitionLosses {
    const known = this.state.partitions.get(partition)
    if (known !== undefined) return known
    const newestGoneMs = Number.NEGATIVE_INFINITY
    const losses = { recordsGone: 0, deletesGone: 0, newestGoneMs, frames: [], wanted: [], missing: [] }
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
  }
}

/** Thousands may go at once, so the object of one that is no longer the furthest is used again. */
function add(frames: LostFrame[], { now, sequence, offset }: LostFrame): void {
  let frame: LostFrame | undefined
  while ((frames.at(-1)?.sequence ?? Number.POSITIVE_INFINITY) <= sequence) frame = frames.pop()
  frame ??= { now, sequence, offset }
  frame.now = now
  frame.sequence = sequence
  frame.offset = offset
  frames.push(frame)
  const [oldest, second] = frames
  if (frames.length <= FRAMES_MAX || oldest === undefined || second === undefined) return
  frames.splice(0, 2, { ...oldest, now: second.now })
}

/** The furthest of the frames that went when the bus's next sequence was `madeAt` or later. */
function furthestSince(frames: readonly LostFrame[], madeAt: number): LostFrame | undefined {
  let furthest: LostFrame | undefined
  for (let index = frames.length - 1; index >= 0; index--) {
    const frame = frames[index]
    if (frame === undefined || frame.now < madeAt) break
    furthest = frame
  }
  return furthest
}

function isOwed(frame: LostFrame | undefined, place: number, next: number): boolean {
  return frame !== undefined && frame.sequence >= place && frame.offset >= next
}
