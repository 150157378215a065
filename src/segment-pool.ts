// Segments that are not in use, kept to be used again: dropping a SharedArrayBuffer does not free it soon, and V8 does
// not feel the memory that piles up (64 MiB live grew to 3.2 GiB).

import { SEGMENT_BYTES, Segment } from './segment.ts'

/** Bytes of larger-than-ordinary segments that wait to be used again; what is over that is left to the collector. */
const LARGE_IDLE_BYTES_MAX = 64 * 1024 * 1024

export class SegmentPool {
  /** Size of an ordinary segment, in bytes. */
  readonly segmentBytes: number
  /** Idle segments by size. Ordinary ones are never dropped: their number is bounded by what buses retained at once. */
  private readonly idle = new Map<number, Segment[]>()
  /** Segments that were given back while writes still referred to them. */
  private parted: Segment[] = []
  private largeIdleBytes = 0
  allocatedBytes = 0

  constructor(segmentBytes = SEGMENT_BYTES) {
    this.segmentBytes = segmentBytes
  }

  /** A segment of at least `bytes`, started anew at `firstSequence`. */
  take(bytes: number, firstSequence: number): Segment {
    this.collect()
    const size = this.sizeFor(bytes)
    const segment = this.idle.get(size)?.pop() ?? this.allocate(size)
    if (size > this.segmentBytes) this.largeIdleBytes = Math.max(0, this.largeIdleBytes - size)
    segment.reset(firstSequence)
    return segment
  }

  /** Gives a segment back; it is used again once nobody refers to it. Retired first: a count of zero must stay zero. */
  give(segment: Segment): void {
    segment.retire()
    this.parted.push(segment)
    this.collect()
  }

  /** A thread that read is gone: it keeps no segment any more. */
  forgetReader(reader: number): void {
    for (const segment of this.parted) segment.forgetReader(reader)
    this.collect()
  }

  /** Bytes of segments that only writes on their way to slow peers keep from being used again. */
  get partedBytes(): number {
    return this.parted.reduce((bytes, { readers, size }) => bytes + (readers === 0 ? 0 : size), 0)
  }

  private allocate(size: number): Segment {
    this.allocatedBytes += size
    return new Segment(size)
  }

  /** One look at each: its readers are other threads, so a second look may see another number. */
  private collect(): void {
    if (this.parted.length === 0) return
    const stillRead: Segment[] = []
    for (const segment of this.parted) {
      if (segment.readers === 0) this.keep(segment)
      else stillRead.push(segment)
    }
    this.parted = stillRead
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
