// The segments that a bus retains, oldest first, with the key index and counts of what they hold. Only calls that
// change the list take longer when there are more segments.

import { KeyIndex } from './key-index.ts'
import { ListChanges } from './list-changes.ts'
import type { Segment } from './segment.ts'
import type { SegmentCounts } from './segment-counts.ts'
import type { EntryAt, FrameEntry } from './segment-layout.ts'
import { CONTROL_BYTES } from './segment-layout.ts'
import type { SegmentPool } from './segment-pool.ts'

export interface SegmentListOptions {
  readonly pool: SegmentPool
  /** Seed of the key hash. */
  readonly seed: number
  /** Whether a record supersedes the older record of its key. */
  readonly isKeyed: boolean
}

/** Counts of all retained segments together. */
export interface Totals extends SegmentCounts {
  /** Bytes of the segments' buffers. */
  bytes: number
}

export class SegmentList {
  /** Replaced by a new array with each change, so that a reader may keep the one it has. */
  list: readonly Segment[] = []
  /** The last changes of the list, to be sent to other threads. */
  readonly changes = new ListChanges()
  /** Sequence of the next frame. */
  nextSequence = 1
  readonly totals: Readonly<Totals>
  /** null where no record supersedes another. */
  index: KeyIndex | null
  readonly pool: SegmentPool
  readonly seed: number
  private readonly options: SegmentListOptions
  private readonly counted = nothing()
  /** The latest time at which a record of the topic was written, in epoch ms, as `append` was told. */
  private latestSoFarMs = 0
  private readonly slots: (Segment | undefined)[] = []
  private readonly freeSlots: number[] = []

  constructor(options: SegmentListOptions) {
    this.options = options
    this.seed = options.seed
    this.pool = options.pool
    this.totals = this.counted
    this.index = this.createIndex()
  }

  get tail(): Segment | undefined {
    return this.list.at(-1)
  }

  /** Takes a sequence for an event that adds no frame. A reader that was at the tail is before it. */
  takeSequence(): number {
    return this.nextSequence++
  }

  /** Adds a new tail with room for so many bytes. It covers every sequence after the old tail's last. */
  add(bytes: number, nowMs: number): Segment {
    const { tail } = this
    const segment = this.take(bytes, tail === undefined ? this.nextSequence : tail.lastSequence + 1)
    segment.newestArrivalMs = nowMs
    this.splice(this.list.length, 0, [segment])
    return segment
  }

  /** Takes a segment from the pool and gives it a slot. It is not in the list yet. */
  take(bytes: number, firstSequence: number): Segment {
    const segment = this.pool.take(bytes + CONTROL_BYTES, firstSequence)
    segment.slot = this.freeSlots.pop() ?? this.slots.length
    this.slots[segment.slot] = segment
    return segment
  }

  /**
   * Adds a frame to the tail, unpublished, and marks the older frame of its key as superseded. `writtenMs`: when its
   * record was written, in epoch ms, as far as known. Returns the index in `tail.bytes` where the frame belongs.
   */
  append(tail: Segment, entry: FrameEntry, writtenMs: number): number {
    const at = tail.end
    const start = tail.append(entry)
    if (writtenMs > this.latestSoFarMs) this.latestSoFarMs = writtenMs
    tail.latestSoFarMs = this.latestSoFarMs
    if (entry.key !== null) {
      const previous = this.index?.set(entry.partition, entry.key, tail, at)
      previous?.segment.supersede(previous.at, entry.sequence)
    }
    return start
  }

  /** Marks a frame as removed as of `sequence`, and removes it from the key index. Returns whether it was live. */
  removeFrame(segment: Segment, at: EntryAt, sequence: number): boolean {
    const isLive = !segment.isSuperseded(at)
    if (isLive) this.unindex(segment, at)
    segment.markRemoved(at, sequence)
    return isLive
  }

  /** Replaces `count` segments from index `first` on. `replacements` must have all of their live frames. */
  replace(first: number, count: number, replacements: readonly Segment[]): void {
    this.splice(first, count, replacements)
  }

  /** Removes the segment at this index, with all its frames. */
  removeSegment(index: number): void {
    const segment = this.list[index]
    if (segment === undefined) return
    if (segment.liveFrames > 0 && this.index !== null) this.unindexAll(segment)
    this.splice(index, 1, [])
  }

  /** Removes all segments. Sequences go on. */
  clear(): void {
    this.splice(0, this.list.length, [])
    this.latestSoFarMs = 0
    this.index = this.createIndex()
  }

  private createIndex(): KeyIndex | null {
    return this.options.isKeyed ? new KeyIndex(this.slots, this.options.seed) : null
  }

  private unindexAll(segment: Segment): void {
    for (let at = 0; at < segment.end; at = segment.next(at)) {
      if (!segment.isSuperseded(at)) this.unindex(segment, at)
    }
  }

  /** Removes a live frame from the key index. Its key has no newest frame then. */
  private unindex(segment: Segment, at: EntryAt): void {
    if (this.index !== null && segment.hasKey(at)) this.index.delete(segment, at)
  }

  /** Changes the list. Nothing else does. */
  private splice(first: number, count: number, coming: readonly Segment[]): void {
    const { list } = this
    const leaving = list.slice(first, first + count)
    this.list = list.slice(0, first).concat(coming, list.slice(first + count))
    this.changes.note({ first, removed: leaving.length, added: coming.length })
    for (const segment of coming) this.count(segment)
    for (const segment of leaving) this.giveBack(segment)
  }

  private count(segment: Segment): void {
    segment.totals = this.counted
    change(this.counted, segment, 1)
  }

  private giveBack(segment: Segment): void {
    segment.totals = null
    change(this.counted, segment, -1)
    this.slots[segment.slot] = undefined
    this.freeSlots.push(segment.slot)
    segment.slot = -1
    this.pool.give(segment)
  }
}

function nothing(): Totals {
  return {
    bytes: 0,
    frames: 0,
    takenBytes: 0,
    liveFrames: 0,
    liveBytes: 0,
    liveTombstones: 0,
    liveKeyless: 0,
    liveKeylessBytes: 0,
  }
}

/** Adds a segment's counts to the totals, or subtracts them. */
function change(totals: Totals, segment: Segment, by: 1 | -1): void {
  totals.bytes += by * segment.size
  totals.frames += by * segment.frames
  totals.takenBytes += by * segment.takenBytes
  totals.liveFrames += by * segment.liveFrames
  totals.liveBytes += by * segment.liveBytes
  totals.liveTombstones += by * segment.liveTombstones
  totals.liveKeyless += by * segment.liveKeyless
  totals.liveKeylessBytes += by * segment.liveKeylessBytes
}
