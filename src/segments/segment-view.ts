// The reader's side of a segment, in every thread: published entries, and holds that keep its bytes from being reused.
// The writer's side is src/segments/segment.ts.

import { SegmentEntries } from './segment-entries.ts'
import {
  CONTROL_BYTES,
  type EntryAt,
  GENERATION,
  HOLD_COUNTS,
  LEAVING_FRAMES,
  NONE,
  ROUTE_INDEX,
  ROUTE_PLACES,
  THREADS_MAX,
  TOO_LARGE_FRAMES,
} from './segment-layout.ts'

export class SegmentView extends SegmentEntries {
  /** The buffer's generation when this view was made. The writer begins a new one before it reuses the buffer. */
  generation = 0
  /** The last entry that this thread may read, or NONE. */
  lastPublished: EntryAt = NONE
  /** Id of the last frame. null as long as frames may be added, and for an empty segment. */
  endId: string | null = null
  /** Last sequence that the segment covers, including those of frames that compaction has dropped. */
  lastSequence = 0
  /** Next sequence of the bus when compaction wrote this segment. Frames superseded before that may be missing. */
  rewrittenAt = 0
  /** Latest timestamp of the records in the segment, in epoch ms. */
  newestTimestampMs = 0
  protected readonly control: Int32Array
  private readonly holdCountWord: number
  /** The last slice that was returned. Kept because all streams at the tail ask for the same one. */
  private lastSlice: Buffer

  /** `thread`: number of the thread that uses this view. */
  constructor(shared: SharedArrayBuffer, thread = 0) {
    super(shared)
    this.holdCountWord = HOLD_COUNTS + thread
    this.control = new Int32Array(shared, 0, CONTROL_BYTES / 4)
    this.lastSlice = this.bytes.subarray(0, 0)
  }

  /** The size of the buffer, in bytes. */
  get size(): number {
    return this.shared.byteLength
  }

  /** How many holds all threads have together. */
  get holdCount(): number {
    let count = 0
    for (let word = HOLD_COUNTS; word < HOLD_COUNTS + THREADS_MAX; word++)
      count += Atomics.load(this.control, word)
    return count
  }

  /**
   * Holds the segment: its bytes do not change until `release`. Returns false, without a hold, if the
   * buffer was reused. Counts first and then checks the generation; the writer ends the generation
   * first and then checks the counts.
   */
  hold(): boolean {
    Atomics.add(this.control, this.holdCountWord, 1)
    if (this.isCurrent) return true
    this.release()
    return false
  }

  release(): void {
    Atomics.sub(this.control, this.holdCountWord, 1)
  }

  /** Whether the buffer still has the contents that it had when this view was made. */
  get isCurrent(): boolean {
    return Atomics.load(this.control, GENERATION) === this.generation
  }

  /** How many frames from `first` through `last` replace a too-large record. Does not search if there are none. */
  tooLargeBetween(first: EntryAt, last: EntryAt): number {
    if (this.control[TOO_LARGE_FRAMES] === 0) return 0
    let frames = 0
    for (let at = first; at <= last; at = this.next(at)) if (this.isTooLarge(at)) frames++
    return frames
  }

  /** Whether some frames are for streams of a key's former values alone. */
  get hasLeaving(): boolean {
    return this.control[LEAVING_FRAMES] !== 0
  }

  /** The bytes from `start` to `end`, without a copy. */
  slice(start: number, end: number): Buffer {
    const last = this.lastSlice
    if (last.byteOffset === start && last.length === end - start) return last
    this.lastSlice = this.bytes.subarray(start, end)
    return this.lastSlice
  }

  /**
   * Adds to `found`, in order, the entries from `from` on whose frames have a value with this hash. Only a closed
   * segment has an index.
   */
  findRouted(hash: number, selector: number, value: Uint8Array, from: EntryAt, found: EntryAt[]): void {
    const [first, places] = [this.control[ROUTE_INDEX] ?? 0, this.control[ROUTE_PLACES] ?? 0]
    for (let place = this.firstPlace(first, places, hash, from); place < places; place++) {
      if (this.words[first + 2 * place] !== hash) return
      const at = this.words[first + 2 * place + 1] ?? 0
      if (this.hasRoute(at, selector, value)) found.push(at)
    }
  }

  /** The first place of a hash whose entry is `from` or a later one. */
  private firstPlace(first: number, places: number, hash: number, from: EntryAt): number {
    let [low, high] = [0, places]
    while (low < high) {
      const middle = (low + high) >>> 1
      const middleHash = this.words[first + 2 * middle] ?? 0
      const isBefore =
        middleHash < hash || (middleHash === hash && (this.words[first + 2 * middle + 1] ?? 0) < from)
      if (isBefore) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Ends the current contents: `hold` of older views fails from now on. Only the writer calls it. */
  protected beginGeneration(): void {
    Atomics.add(this.control, GENERATION, 1)
    this.generation = Atomics.load(this.control, GENERATION)
  }

  /** Releases all holds of a thread that has ended. Only the writer calls it. */
  releaseThread(thread: number): void {
    Atomics.store(this.control, HOLD_COUNTS + thread, 0)
  }
}
