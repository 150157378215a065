// What Kafka has deleted of a bus, let go a segment at a time however many partitions it is of. What it deleted before it was read
// counts as gone at once: readers compare offsets with where a log begins until every frame is marked.

import type { Segment } from '../segments/segment.ts'
import type { EntryAt } from '../segments/segment-layout.ts'
import type { SegmentList } from '../segments/segment-list.ts'
import { indexOfSequence } from '../segments/segment-search.ts'
import type { Losses } from './losses.ts'
import { RemovedFrames } from './removed-frames.ts'

interface Skip {
  readonly start: number
  /** Sequence as of which everything below is gone: readers from before it have been told. */
  readonly sequence: number
}

/** One pass over the bus, from the front; what becomes known meanwhile waits for the next. */
interface Pass {
  /** Log starts by partition, of what is written down as it goes. */
  readonly trims: Map<number, number>
  /** The same of what was written down when it became known. */
  readonly skips: Map<number, Skip>
}

export class Trimming {
  /** Log starts by partition below which all is gone, although it is not marked yet. */
  readonly skipped = new Map<number, number>()
  /** Grows with each change of `skipped`. */
  version = 0
  private readonly segments: SegmentList
  private readonly losses: Losses
  private readonly keepsAll: boolean
  private pass = emptyPass()
  private nextPass = emptyPass()
  /** Sequence up to which this pass has come. */
  private doneTo = 0

  constructor(segments: SegmentList, losses: Losses, keepsAll: boolean) {
    this.segments = segments
    this.losses = losses
    this.keepsAll = keepsAll
  }

  /** Everything of a partition below `start` goes, in the next steps. */
  trim(partition: number, start: number): void {
    this.nextPass.trims.set(partition, start)
  }

  /** The same, and readers that begin after `sequence` pass it over from now on; those from before it are told by the caller. */
  skip(partition: number, start: number, sequence: number): void {
    for (const { trims, skips } of [this.pass, this.nextPass]) {
      if ((trims.get(partition) ?? 0) <= start) trims.delete(partition)
      skips.delete(partition)
    }
    this.nextPass.skips.set(partition, { start, sequence })
    this.skipped.set(partition, start)
    this.version++
  }

  /** Whether a frame is gone, and was written down then. */
  isSkipped(segment: Segment, at: EntryAt): boolean {
    return this.skipped.size > 0 && segment.offset(at) < (this.skipped.get(segment.partition(at)) ?? 0)
  }

  /** Whether Kafka has deleted a frame that is not marked yet. */
  isDeleted(segment: Segment, at: EntryAt): boolean {
    const partition = segment.partition(at)
    const start = Math.max(this.pass.trims.get(partition) ?? 0, this.nextPass.trims.get(partition) ?? 0)
    return segment.offset(at) < start || this.isSkipped(segment, at)
  }

  /** Looks through one segment; false if there is nothing to be let go. */
  step(): boolean {
    if (isEmpty(this.pass)) this.beginPass()
    if (isEmpty(this.pass)) return false
    const { list } = this.segments
    const segment = list[indexOfSequence(list, this.doneTo)]
    if (segment === undefined) this.endPass()
    else this.look(segment)
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

  private look(segment: Segment): void {
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

  /** Marks a frame that was skipped as gone since then. */
  private removesSkipped(segment: Segment, at: EntryAt): boolean {
    const partition = segment.partition(at)
    const skip = this.pass.skips.get(partition)
    if (skip === undefined) return false
    if (segment.offset(at) < skip.start) this.segments.removeFrame(segment, at, skip.sequence)
    else this.endSkip(partition) // the partition's further frames lie behind, and above
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
