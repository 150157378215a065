// A stretch of a bus: frames from the front, their table from the back, in one SharedArrayBuffer that any thread can read.
// One writer appends and publishes; readers see only what was published, and count themselves in while they refer to it.

/** Size of an ordinary segment, in bytes; a frame that does not fit gets one of the next power of two of its own. */
export const SEGMENT_BYTES = 1024 * 1024

// Control words at the front of the buffer.
const GENERATION = 0
const READERS = 1
const PUBLISHED = 2
const CONTROL_BYTES = 16

// Words of an entry. Entries grow down from the buffer's end; each has its key's bytes, padded to words, below it.
// Sequences are stored as their distance from the segment's first, so that one word is enough and none ever wraps.
const SEQUENCE = 0
const SUPERSEDED = 1
const START = 2
const LENGTH = 3
const ID_LENGTH = 4
const PARTITION = 5
const OFFSET_LOW = 6
const OFFSET_HIGH = 7
const KEY_LENGTH = 8
const ENTRY_WORDS = 9
const ENTRY_BYTES = ENTRY_WORDS * 4
const NO_KEY = 0xffffffff
/** No entry: what `lastPublished` is as long as nothing was published. */
export const NONE = -1
/** Superseded too long after the segment began to say when; see `supersededBefore`. */
const SUPERSEDED_LATE = 0xffffffff

/**
 * Where an entry stands: bytes between its end and the buffer's end, so 0 is the first. One such number is the whole of
 * what a reader needs to go on from.
 */
export type EntryAt = number

/** What the table says of a frame; its bytes are the caller's to fill in. */
export interface FrameEntry {
  /** Place in the bus's order of arrival: counts from 1, is never given twice. */
  readonly sequence: number
  readonly frameBytes: number
  /** Length of the id's text, which ends two bytes before the frame. */
  readonly idBytes: number
  readonly partition: number
  readonly offset: number
  readonly key: Uint8Array | null
}

export class Segment {
  readonly shared: SharedArrayBuffer
  readonly bytes: Buffer
  /** Number by which the key index refers to this segment; given by the bus for as long as the segment is retained. */
  slot = -1
  /** Sequences that the segment stands for, whether their frames are still in it or were compacted away. */
  firstSequence = 0
  lastSequence = 0
  /** Next sequence of the bus when compaction wrote this segment: frames superseded before it may be missing. */
  rewrittenAt = 0
  /** Frames that no later record has superseded, and their bytes with their entries and keys: what a compaction keeps. */
  liveFrames = 0
  liveBytes = 0
  /** Frames in here, live or not. */
  frames = 0
  private readonly words: Uint32Array
  private readonly control: Int32Array
  private framesEnd = CONTROL_BYTES
  private entriesEnd: EntryAt = 0
  private lastEntry: EntryAt = NONE
  /** The slice that was handed out last: all streams at the tail ask for the same one. */
  private lastSlice: Buffer

  constructor(size: number) {
    this.shared = new SharedArrayBuffer(size)
    this.bytes = Buffer.from(this.shared)
    this.words = new Uint32Array(this.shared)
    this.control = new Int32Array(this.shared, 0, CONTROL_BYTES / 4)
    this.lastSlice = this.bytes.subarray(0, 0)
  }

  /** The size of its buffer, in bytes. */
  get size(): number {
    return this.shared.byteLength
  }

  /** Bytes of the buffer that are taken, frames and table. */
  get usedBytes(): number {
    return this.framesEnd + this.entriesEnd
  }

  // Writer's side.

  fits(frameBytes: number, keyBytes: number): boolean {
    return this.usedBytes + frameBytes + entryBytes(keyBytes) <= this.shared.byteLength
  }

  /**
   * Ends what the segment stands for: from now on its generation is another, so nobody counts itself in for the old bytes.
   * Who did before may still refer to them; `readers` only falls.
   */
  retire(): void {
    Atomics.add(this.control, GENERATION, 1)
  }

  /** Starts the segment anew. Only while nobody refers to it: it is retired, and `readers` is 0. */
  reset(firstSequence: number): void {
    Atomics.add(this.control, GENERATION, 1)
    Atomics.store(this.control, PUBLISHED, NONE)
    this.framesEnd = CONTROL_BYTES
    this.entriesEnd = 0
    this.lastEntry = NONE
    this.firstSequence = firstSequence
    this.lastSequence = firstSequence - 1
    this.rewrittenAt = 0
    this.liveFrames = 0
    this.liveBytes = 0
    this.frames = 0
    this.lastSlice = this.bytes.subarray(0, 0)
  }

  /** Makes an entry and room for its frame, not yet published; returns where in `bytes` the frame's bytes belong. */
  append(entry: FrameEntry): number {
    const word = this.entryWord(this.entriesEnd)
    const { words, framesEnd } = this
    words[word + SEQUENCE] = entry.sequence - this.firstSequence
    words[word + SUPERSEDED] = 0
    words[word + START] = framesEnd
    words[word + LENGTH] = entry.frameBytes
    words[word + ID_LENGTH] = entry.idBytes
    words[word + PARTITION] = entry.partition
    words[word + OFFSET_LOW] = entry.offset >>> 0
    words[word + OFFSET_HIGH] = Math.floor(entry.offset / 2 ** 32)
    words[word + KEY_LENGTH] = entry.key === null ? NO_KEY : entry.key.length
    if (entry.key !== null) this.bytes.set(entry.key, this.keyStart(this.entriesEnd, entry.key.length))
    this.lastSequence = entry.sequence
    this.frames++
    this.liveFrames++
    this.liveBytes += entry.frameBytes + entryBytes(entry.key?.length ?? 0)
    this.framesEnd += entry.frameBytes
    this.lastEntry = this.entriesEnd
    this.entriesEnd = this.next(this.entriesEnd)
    return framesEnd
  }

  publish(): void {
    Atomics.store(this.control, PUBLISHED, this.lastEntry)
  }

  /** Marks a frame as superseded by the record of `sequence`. */
  supersede(at: EntryAt, sequence: number): void {
    const distance = Math.min(sequence - this.firstSequence, SUPERSEDED_LATE)
    Atomics.store(this.words, this.entryWord(at) + SUPERSEDED, distance)
    this.liveFrames--
    this.liveBytes -= this.length(at) + this.next(at) - at
  }

  /** Where the next entry will stand. */
  get end(): EntryAt {
    return this.entriesEnd
  }

  get readers(): number {
    return Atomics.load(this.control, READERS)
  }

  // Readers' side.

  retain(): void {
    Atomics.add(this.control, READERS, 1)
  }

  release(): void {
    Atomics.sub(this.control, READERS, 1)
  }

  get generation(): number {
    return Atomics.load(this.control, GENERATION)
  }

  /** The last entry that readers may see, or NONE: the one word from which they have everything else. */
  get lastPublished(): EntryAt {
    return Atomics.load(this.control, PUBLISHED)
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
    return (this.words[word + OFFSET_HIGH] ?? 0) * 2 ** 32 + (this.words[word + OFFSET_LOW] ?? 0)
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
    return this.words[this.entryWord(at) + ID_LENGTH] ?? 0
  }

  /** The key's bytes, in place: null for a record without one. */
  key(at: EntryAt): Buffer | null {
    const length = this.words[this.entryWord(at) + KEY_LENGTH] ?? NO_KEY
    if (length === NO_KEY) return null
    const start = this.keyStart(at, length)
    return this.bytes.subarray(start, start + length)
  }

  keyEquals(at: EntryAt, partition: number, key: Uint8Array): boolean {
    const word = this.entryWord(at)
    if (this.words[word + PARTITION] !== partition || this.words[word + KEY_LENGTH] !== key.length)
      return false
    const start = this.keyStart(at, key.length)
    for (let i = 0; i < key.length; i++) if (this.bytes[start + i] !== key[i]) return false
    return true
  }

  private entryWord(at: EntryAt): number {
    return (this.shared.byteLength - at - ENTRY_BYTES) >> 2
  }

  private keyStart(at: EntryAt, keyLength: number): number {
    return this.shared.byteLength - at - ENTRY_BYTES - padded(keyLength)
  }
}

/** Bytes of an entry with its key, which is padded to words. */
function entryBytes(keyLength: number): number {
  return ENTRY_BYTES + padded(keyLength)
}

function padded(bytes: number): number {
  return (bytes + 3) & ~3
}
