// Collects frames of one segment that are removed together, and records their loss. There may be thousands. The last
// frame of each kind in each partition is enough: a client that has it lacks none of the others.

import type { Segment } from '../segments/segment.ts'
import { type EntryAt, NONE } from '../segments/segment-layout.ts'
import type { Losses } from './losses.ts'

/** Of one partition: the last removed frames by kind, and the newest timestamp of all removed frames, in epoch ms. */
interface LastRemoved {
  record: EntryAt
  tombstone: EntryAt
  /** The last frame that a snapshot needs. */
  wanted: EntryAt
  /** The last frame for streams of a key's former values. Other clients lack nothing without it. */
  leaving: EntryAt
  /** The last newest value of a key. */
  value: EntryAt
  newestMs: number
}

export class RemovedFrames {
  private readonly segment: Segment
  private readonly partitions = new Map<number, LastRemoved>()
  /** The partition of the last added frame. Neighbours are mostly of the same one. */
  private partition = NONE
  private last = noneRemoved()

  constructor(segment: Segment) {
    this.segment = segment
  }

  /** Adds a frame. Frames must be added in ascending order. */
  add(at: EntryAt, isTombstone: boolean, isWanted: boolean): void {
    const partition = this.segment.partition(at)
    if (partition !== this.partition) this.turnTo(partition)
    if (this.segment.isLeaving(at)) {
      this.last.leaving = at
      return
    }
    if (this.segment.hasKey(at) && !this.segment.isTombstone(at)) this.last.value = at
    if (isTombstone) this.last.tombstone = at
    else this.last.record = at
    if (isWanted) this.last.wanted = at
    this.last.newestMs = Math.max(this.last.newestMs, this.segment.timestampMs(at))
  }

  /** Records the loss of all added frames at sequence `lostAt`. `brokenAtMs`: see `Losses.addFrames`. */
  recordLoss(losses: Losses, lostAt: number, brokenAtMs: number | null = null): void {
    const { segment } = this
    const last = [...this.partitions.values()]
    const [tombstones, wanted] = [
      new Set(last.map((of) => of.tombstone)),
      new Set(last.map((of) => of.wanted)),
    ]
    const all = new Set(last.flatMap(({ record, tombstone, wanted }) => [record, tombstone, wanted]))
    all.delete(NONE)
    const frames = [...all]
      .sort((a, b) => a - b)
      .map((at) => ({
        partition: segment.partition(at),
        sequence: segment.sequence(at),
        offset: segment.offset(at),
        lostAt,
        newestMs: this.partitions.get(segment.partition(at))?.newestMs ?? this.last.newestMs,
        isTombstone: tombstones.has(at),
        isWanted: wanted.has(at),
      }))
    losses.addFrames(frames, brokenAtMs)
    for (const { leaving, value } of last) {
      if (leaving !== NONE)
        losses.leavings.addFrame(segment.partition(leaving), {
          lostAt,
          sequence: segment.sequence(leaving),
          offset: segment.offset(leaving),
        })
      if (value !== NONE)
        losses.leavings.addGoneValues(segment.partition(value), segment.offset(value) + 1, lostAt)
    }
  }

  private turnTo(partition: number): void {
    const known = this.partitions.get(partition)
    this.last = known ?? noneRemoved()
    this.partition = partition
    if (known === undefined) this.partitions.set(partition, this.last)
  }
}

function noneRemoved(): LastRemoved {
  return {
    record: NONE,
    tombstone: NONE,
    wanted: NONE,
    leaving: NONE,
    value: NONE,
    newestMs: Number.NEGATIVE_INFINITY,
  }
}
