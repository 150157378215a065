// What any thread may do with a segment: read what it was told is published, entry by entry, and count itself in while it
// refers to the bytes. src/segments/segment.ts has the one writer's side.

import {
  CONTROL_BYTES,
  ENTRY_BYTES,
  type EntryAt,
  entryBytes,
  GENERATION,
  HOLD_COUNTS,
  ID_LENGTH_AND_FLAGS,
  ID_LENGTH_MASK,
  KEY_LENGTH,
  LENGTH,
  NO_KEY,
  NONE,
  OFFSET_AND_TIMESTAMP_HIGH,
  OFFSET_HIGH_BITS,
  OFFSET_HIGH_MASK,
  OFFSET_LOW,
  PARTITION,
  padded,
  REMOVED,
  SEQUENCE,
  START,
  SUPERSEDED,
  SUPERSEDED_LATE,
  THREADS_MAX,
  TIMESTAMP_LOW,
  TOMBSTONE,
  TOO_LARGE,
  TOO_LARGE_FRAMES,
  WORD,
} from './segment-layout.ts'

export class SegmentView {
  readonly shared: SharedArrayBuffer
  readonly bytes: Buffer
  /** What the buffer held when this view of it was made, by number: the writer begins a new one before it reuses the buffer. */
  generation = 0
  /** The last entry that this thread may read, or NONE. */
  lastPublished: EntryAt = NONE
  /** Id of the last frame, once no more come. */
  endId: string | null = null
  /** Sequences that the segment stands for, whether their frames are still in it or were compacted away. */
  firstSequence = 0
  lastSequence = 0
  /** Next sequence of the bus when compaction wrote this segment: frames superseded before it may be missing. */
  rewrittenAt = 0
  /** The latest timestamp of a record in here, in epoch ms. */
  newestTimestampMs = 0
  protected readonly words: Uint32Array
  protected readonly control: Int32Array
  private readonly holdCountWord: number
  /** Where the first entry begins. Kept, since every look at an entry asks for it. */
  private readonly firstEntryByte: number
  /** The slice that was handed out last: all streams at the tail ask for the same one. */
  private lastSlice: Buffer

  /** `thread`: number of the thread that reads by this view. */
  constructor(shared: SharedArrayBuffer, thread = 0) {
    this.shared = shared
    this.holdCountWord = HOLD_COUNTS + thread
    this.firstEntryByte = shared.byteLength - ENTRY_BYTES
    this.bytes = Buffer.from(shared)
    this.words = new Uint32Array(shared)
    this.control = new Int32Array(shared, 0, CONTROL_BYTES / 4)
    this.lastSlice = this.bytes.subarray(0, 0)
  }

  /** The size of its buffer, in bytes. */
  get size(): number {
    return this.shared.byteLength
  }

  /** How often all threads together have counted themselves in. */
  get holdCount(): number {
    let count = 0
    for (let word = HOLD_COUNTS; word < HOLD_COUNTS + THREADS_MAX; word++)
      count += Atomics.load(this.control, word)
    return count
  }

  /**
   * Counts this thread in, so that the bytes stay what they are until `release`; false, and nothing is counted, where they
   * are something else by now. Counted first, then looked: the writer ends a generation first, then looks for readers.
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

  /** Whether the buffer still holds what it did when this view was made. */
  get isCurrent(): boolean {
    return Atomics.load(this.control, GENERATION) === this.generation
  }

  /** The entry behind `at`. */
  next(at: EntryAt): EntryAt {
    const keyLength = this.words[this.entryWord(at) + KEY_LENGTH] ?? NO_KEY
    return at + entryBytes(keyLength === NO_KEY ? 0 : keyLength)
  }

  sequence(at: EntryAt): number {
    return this.firstSequence + (this.words[this.entryWord(at) + SEQUENCE] ?? 0)
  }

  /**
   * Whether the frame was superseded before the record of sequence `asOf` came. One superseded more than 2^32 records
   * after its segment began counts as that, whenever it was: the newer value is still to come, so it may be skipped.
   */
  supersededBefore(at: EntryAt, asOf: number): boolean {
    const distance = Atomics.load(this.words, this.entryWord(at) + SUPERSEDED)
    return distance !== 0 && (distance === SUPERSEDED_LATE || this.firstSequence + distance < asOf)
  }

  isSuperseded(at: EntryAt): boolean {
    return Atomics.load(this.words, this.entryWord(at) + SUPERSEDED) !== 0
  }

  /** Whether the frame has left the bus without a newer value of its key: what Kafka deleted, what had its time. */
  isRemoved(at: EntryAt): boolean {
    return (Atomics.load(this.words, this.entryWord(at) + ID_LENGTH_AND_FLAGS) & REMOVED) !== 0
  }

  isTombstone(at: EntryAt): boolean {
    return ((this.words[this.entryWord(at) + ID_LENGTH_AND_FLAGS] ?? 0) & TOMBSTONE) !== 0
  }

  isTooLarge(at: EntryAt): boolean {
    return ((this.words[this.entryWord(at) + ID_LENGTH_AND_FLAGS] ?? 0) & TOO_LARGE) !== 0
  }

  /** How many frames from one to another, both counted, say that a record was too large. Most segments have none to look for. */
  tooLargeBetween(first: EntryAt, last: EntryAt): number {
    if (this.control[TOO_LARGE_FRAMES] === 0) return 0
    let frames = 0
    for (let at = first; at <= last; at = this.next(at)) if (this.isTooLarge(at)) frames++
    return frames
  }

  /** Bytes from `start` to `end`, in place. */
  slice(start: number, end: number): Buffer {
    const last = this.lastSlice
    if (last.byteOffset === start && last.length === end - start) return last
    this.lastSlice = this.bytes.subarray(start, end)
    return this.lastSlice
  }

  /** First byte of the frame in `bytes`. */
  start(at: EntryAt): number {
    return this.words[this.entryWord(at) + START] ?? 0
  }

  length(at: EntryAt): number {
    return this.words[this.entryWord(at) + LENGTH] ?? 0
  }

  partition(at: EntryAt): number {
    return this.words[this.entryWord(at) + PARTITION] ?? 0
  }

  offset(at: EntryAt): number {
    const word = this.entryWord(at)
    const high = (this.words[word + OFFSET_AND_TIMESTAMP_HIGH] ?? 0) & OFFSET_HIGH_MASK
    return high * WORD + (this.words[word + OFFSET_LOW] ?? 0)
  }

  /** The record's timestamp in epoch ms, from 0 to TIMESTAMP_MAX_MS. */
  timestampMs(at: EntryAt): number {
    const word = this.entryWord(at)
    const high = (this.words[word + OFFSET_AND_TIMESTAMP_HIGH] ?? 0) >>> OFFSET_HIGH_BITS
    return high * WORD + (this.words[word + TIMESTAMP_LOW] ?? 0)
  }

  /** Byte behind the frame. */
  frameEnd(at: EntryAt): number {
    const word = this.entryWord(at)
    return (this.words[word + START] ?? 0) + (this.words[word + LENGTH] ?? 0)
  }

  /** The frame's event id. */
  id(at: EntryAt): string {
    const end = this.frameEnd(at) - 2
    return this.bytes.toString('latin1', end - this.idLength(at), end)
  }

  /** Length of the id's text; it ends two bytes before its frame. */
  idLength(at: EntryAt): number {
    return (this.words[this.entryWord(at) + ID_LENGTH_AND_FLAGS] ?? 0) & ID_LENGTH_MASK
  }

  hasKey(at: EntryAt): boolean {
    return this.words[this.entryWord(at) + KEY_LENGTH] !== NO_KEY
  }

  /** The key's bytes, in place: null for a record without one. */
  key(at: EntryAt): Buffer | null {
    const length = this.words[this.entryWord(at) + KEY_LENGTH] ?? NO_KEY
    if (length === NO_KEY) return null
    const start = this.keyStartOf(at, length)
    return this.bytes.subarray(start, start + length)
  }

  /** Length of the key; 0 for a record without one, too. */
  keyLength(at: EntryAt): number {
    const length = this.words[this.entryWord(at) + KEY_LENGTH] ?? NO_KEY
    return length === NO_KEY ? 0 : length
  }

  /** Where the key stands in `bytes`. */
  keyStart(at: EntryAt): number {
    return this.keyStartOf(at, this.keyLength(at))
  }

  keyEquals(at: EntryAt, partition: number, key: Uint8Array): boolean {
    const word = this.entryWord(at)
    if (this.words[word + PARTITION] !== partition || this.words[word + KEY_LENGTH] !== key.length)
      return false
    const start = this.keyStartOf(at, key.length)
    for (let i = 0; i < key.length; i++) if (this.bytes[start + i] !== key[i]) return false
    return true
  }

  protected entryWord(at: EntryAt): number {
    return (this.firstEntryByte - at) >> 2
  }

  protected keyStartOf(at: EntryAt, keyLength: number): number {
    return this.firstEntryByte - at - padded(keyLength)
  }

  /** Ends what the buffer stands for: nobody counts itself in for the old bytes any more. The writer's alone. */
  protected beginGeneration(): void {
    Atomics.add(this.control, GENERATION, 1)
    this.generation = Atomics.load(this.control, GENERATION)
  }

  /** A thread is gone: it refers to nothing any more. The writer's alone. */
  releaseThread(thread: number): void {
    Atomics.store(this.control, HOLD_COUNTS + thread, 0)
  }
}
