// Records what a bus cannot tell streams any more of keys that have left their selection: frames that told it and are
// gone, and records whose key had another value that the bus never had or no longer has. From these it decides which
// clients may keep such keys and have to begin again.

import { addHiddenLeaving, type HiddenLeaving, isWithin } from '../routing/hidden-leavings.ts'
import { addLostFrame, furthestSince, isOwed, type LostFrame } from './lost-frames.ts'
import type { Position } from './position.ts'

/** These losses as plain values that can be posted to another thread. */
export interface LeavingLossesState {
  /** Grows with each change. Never reset. */
  version: number
  /** Lost frames of all partitions that tell streams of a key's former values that the key has left. */
  readonly frames: LostFrame[]
  /** Sequence of the last record by which a key may have left unseen. 0: none. */
  hiddenAt: number
  /** The latest `goneAt` of all that is hidden. */
  hiddenGoneAt: number
  readonly partitions: Map<number, PartitionLeavings>
}

interface PartitionLeavings {
  /** Offset: an id below it lacks such a frame. 0 if none is lost. */
  lostBelow: number
  readonly frames: LostFrame[]
  /**
   * Offset: newest values of keys below it may be gone. The bus cannot tell any more which streams have these keys. 0:
   * none.
   */
  valuesGoneBelow: number
  /** Sequence as of which the last of them left the bus. 0 if this bus had none of them. */
  valuesGoneAt: number
  /** Ids whose clients may keep keys that have left unseen. */
  readonly hidden: HiddenLeaving[]
}

/** A record by which its key may have left a selection, although the bus does not know of which. */
export interface Unseen {
  readonly partition: number
  readonly offset: number
  /** The one that its frame gets. */
  readonly sequence: number
  /** Offset of the key's former record. -1 if it is not known. */
  readonly former: number
  /** The first missing offset that may have been a value of the key. null if there is none. */
  readonly missingFrom: number | null
}

/** A reader that selects by values that change. Sequences are those of the bus. */
export interface SelectingReader {
  /** Sequence of the next frame to read. */
  readonly sequence: number
  /** Next sequence of the bus when the reader was made. */
  readonly madeAt: number
  /** From this sequence on it is told of keys that leave. In a snapshot none has left. */
  readonly liveFrom: number
  /** The client's position, if it may differ from what the bus had; otherwise null. */
  readonly ownPosition: Position | null
  /** Next offset after the last record that was sent, if that is of this partition; otherwise 0. */
  sentTo(partition: number): number
}

export class LeavingLosses {
  readonly state: LeavingLossesState

  constructor(state: LeavingLossesState) {
    this.state = state
  }

  addFrame(partition: number, frame: LostFrame): void {
    const { state } = this
    const losses = this.of(partition)
    state.version++
    losses.lostBelow = Math.max(losses.lostBelow, frame.offset + 1)
    addLostFrame(state.frames, frame)
    addLostFrame(losses.frames, frame)
  }

  /** Records that newest values of keys below `offset` are gone. `goneAt`: see `valuesGoneAt`. */
  addGoneValues(partition: number, offset: number, goneAt: number): void {
    const losses = this.of(partition)
    this.state.version++
    losses.valuesGoneBelow = Math.max(losses.valuesGoneBelow, offset)
    losses.valuesGoneAt = Math.max(losses.valuesGoneAt, goneAt)
  }

  /** Records that a key may have left a selection unseen, unless nothing is missing that may have been its value. */
  addUnseen({ partition, offset, former, missingFrom, sequence }: Unseen): void {
    const { state } = this
    const { valuesGoneBelow = 0, valuesGoneAt = 0 } = state.partitions.get(partition) ?? {}
    const isGone = former + 1 < valuesGoneBelow
    const from = isGone ? 0 : missingFrom
    if (from === null) return
    const goneAt = isGone ? valuesGoneAt : 0
    state.version++
    state.hiddenAt = sequence
    state.hiddenGoneAt = Math.max(state.hiddenGoneAt, goneAt)
    addHiddenLeaving(this.of(partition).hidden, { from, below: offset + 1, at: sequence, goneAt })
  }

  /** Whether a client that comes with this position may keep keys that have left its selection. */
  isHiddenFrom(position: Position): boolean {
    for (const [partition, offset] of position) {
      const { lostBelow = 0, hidden = [] } = this.state.partitions.get(partition) ?? {}
      if (offset > 0 && offset < lostBelow) return true
      if (hidden.some((span) => isWithin(span, offset))) return true
    }
    return false
  }

  /** The same of an open stream, by what was found out since. `held`: its client's position when it came, or null. */
  isHiddenSince(madeAt: number, held: Position | null): boolean {
    const { hiddenAt, hiddenGoneAt, partitions } = this.state
    if (hiddenAt < madeAt || (held === null && hiddenGoneAt < madeAt)) return false
    for (const [partition, { hidden }] of partitions) {
      const offset = held?.get(partition) ?? 0
      for (const span of hidden)
        if (span.at >= madeAt && (span.goneAt >= madeAt || isWithin(span, offset))) return true
    }
    return false
  }

  lacksFrames(partition: number): boolean {
    return (this.state.partitions.get(partition)?.lostBelow ?? 0) > 0
  }

  /** Whether a frame is lost that the reader had still to read. */
  hasLost(reader: SelectingReader): boolean {
    const { frames, partitions } = this.state
    const { sequence, madeAt } = reader
    if ((furthestSince(frames, madeAt)?.sequence ?? 0) < sequence) return false
    const { liveFrom, ownPosition } = reader // getters, so they are read only if a frame may be lost
    for (const [partition, losses] of partitions) {
      // The key of a record that was sent has not left by it.
      const next = Math.max(ownPosition?.get(partition) ?? 0, reader.sentTo(partition))
      if (isOwed(furthestSince(losses.frames, madeAt), Math.max(sequence, liveFrom), next)) return true
    }
    return false
  }

  clear(): void {
    const { state } = this
    state.version++
    state.frames.length = 0
    state.hiddenAt = 0
    state.hiddenGoneAt = 0
    state.partitions.clear()
  }

  private of(partition: number): PartitionLeavings {
    const known = this.state.partitions.get(partition)
    if (known !== undefined) return known
    const losses = { lostBelow: 0, frames: [], valuesGoneBelow: 0, valuesGoneAt: 0, hidden: [] }
    this.state.partitions.set(partition, losses)
    return losses
  }
}

export function noLeavingLost(): LeavingLossesState {
  return { version: 0, frames: [], hiddenAt: 0, hiddenGoneAt: 0, partitions: new Map() }
}
