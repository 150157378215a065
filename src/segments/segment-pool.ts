// A pool of unused segments. Buffers are reused, because V8 frees SharedArrayBuffers late and does not count their
// memory: with 64 MiB in use, 3.2 GiB piled up.

import { SEGMENT_BYTES, Segment } from './segment.ts'

/** Bytes of idle segments above the ordinary size. Segments beyond that are left to the garbage collector. */
const LARGE_IDLE_BYTES_MAX = 64 * 1024 * 1024
/**
 * Parted segments to check each time a segment is taken or given back. At most one is
 * added each time, so all get a turn.
 */
const PARTED_LOOKS_MAX = 16
/** The same before a new segment is allocated. */
const PARTED_LOOKS_BEFORE_MAKING = 256

export class SegmentPool {
  /** Size of an ordinary segment, in bytes. */
  readonly segmentBytes: number
  /**
   * Idle segments by size. Ordinary ones stay for good: there are never more than buses retained at one time. Only
   * `takeIdle` and `keep` change it, because they also count the bytes of the larger ones.
   */
  private readonly idle = new Map<number, Segment[]>()
  /** Segments that were given back while a thread still held them. */
  private parted: Segment[] = []
  /** Index in `parted` of the next segment to check. */
  private nextParted = 0
  private largeIdleBytes = 0
  /** Bytes of all segments that were allocated and not left to the garbage collector. */
  allocatedBytes = 0

  constructor(segmentBytes = SEGMENT_BYTES) {
    this.segmentBytes = segmentBytes
  }

  /** An empty segment of at least `bytes` that starts at `firstSequence`. */
  take(bytes: number, firstSequence: number): Segment {
    const size = this.sizeFor(bytes)
    this.collect()
    if (!this.idle.get(size)?.length) this.collect(PARTED_LOOKS_BEFORE_MAKING)
    const segment = this.takeIdle(size) ?? this.allocate(size)
    segment.reset(firstSequence)
    return segment
  }

  /** Gives a segment back. It is reused once no thread holds it. It is retired first, so that no new hold begins. */
  give(segment: Segment): void {
    segment.retire()
    if (segment.holdCount === 0) this.keep(segment)
    else this.parted.push(segment)
    this.collect()
  }

  /** Releases all holds of a thread that has ended. */
  releaseThread(thread: number): void {
    for (const segment of this.parted) segment.releaseThread(thread)
    this.collect(this.parted.length)
  }

  /** Bytes of segments that were given back and are still held, by writes to slow peers. */
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
   * Moves parted segments that are no longer held to the idle ones, checking up to `looksMax` in turn. Reads each
   * count once: other threads change it, so a second read may differ.
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

  /** Makes the parted segment at `nextParted` idle. The last parted one takes its place. */
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
