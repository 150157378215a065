// The layout of a segment's buffer: control words and frames from the front, one entry for each frame from the end.

/** Threads that can hold a segment: the writer's own, which is number 0, and 32 workers. */
export const THREADS_MAX = 33

// Control words at the front of the buffer: the generation, a hold count for each thread, the numbers of frames that
// replace a record that was too large and of those that are LEAVING, and where the route index is: its first word, and
// the number of its places.
export const GENERATION = 0
export const HOLD_COUNTS = 1
export const TOO_LARGE_FRAMES = HOLD_COUNTS + THREADS_MAX
export const LEAVING_FRAMES = TOO_LARGE_FRAMES + 1
export const ROUTE_INDEX = LEAVING_FRAMES + 1
export const ROUTE_PLACES = ROUTE_INDEX + 1
export const CONTROL_BYTES = 4 * (ROUTE_PLACES + 1)

// Words of an entry. Entries grow down from the buffer's end. The key's bytes, padded to words, stand below its entry.
// Below the key stand the route values of a frame that is ROUTED: on top one word with the size of all this in bytes,
// under it the values. The word before each value has its selector and its length.
// Sequences are stored as the distance from the segment's first one, so that one word is enough and none wraps.
export const SEQUENCE = 0
export const SUPERSEDED = 1
export const START = 2
export const LENGTH = 3
/** Length of the id (below 2^24), and flags in the bits above it, from TOMBSTONE on. */
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
export const ROUTED = 2 ** 27
export const KEY_ROUTED = 2 ** 28
export const LEAVING = 2 ** 29
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
  /** Whether streams can be selected by the record's key. */
  readonly isKeyRouted?: boolean
  /** Other values by which streams are selected. */
  readonly routes?: readonly RouteValue[]
  /** The frame is for streams of the key's former values alone: it deletes the key there. */
  readonly isLeaving?: boolean
}

/** A value by which streams are selected. */
export interface RouteValue {
  /** Number of the selector, below KEY_SELECTOR. */
  readonly selector: number
  /** At most ROUTE_BYTES_MAX bytes. */
  readonly bytes: Uint8Array
}

/** The number that stands for the key, whose bytes are not stored twice. */
export const KEY_SELECTOR = 255
/** Added to the selector of values that the record of a LEAVING frame has itself. The others are former ones. */
export const PRESENT = 128
export const SELECTOR_SHIFT = 24
export const ROUTE_BYTES_MAX = 2 ** SELECTOR_SHIFT - 1
/** Bytes of a place in the route index: a hash, and the entry. */
export const ROUTE_PLACE_BYTES = 2 * WORD_BYTES

/** Bytes of an entry with its padded key. */
export function entryBytes(keyLength: number): number {
  return ENTRY_BYTES + padded(keyLength)
}

/** Bytes of a frame's route values below its key. */
export function routeBytes(routes: readonly RouteValue[]): number {
  if (routes.length === 0) return 0
  let bytes = WORD_BYTES
  for (const { bytes: value } of routes) bytes += WORD_BYTES + padded(value.length)
  return bytes
}

/** Bytes of everything that a segment stores of a frame besides the frame itself. */
export function bytesBeside({ key, isKeyRouted = false, routes = NO_ROUTES }: BesideFrame): number {
  const places = routes.length + (isKeyRouted && key !== null ? 1 : 0)
  return entryBytes(key?.length ?? 0) + routeBytes(routes) + places * ROUTE_PLACE_BYTES
}

export type BesideFrame = Pick<FrameEntry, 'key' | 'isKeyRouted' | 'routes'>

const NO_ROUTES: readonly RouteValue[] = []

/** Rounds a number of bytes up to whole words. */
export function padded(bytes: number): number {
  return (bytes + WORD_BYTES - 1) & ~(WORD_BYTES - 1)
}

/** The flags of a frame's ID_LENGTH_AND_FLAGS. */
export function flagsOf(entry: FrameEntry): number {
  const { key, isTombstone, isTooLarge, isKeyRouted, routes, isLeaving } = entry
  return (
    (isTombstone ? TOMBSTONE : 0) |
    (isTooLarge ? TOO_LARGE : 0) |
    (isKeyRouted && key !== null ? KEY_ROUTED : 0) |
    (routes?.length ? ROUTED : 0) |
    (isLeaving ? LEAVING : 0)
  )
}
