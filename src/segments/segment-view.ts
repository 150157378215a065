// A segment as any thread may use it: it reads published entries, and holds the segment while it refers to the bytes.
// The writer's side is src/segments/segment.ts.

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
  /** The buffer's generation when this view was made. The writer begins a new one before it reuses the buffer. */
  generation = 0
  /** The last entry that this thread may read, or NONE. */
  lastPublished: EntryAt = NONE
  /** Id of the last frame. null as long as frames may be added, and for an empty segment. */
  endId: string | null = null
  /** The sequences that the segment covers, including those of frames that compaction has dropped. */
  firstSequence = 0
  lastSequence = 0
  /** Next sequence of the bus when compaction wrote this segment. Frames superseded before that may be missing. */
  rewrittenAt = 0
  /** Latest timestamp of the records in the segment, in epoch ms. */
  newestTimestampMs = 0
  protected readonly words: Uint32Array
  protected readonly control: Int32Array
  private readonly holdCountWord: number
  /** Byte where the first entry begins. Stored because every access to an entry needs it. */
  private readonly firstEntryByte: number
  /** The last slice that was returned. Kept because all streams at the tail ask for the same one. */
  private lastSlice: Buffer

  /** `thread`: number of the thread that uses this view. */
  constructor(shared: SharedArrayBuffer, thread = 0) {
    this.shared = shared
    this.holdCountWord = HOLD_COUNTS + thread
    this.firstEntryByte = shared.byteLength - ENTRY_BYTES
    this.bytes = Buffer.from(shared)
    this.words = new Uint32Array(shared)
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

  /** The entry after `at`. */
  next(at: EntryAt): EntryAt {
    const keyLength = this.words[this.entryWord(at) + KEY_LENGTH] ?? NO_KEY
    return at + entryBytes(keyLength === NO_KEY ? 0 : keyLength)
  }

  sequence(at: EntryAt): number {
    return this.firstSequence + (this.words[this.entryWord(at) + SEQUENCE] ?? 0)
  }

  /**
   * Whether the frame was superseded before the record of sequence `asOf` came. Also true for any frame superseded 2^32
   * sequences or more after its segment's first: a reader may skip it, because the newer frame is still ahead of it.
   */
  supersededBefore(at: EntryAt, asOf: number): boolean {
    const distance = Atomics.load(this.words, this.entryWord(at) + SUPERSEDED)
    return distance !== 0 && (distance === SUPERSEDED_LATE || this.firstSequence + distance < asOf)
  }

  isSuperseded(at: EntryAt): boolean {
    return Atomics.load(this.words, this.entryWord(at) + SUPERSEDED) !== 0
  }

  /** Whether the frame is marked as removed: Kafka deleted it, or its time was over. */
  isRemoved(at: EntryAt): boolean {
    return (Atomics.load(this.words, this.entryWord(at) + ID_LENGTH_AND_FLAGS) & REMOVED) !== 0
  }

  isTombstone(at: EntryAt): boolean {
    return ((this.words[this.entryWord(at) + ID_LENGTH_AND_FLAGS] ?? 0) & TOMBSTONE) !== 0
  }

  isTooLarge(at: EntryAt): boolean {
    return ((this.words[this.entryWord(at) + ID_LENGTH_AND_FLAGS] ?? 0) & TOO_LARGE) !== 0
  }

  /** How many frames from `first` through `last` replace a too-large record. Does not search if there are none. */
  tooLargeBetween(first: EntryAt, last: EntryAt): number {
    if (this.control[TOO_LARGE_FRAMES] === 0) return 0
    let frames = 0
    for (let at = first; at <= last; at = this.next(at)) if (this.isTooLarge(at)) frames++
    return frames
  }

  /** The bytes from `start` to `end`, without a copy. */
  slice(start: number, end: number): Buffer {
    const last = this.lastSlice
    if (last.byteOffset === start && last.length === end - start) return last
    this.lastSlice = this.bytes.subarray(start, end)
    return this.lastSlice
  }

  /** Index in `bytes` of the frame's first byte. */
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

  /** Index in `bytes` after the frame's last byte. */
  frameEnd(at: EntryAt): number {
    const word = this.entryWord(at)
    return (this.words[word + START] ?? 0) + (this.words[word + LENGTH] ?? 0)
  }

  /** The frame's event id. */
  id(at: EntryAt): string {
    const end = this.frameEnd(at) - 2
    return this.bytes.toString('latin1', end - this.idLength(at), end)
  }

  /** Length of the id's text in bytes. The id ends two bytes before the frame's end. */
  idLength(at: EntryAt): number {
    return (this.words[this.entryWord(at) + ID_LENGTH_AND_FLAGS] ?? 0) & ID_LENGTH_MASK
  }

  hasKey(at: EntryAt): boolean {
    return this.words[this.entryWord(at) + KEY_LENGTH] !== NO_KEY
  }

  /** The key's bytes, without a copy. null for a record without a key. */
  key(at: EntryAt): Buffer | null {
    const length = this.words[this.entryWord(at) + KEY_LENGTH] ?? NO_KEY
    if (length === NO_KEY) return null
    const start = this.keyStartOf(at, length)
    return this.bytes.subarray(start, start + length)
  }

  /** Length of the key in bytes. Also 0 for a record without a key. */
  keyLength(at: EntryAt): number {
    const length = this.words[this.entryWord(at) + KEY_LENGTH] ?? NO_KEY
    return length === NO_KEY ? 0 : length
  }

  /** Index in `bytes` of the key's first byte. */
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
