// The segments that a bus retains, oldest first, and where in them the newest frame of every key stands.

import { KeyIndex } from './key-index.ts'
import type { EntryAt, FrameEntry, Segment } from './segment.ts'
import type { SegmentPool } from './segment-pool.ts'
import { CONTROL_BYTES, entryBytes, WORD_BYTES } from './segment-view.ts'

/** Room for a segment's control words and the entry of a frame that has a segment of its own. */
const SEGMENT_OVERHEAD_BYTES = CONTROL_BYTES + entryBytes(0) + WORD_BYTES

export interface SegmentsOptions {
  readonly pool: SegmentPool
  /** Seed of the key hash. */
  readonly seed: number
  /** Whether a record supersedes the one before it with its key. */
  readonly isKeyed: boolean
}

export class Segments {
  /** A new array whenever a segment comes or goes, so that a reader may hold on to one. */
  list: readonly Segment[] = []
  /** Sequence that the next frame gets: the place right behind the tail. */
  nextSequence = 1
  /** Frames retained, live or not. */
  frames = 0
  /** null where no record supersedes another. */
  index: KeyIndex | null
  readonly pool: SegmentPool
  private readonly options: SegmentsOptions
  private readonly slots: (Segment | undefined)[] = []

  constructor(options: SegmentsOptions) {
    this.options = options
    this.pool = options.pool
    this.index = this.createIndex()
  }

  get tail(): Segment | undefined {
    return this.list.at(-1)
  }

  /** Bytes of the buffers. */
  get bytes(): number {
    return sum(this.list, ({ size }) => size)
  }

  get liveFrames(): number {
    return sum(this.list, ({ liveFrames }) => liveFrames)
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
    this.list = [...this.list, segment]
    return segment
  }

  /** A segment with a slot of its own, not yet among the retained. */
  take(bytes: number, firstSequence: number): Segment {
    const segment = this.pool.take(bytes + SEGMENT_OVERHEAD_BYTES, firstSequence)
    const free = this.slots.indexOf(undefined)
    segment.slot = free === -1 ? this.slots.length : free
    this.slots[segment.slot] = segment
    return segment
  }

  /** Adds a frame to the tail, not yet published; its key's frame before it is superseded. Returns where its bytes belong. */
  append(tail: Segment, entry: FrameEntry): number {
    const at = tail.end
    const start = tail.append(entry)
    this.frames++
    if (entry.key !== null) {
      const previous = this.index?.set(entry.partition, entry.key, tail, at)
      previous?.segment.supersede(previous.at, entry.sequence)
    }
    return start
  }

  /** Lets a frame go as of `sequence`, wherever it stands; true if it was live. */
  bury(segment: Segment, at: EntryAt, sequence: number): boolean {
    const isLive = !segment.isSuperseded(at)
    if (isLive) this.forget(segment, at)
    segment.bury(at, sequence)
    return isLive
  }

  /** Puts `replacements`, which have all their live frames, where `count` segments stood from `first` on. */
  replace(first: number, count: number, replacements: readonly Segment[]): void {
    const leaving = this.list.slice(first, first + count)
    this.list = [...this.list.slice(0, first), ...replacements, ...this.list.slice(first + count)]
    for (const segment of replacements) this.frames += segment.frames
    for (const segment of leaving) this.giveBack(segment)
  }

  /** Drops the oldest segment with all that is in it. */
  dropOldest(): void {
    const [oldest] = this.list
    if (oldest === undefined) return
    this.list = this.list.slice(1)
    for (let at = 0; at < oldest.end; at = oldest.next(at)) {
      if (!oldest.isSuperseded(at)) this.forget(oldest, at)
    }
    this.giveBack(oldest)
  }

  /** Lets everything go. Sequences go on. */
  clear(): void {
    for (const segment of this.list) this.giveBack(segment)
    this.list = []
    this.index = this.createIndex()
  }

  private createIndex(): KeyIndex | null {
    return this.options.isKeyed ? new KeyIndex(this.slots, this.options.seed) : null
  }

  /** A live frame is the newest of its key: there is none any more. */
  private forget(segment: Segment, at: EntryAt): void {
    const key = this.index === null ? null : segment.key(at)
    if (key !== null) this.index?.delete(segment.partition(at), key)
  }

  private giveBack(segment: Segment): void {
    this.frames -= segment.frames
    this.slots[segment.slot] = undefined
    segment.slot = -1
    this.pool.give(segment)
  }
}

export function sum(segments: readonly Segment[], figure: (segment: Segment) => number): number {
  return segments.reduce((total, segment) => total + figure(segment), 0)
}
