// The layout of a segment's buffer: control words, then frames from the front; entries, one for each frame, from the end.

/** Threads that can read: the writer's own, which is number 0, and 32 others. */
export const THREADS_MAX = 33

// Control words at the front of the buffer: the generation, how often each thread has counted itself in, and how many frames
// say that a record was too large.
export const GENERATION = 0
export const HOLD_COUNTS = 1
export const TOO_LARGE_FRAMES = HOLD_COUNTS + THREADS_MAX
export const CONTROL_BYTES = 4 * (TOO_LARGE_FRAMES + 1) + 8

// Words of an entry. Entries grow down from the buffer's end; each has its key's bytes, padded to words, below it.
// Sequences are stored as their distance from the segment's first, so that one word is enough and none ever wraps.
export const SEQUENCE = 0
export const SUPERSEDED = 1
export const START = 2
export const LENGTH = 3
/** Length of the id, which is below 2^24, and what kind of frame it is. */
export const ID_LENGTH_AND_FLAGS = 4
export const PARTITION = 5
export const OFFSET_LOW = 6
/** 21 bits of the offset (2^53 in all) below 11 bits of the timestamp (2^43 ms in all: the year 2248). */
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
/** A key is padded to whole words. */
export const WORD_BYTES = 4
/** No entry: what `lastPublished` is as long as nothing was published. */
export const NONE = -1
/** Superseded too long after the segment began to say when; see `supersededBefore`. */
export const SUPERSEDED_LATE = 0xffffffff

/**
 * Where an entry stands: bytes between its end and the buffer's end, so 0 is the first. One such number is the whole of
 * what a reader needs to go on from.
 */
export type EntryAt = number
/** Latest timestamp that an entry tells apart, in epoch ms; later ones count as this one. */
export const TIMESTAMP_MAX_MS = 2 ** (32 + 32 - OFFSET_HIGH_BITS) - 1

/** What the table says of a frame; its bytes are the caller's to fill in. */
export interface FrameEntry {
  /** Place in the bus's order of arrival: counts from 1, is never given twice. */
  readonly sequence: number
  readonly frameBytes: number
  /** Length of the id's text, which ends two bytes before the frame. */
  readonly idBytes: number
  readonly partition: number
  readonly offset: number
  /** Epoch ms; one below 0 is none and reads as 0. */
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly isTombstone: boolean
  /** The frame only says that its record was too large. */
  readonly isTooLarge?: boolean
}

/** Bytes of an entry with its key, which is padded to words. */
export function entryBytes(keyLength: number): number {
  return ENTRY_BYTES + padded(keyLength)
}

/** So many bytes, up to whole words. */
export function padded(bytes: number): number {
  return (bytes + WORD_BYTES - 1) & ~(WORD_BYTES - 1)
}
