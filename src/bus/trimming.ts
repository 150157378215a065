// Removes the frames whose records Kafka has deleted, one segment a step, for any number of partitions. If Kafka
// deleted records before they were read, the frames before them count as removed at once. Until all of these are
// marked, readers compare offsets with the log start.

import type { Segment } from '../segments/segment.ts'
import type { EntryAt } from '../segments/segment-layout.ts'
import type { SegmentList } from '../segments/segment-list.ts'
import { indexOfSequence } from '../segments/segment-search.ts'
import type { Losses } from './losses.ts'
import { RemovedFrames } from './removed-frames.ts'

interface Skip {
  /** The log start: frames below this offset count as removed. */
  readonly start: number
  /** Sequence as of which they are removed. For readers from before it the loss is recorded. */
  readonly sequence: number
}

/** One pass over all segments, from the oldest on. Deletions that Kafka reports meanwhile wait for the next pass. */
interface Pass {
  /** Log starts by partition. The loss of frames below them is recorded when they are marked. */
  readonly trims: Map<number, number>
  /** Skips by partition. The caller of `skip` has recorded their loss. */
  readonly skips: Map<number, Skip>
}

export class Trimming {
  /** Log starts by partition. Frames below them count as removed, although not all are marked yet. */
  readonly skipped = new Map<number, number>()
  /** Grows with each change of `skipped`. */
  version = 0
  private readonly segments: SegmentList
  private readonly losses: Losses
  private readonly keepsAll: boolean
  private pass = emptyPass()
  private nextPass = emptyPass()
  /** First sequence that this pass has yet to look at. */
  private doneTo = 0

  constructor(segments: SegmentList, losses: Losses, keepsAll: boolean) {
    this.segments = segments
    this.losses = losses
    this.keepsAll = keepsAll
  }

  /** The next steps remove the partition's frames below offset `start`. */
  trim(partition: number, start: number): void {
    this.nextPass.trims.set(partition, start)
  }

  /**
   * The same, but readers that begin after `sequence` skip these frames at once. The caller
   * records the loss for the others.
   */
  skip(partition: number, start: number, sequence: number): void {
    for (const { trims, skips } of [this.pass, this.nextPass]) {
      if ((trims.get(partition) ?? 0) <= start) trims.delete(partition)
      skips.delete(partition)
    }
    this.nextPass.skips.set(partition, { start, sequence })
    this.skipped.set(partition, start)
    this.version++
  }

  /** Whether a frame counts as removed and its loss is recorded, although it may not be marked yet. */
  isSkipped(segment: Segment, at: EntryAt): boolean {
    return this.skipped.size > 0 && segment.offset(at) < (this.skipped.get(segment.partition(at)) ?? 0)
  }

  /** Whether Kafka has deleted a frame's record, although the frame is not marked yet. */
  isDeleted(segment: Segment, at: EntryAt): boolean {
    const partition = segment.partition(at)
    const start = Math.max(this.pass.trims.get(partition) ?? 0, this.nextPass.trims.get(partition) ?? 0)
    return segment.offset(at) < start || this.isSkipped(segment, at)
  }

  /** Goes through one segment. Returns false if there is nothing to remove. */
  step(): boolean {
    if (isEmpty(this.pass)) this.beginPass()
    if (isEmpty(this.pass)) return false
    const { list } = this.segments
    const segment = list[indexOfSequence(list, this.doneTo)]
    if (segment === undefined) this.endPass()
    else this.mark(segment)
    return true
  }

  clear(): void {
    this.pass = emptyPass()
    this.nextPass = emptyPass()
    this.skipped.clear()
    this.version++
  }

  private beginPass(): void {
    this.pass = this.nextPass
    this.nextPass = emptyPass()
    this.doneTo = 0
  }

  private endPass(): void {
    for (const partition of this.pass.skips.keys()) this.endSkip(partition)
    this.pass = emptyPass()
  }

  private endSkip(partition: number): void {
    this.pass.skips.delete(partition)
    if (this.nextPass.skips.has(partition)) return
    this.skipped.delete(partition)
    this.version++
  }

  private mark(segment: Segment): void {
    const { segments, keepsAll } = this
    const removed = new RemovedFrames(segment)
    const now = segments.takeSequence()
    for (let at = 0; at < segment.end; at = segment.next(at)) {
      if (segment.isRemoved(at) || this.removesSkipped(segment, at) || !this.isTrimmed(segment, at)) continue
      if (segments.removeFrame(segment, at, now))
        removed.add(at, segment.isTombstone(at), keepsAll || !segment.hasKey(at))
    }
    removed.recordLoss(this.losses, now)
    this.doneTo = segment.lastSequence + 1
  }

  /** Marks a skipped frame as removed as of the skip. Returns false if it was not skipped. */
  private removesSkipped(segment: Segment, at: EntryAt): boolean {
    const partition = segment.partition(at)
    const skip = this.pass.skips.get(partition)
    if (skip === undefined) return false
    if (segment.offset(at) < skip.start) this.segments.removeFrame(segment, at, skip.sequence)
    else this.endSkip(partition) // the partition's later frames have greater offsets
    return this.pass.skips.has(partition)
  }

  private isTrimmed(segment: Segment, at: EntryAt): boolean {
    const partition = segment.partition(at)
    const start = this.pass.trims.get(partition)
    if (start === undefined) return false
    if (segment.offset(at) < start) return true
    this.pass.trims.delete(partition)
    return false
  }
}

function emptyPass(): Pass {
  return { trims: new Map(), skips: new Map() }
}

function isEmpty({ trims, skips }: Pass): boolean {
  return trims.size === 0 && skips.size === 0
}
