// Frames of one segment that leave the bus together. There may be thousands, but what is written down of them is only the last of
// each kind in each partition: a client that has that one has missed none of them.

import type { Segment } from '../segments/segment.ts'
import { type EntryAt, NONE } from '../segments/segment-layout.ts'
import type { Losses } from './losses.ts'

/**
 * Of one partition, the last removed record, the last removed tombstone, the last removed frame that a snapshot needs, and the
 * newest timestamp of all that are removed.
 */
interface LastRemoved {
  record: EntryAt
  tombstone: EntryAt
  wanted: EntryAt
  newestMs: number
}

export class RemovedFrames {
  private readonly segment: Segment
  private readonly partitions = new Map<number, LastRemoved>()
  /** Neighbours are mostly of the same partition. */
  private partition = NONE
  private last = noneRemoved()

  constructor(segment: Segment) {
    this.segment = segment
  }

  /** To be called in the order in which they stand. */
  add(at: EntryAt, isTombstone: boolean, isWanted: boolean): void {
    const partition = this.segment.partition(at)
    if (partition !== this.partition) this.turnTo(partition)
    if (isTombstone) this.last.tombstone = at
    else this.last.record = at
    if (isWanted) this.last.wanted = at
    this.last.newestMs = Math.max(this.last.newestMs, this.segment.timestampMs(at))
  }

  /** Writes down that they went when the bus's next sequence was `lostAt`. `brokenAtMs`: see `Losses.addFrames`. */
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
  }

  private turnTo(partition: number): void {
    const known = this.partitions.get(partition)
    this.last = known ?? noneRemoved()
    this.partition = partition
    if (known === undefined) this.partitions.set(partition, this.last)
  }
}

function noneRemoved(): LastRemoved {
  return { record: NONE, tombstone: NONE, wanted: NONE, newestMs: Number.NEGATIVE_INFINITY }
}
