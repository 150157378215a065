// The segments that a bus retains, oldest first, and where in them the newest frame of every key stands. What they hold is counted
// along, and no call but for those that change the list takes longer the more there are.

import type { Contents } from './contents.ts'
import { KeyIndex } from './key-index.ts'
import { ListChanges } from './list-changes.ts'
import type { Segment } from './segment.ts'
import type { EntryAt, FrameEntry } from './segment-layout.ts'
import { CONTROL_BYTES, entryBytes, WORD_BYTES } from './segment-layout.ts'
import type { SegmentPool } from './segment-pool.ts'

/** Room for a segment's control words and the entry of a frame that has a segment of its own. */
const SEGMENT_OVERHEAD_BYTES = CONTROL_BYTES + entryBytes(0) + WORD_BYTES

export interface SegmentListOptions {
  readonly pool: SegmentPool
  /** Seed of the key hash. */
  readonly seed: number
  /** Whether a record supersedes the one before it with its key. */
  readonly isKeyed: boolean
}

/** What all retained segments hold together, and the bytes of their buffers. */
export interface Totals extends Contents {
  bytes: number
}

export class SegmentList {
  /** A new array whenever a segment comes or goes, so that a reader may hold on to one. */
  list: readonly Segment[] = []
  /** What became of the list, for those who tell other threads. */
  readonly changes = new ListChanges()
  /** Sequence that the next frame gets: the place right behind the tail. */
  nextSequence = 1
  readonly totals: Readonly<Totals>
  /** null where no record supersedes another. */
  index: KeyIndex | null
  readonly pool: SegmentPool
  private readonly options: SegmentListOptions
  private readonly counted = nothing()
  /** When the latest of all records of the topic was written, as far as that is known, in epoch ms. */
  private latestSoFarMs = 0
  private readonly slots: (Segment | undefined)[] = []
  private readonly freeSlots: number[] = []

  constructor(options: SegmentListOptions) {
    this.options = options
    this.pool = options.pool
    this.totals = this.counted
    this.index = this.createIndex()
  }

  get tail(): Segment | undefined {
    return this.list.at(-1)
  }

  /** Takes a sequence that no frame gets: something happened here. Whoever was at the tail is before it. */
  takeSequence(): number {
    return this.nextSequence++
  }

  /** A new tail, with room for a frame and its key. It stands for every sequence behind the old one. */
  add(frameAndKeyBytes: number, nowMs: number): Segment {
    const { tail } = this
    const segment = this.take(
      frameAndKeyBytes,
      tail === undefined ? this.nextSequence : tail.lastSequence + 1,
    )
    segment.newestArrivalMs = nowMs
    this.splice(this.list.length, 0, [segment])
    return segment
  }

  /** A segment with a slot of its own, not yet among the retained. */
  take(bytes: number, firstSequence: number): Segment {
    const segment = this.pool.take(bytes + SEGMENT_OVERHEAD_BYTES, firstSequence)
    segment.slot = this.freeSlots.pop() ?? this.slots.length
    this.slots[segment.slot] = segment
    return segment
  }

  /**
   * Adds a frame to the tail, not yet published; its key's frame before it is superseded. `writtenMs` is when its record was written
   * as far as that is known, in epoch ms. Returns where its bytes belong.
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

  /** Lets a frame go as of `sequence`, wherever it stands; true if it was live. */
  removeFrame(segment: Segment, at: EntryAt, sequence: number): boolean {
    const isLive = !segment.isSuperseded(at)
    if (isLive) this.unindex(segment, at)
    segment.markRemoved(at, sequence)
    return isLive
  }

  /** Puts `replacements`, which have all their live frames, where `count` segments stood from `first` on. */
  replace(first: number, count: number, replacements: readonly Segment[]): void {
    this.splice(first, count, replacements)
  }

  /** Drops the segment at this place in the list, with all that is in it. */
  removeSegment(place: number): void {
    const segment = this.list[place]
    if (segment === undefined) return
    if (segment.liveFrames > 0 && this.index !== null) this.unindexAll(segment)
    this.splice(place, 1, [])
  }

  /** Lets everything go. Sequences go on. */
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

  /** A live frame is the newest of its key: there is none any more. */
  private unindex(segment: Segment, at: EntryAt): void {
    if (this.index !== null && segment.hasKey(at)) this.index.delete(segment, at)
  }

  /** The one place where the list changes. */
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

/** Counts a segment among the retained, or no more among them. */
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
