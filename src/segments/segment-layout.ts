// The layout of a segment's buffer: control words and frames from the front, one entry for each frame from the end.

/** Threads that can hold a segment: the writer's own, which is number 0, and 32 workers. */
export const THREADS_MAX = 33

// Control words at the front of the buffer: the generation, a hold count for each thread, and the number of frames that
// replace a record that was too large.
export const GENERATION = 0
export const HOLD_COUNTS = 1
export const TOO_LARGE_FRAMES = HOLD_COUNTS + THREADS_MAX
export const CONTROL_BYTES = 4 * (TOO_LARGE_FRAMES + 1) + 8

// Words of an entry. Entries grow down from the buffer's end. The key's bytes, padded to words, stand below its entry.
// Sequences are stored as the distance from the segment's first one, so that one word is enough and none wraps.
export const SEQUENCE = 0
export const SUPERSEDED = 1
export const START = 2
export const LENGTH = 3
/** Length of the id (below 2^24), and the flags TOMBSTONE, REMOVED and TOO_LARGE in the bits above it. */
export const ID_LENGTH_AND_FLAGS = 4
export const PARTITION = 5
export const OFFSET_LOW = 6
/** The offset's high 21 bits (53 in all) below the timestamp's high 11 bits (43 in all: up to the year 2248). */
export const OFFSET_AND_TIMESTAMP_HIGH = 7
export const TIMESTAMP_LOW = 8
export const KEY_LENGTH = 9
export const ENTRY_WORDS = 10
export const ENTRY_BYTES = ENTRY_WORDS * 4
export const NO_KEY = 0xffffffff
export const ID_LENGTH_MASK = 2 ** 24 - 1
export const TOMBSTONE = 2 ** 24
export const REMOVED = 2 ** 25
export const TOO_LARGE = 2 ** 26
export const OFFSET_HIGH_BITS = 21
export const OFFSET_HIGH_MASK = 2 ** OFFSET_HIGH_BITS - 1
export const WORD = 2 ** 32
/** Bytes of a word; keys are padded to whole words. */
export const WORD_BYTES = 4
/** No entry: the value of `lastPublished` before the first publish. */
export const NONE = -1
/** Superseded so late that the distance does not fit in a word; see `supersededBefore`. */
export const SUPERSEDED_LATE = 0xffffffff

/**
 * Place of an entry: the number of bytes between its end and the buffer's end, so 0 is the first. A reader needs
 * nothing else to go on from there.
 */
export type EntryAt = number
/** Latest timestamp that an entry can store, in epoch ms. Later ones are stored as this one. */
export const TIMESTAMP_MAX_MS = 2 ** (32 + 32 - OFFSET_HIGH_BITS) - 1

/** What an entry stores of a frame. The caller writes the frame's bytes. */
export interface FrameEntry {
  /** Place in the bus's order of arrival. Counts from 1 and is never given twice. */
  readonly sequence: number
  readonly frameBytes: number
  /** Length of the id's text, which ends two bytes before the frame's end. */
  readonly idBytes: number
  readonly partition: number
  readonly offset: number
  /** Epoch ms. A negative value means none and is stored as 0. */
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly isTombstone: boolean
  /** The frame only says that its record was too large. */
  readonly isTooLarge?: boolean
}

/** Bytes of an entry and its padded key. */
export function entryBytes(keyLength: number): number {
  return ENTRY_BYTES + padded(keyLength)
}

/** Rounds a number of bytes up to whole words. */
export function padded(bytes: number): number {
  return (bytes + WORD_BYTES - 1) & ~(WORD_BYTES - 1)
}
