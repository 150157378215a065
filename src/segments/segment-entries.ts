// The entries of a segment: what is stored of each frame beside its bytes. Only reads; src/segments/segment.ts writes.

import {
  ENTRY_BYTES,
  ENTRY_WORDS,
  type EntryAt,
  entryBytes,
  ID_LENGTH_AND_FLAGS,
  ID_LENGTH_MASK,
  KEY_LENGTH,
  KEY_ROUTED,
  KEY_SELECTOR,
  LEAVING,
  LENGTH,
  NO_KEY,
  OFFSET_AND_TIMESTAMP_HIGH,
  OFFSET_HIGH_BITS,
  OFFSET_HIGH_MASK,
  OFFSET_LOW,
  PARTITION,
  padded,
  REMOVED,
  ROUTE_BYTES_MAX,
  ROUTED,
  SELECTOR_SHIFT,
  SEQUENCE,
  START,
  SUPERSEDED,
  SUPERSEDED_LATE,
  TIMESTAMP_LOW,
  TOMBSTONE,
  TOO_LARGE,
  WORD,
  WORD_BYTES,
} from './segment-layout.ts'

export class SegmentEntries {
  readonly shared: SharedArrayBuffer
  readonly bytes: Buffer
  /** Sequence from which those of the entries count. The segment covers every sequence from there on. */
  firstSequence = 0
  protected readonly words: Uint32Array
  /** Byte where the first entry begins. Stored because every access to an entry needs it. */
  private readonly firstEntryByte: number

  constructor(shared: SharedArrayBuffer) {
    this.shared = shared
    this.firstEntryByte = shared.byteLength - ENTRY_BYTES
    this.bytes = Buffer.from(shared)
    this.words = new Uint32Array(shared)
  }

  /** The entry after `at`. */
  next(at: EntryAt): EntryAt {
    const word = this.entryWord(at)
    const keyLength = this.words[word + KEY_LENGTH] ?? NO_KEY
    const next = at + entryBytes(keyLength === NO_KEY ? 0 : keyLength)
    const isRouted = ((this.words[word + ID_LENGTH_AND_FLAGS] ?? 0) & ROUTED) !== 0
    return isRouted ? next + (this.words[this.entryWord(next) + ENTRY_WORDS - 1] ?? 0) : next
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
    return this.bytesEqual(this.keyStartOf(at, key.length), key.length, key)
  }

  /** Whether the frame only deletes its key, for streams of the key's former values. */
  isLeaving(at: EntryAt): boolean {
    return ((this.words[this.entryWord(at) + ID_LENGTH_AND_FLAGS] ?? 0) & LEAVING) !== 0
  }

  /** Calls `visit` with each value by which streams are selected: its selector, and where its bytes are. */
  forEachRoute(at: EntryAt, visit: (selector: number, start: number, length: number) => void): void {
    const flags = this.words[this.entryWord(at) + ID_LENGTH_AND_FLAGS] ?? 0
    if ((flags & (KEY_ROUTED | ROUTED)) === 0) return
    const keyStart = this.keyStart(at)
    if ((flags & KEY_ROUTED) !== 0) visit(KEY_SELECTOR, keyStart, this.keyLength(at))
    if ((flags & ROUTED) === 0) return
    const end = keyStart - WORD_BYTES
    let start = keyStart - (this.words[end >> 2] ?? 0)
    while (start < end) {
      const word = this.words[start >> 2] ?? 0
      const length = word & ROUTE_BYTES_MAX
      visit(word >>> SELECTOR_SHIFT, start + WORD_BYTES, length)
      start += WORD_BYTES + padded(length)
    }
  }

  /** How many values `forEachRoute` visits. */
  routeCount(at: EntryAt): number {
    if (((this.words[this.entryWord(at) + ID_LENGTH_AND_FLAGS] ?? 0) & (KEY_ROUTED | ROUTED)) === 0) return 0
    let count = 0
    this.forEachRoute(at, () => count++)
    return count
  }

  hasRoute(at: EntryAt, selector: number, value: Uint8Array): boolean {
    let isThere = false
    this.forEachRoute(at, (own, start, length) => {
      isThere ||= own === selector && this.bytesEqual(start, length, value)
    })
    return isThere
  }

  bytesEqual(start: number, length: number, bytes: Uint8Array): boolean {
    if (length !== bytes.length) return false
    for (let i = 0; i < length; i++) if (this.bytes[start + i] !== bytes[i]) return false
    return true
  }

  protected entryWord(at: EntryAt): number {
    return (this.firstEntryByte - at) >> 2
  }

  protected keyStartOf(at: EntryAt, keyLength: number): number {
    return this.firstEntryByte - at - padded(keyLength)
  }
}
