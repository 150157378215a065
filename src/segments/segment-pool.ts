// Segments that are not in use, kept to be used again: dropping a SharedArrayBuffer does not free it soon, and V8 does
// not feel the memory that piles up (64 MiB live grew to 3.2 GiB).

import { SEGMENT_BYTES, Segment } from './segment.ts'

/** Bytes of larger-than-ordinary segments that wait to be used again; what is over that is left to the collector. */
const LARGE_IDLE_BYTES_MAX = 64 * 1024 * 1024
/** Parted segments that are looked at each time one is taken or given back. One comes with each, so all have their turn. */
const PARTED_LOOKS_MAX = 16
/** The same where another segment would be made otherwise. */
const PARTED_LOOKS_BEFORE_MAKING = 256

export class SegmentPool {
  /** Size of an ordinary segment, in bytes. */
  readonly segmentBytes: number
  /**
   * Idle segments by size. Ordinary ones are never dropped: their number is bounded by what buses retained at once. Changed
   * by `takeIdle` and `keep` alone, which also count the bytes of the larger ones.
   */
  private readonly idle = new Map<number, Segment[]>()
  /** Segments that were given back while writes still referred to them. */
  private parted: Segment[] = []
  /** The place in `parted` that is looked at next. */
  private nextParted = 0
  private largeIdleBytes = 0
  allocatedBytes = 0

  constructor(segmentBytes = SEGMENT_BYTES) {
    this.segmentBytes = segmentBytes
  }

  /** A segment of at least `bytes`, started anew at `firstSequence`. */
  take(bytes: number, firstSequence: number): Segment {
    const size = this.sizeFor(bytes)
    this.collect()
    if (!this.idle.get(size)?.length) this.collect(PARTED_LOOKS_BEFORE_MAKING)
    const segment = this.takeIdle(size) ?? this.allocate(size)
    segment.reset(firstSequence)
    return segment
  }

  /** Gives a segment back; it is used again once nobody refers to it. Retired first: a count of zero must stay zero. */
  give(segment: Segment): void {
    segment.retire()
    if (segment.holdCount === 0) this.keep(segment)
    else this.parted.push(segment)
    this.collect()
  }

  /** A thread that read is gone: it keeps no segment any more. */
  releaseThread(thread: number): void {
    for (const segment of this.parted) segment.releaseThread(thread)
    this.collect(this.parted.length)
  }

  /** Bytes of segments that only writes on their way to slow peers keep from being used again. */
  get partedBytes(): number {
    return this.parted.reduce((bytes, { holdCount, size }) => bytes + (holdCount === 0 ? 0 : size), 0)
  }

  private takeIdle(size: number): Segment | undefined {
    const segment = this.idle.get(size)?.pop()
    if (segment !== undefined && size > this.segmentBytes) this.largeIdleBytes -= size
    return segment
  }

  private allocate(size: number): Segment {
    this.allocatedBytes += size
    return new Segment(size)
  }

  /**
   * Looks whether some of the parted are let go by now, in turn. One look at each: its readers are other threads, so a second
   * look may see another number.
   */
  private collect(looksMax = PARTED_LOOKS_MAX): void {
    const { parted } = this
    for (let looks = Math.min(looksMax, parted.length); looks > 0; looks--) {
      this.nextParted = this.nextParted < parted.length ? this.nextParted : 0
      const segment = parted[this.nextParted]
      if (segment?.holdCount !== 0) this.nextParted++
      else this.keepParted(segment)
    }
  }

  /** The one that was looked at is kept for use; the last takes its place. */
  private keepParted(segment: Segment): void {
    const last = this.parted.pop()
    if (last !== undefined && last !== segment) this.parted[this.nextParted] = last
    this.keep(segment)
  }

  private keep(segment: Segment): void {
    const { size } = segment
    if (size > this.segmentBytes) {
      if (this.largeIdleBytes + size > LARGE_IDLE_BYTES_MAX) {
        this.allocatedBytes -= size
        return
      }
      this.largeIdleBytes += size
    }
    const sameSize = this.idle.get(size)
    if (sameSize) sameSize.push(segment)
    else this.idle.set(size, [segment])
  }

  private sizeFor(bytes: number): number {
    let size = this.segmentBytes
    while (size < bytes) size *= 2
    return size
  }
}
