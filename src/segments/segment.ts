// A stretch of a bus in one SharedArrayBuffer: frames from the front, their entries from the back. One writer (this
// class) appends and publishes; readers (src/segments/segment-view.ts) see only what was published.

import { writeRouteIndex, writeRouteValues } from './route-index.ts'
import { addLive, type SegmentCounts } from './segment-counts.ts'
import {
  CONTROL_BYTES,
  ENTRY_BYTES,
  ENTRY_WORDS,
  type EntryAt,
  type FrameEntry,
  flagsOf,
  ID_LENGTH_AND_FLAGS,
  KEY_LENGTH,
  LEAVING_FRAMES,
  LENGTH,
  NO_KEY,
  NONE,
  OFFSET_AND_TIMESTAMP_HIGH,
  OFFSET_HIGH_BITS,
  OFFSET_LOW,
  PARTITION,
  REMOVED,
  ROUTE_INDEX,
  ROUTE_PLACE_BYTES,
  ROUTE_PLACES,
  SEQUENCE,
  START,
  SUPERSEDED,
  SUPERSEDED_LATE,
  TIMESTAMP_LOW,
  TIMESTAMP_MAX_MS,
  TOO_LARGE_FRAMES,
  WORD,
  WORD_BYTES,
} from './segment-layout.ts'
import { SegmentView } from './segment-view.ts'

/** Size of an ordinary segment, in bytes. A frame that does not fit gets its own segment of the next power of two. */
export const SEGMENT_BYTES = 1024 * 1024
/** Frames up to this size, in bytes, are copied in a loop. */
const LOOP_BYTES_MAX = 64

export class Segment extends SegmentView implements SegmentCounts {
  /** Number by which the key index refers to this segment, as long as it is retained; -1 otherwise. */
  slot = -1
  /** Counts of all segments of the bus, updated with this one's. null while this segment is not retained. */
  totals: SegmentCounts | null = null
  frames = 0
  liveFrames = 0
  liveBytes = 0
  liveTombstones = 0
  liveKeyless = 0
  liveKeylessBytes = 0
  liveLeavings = 0
  /** When the last frame arrived, in monotonic ms. */
  newestArrivalMs = 0
  /**
   * The latest time at which a record up to this segment's last was written, in epoch ms. Counts removed records, too.
   */
  latestSoFarMs = 0
  /** Values by which streams are selected, of all frames: as many places as the route index needs. */
  private routePlaces = 0
  private framesEnd = CONTROL_BYTES
  private entriesEnd: EntryAt = 0
  private lastEntry: EntryAt = NONE

  constructor(size: number) {
    super(new SharedArrayBuffer(size))
  }

  /** Used bytes of the buffer: control words, frames, entries, and room for the route index. */
  get usedBytes(): number {
    return this.framesEnd + this.entriesEnd + this.routePlaces * ROUTE_PLACE_BYTES
  }

  get takenBytes(): number {
    return this.usedBytes - CONTROL_BYTES
  }

  /** Whether there is room for a frame and what is stored beside it. */
  fits(frameBytes: number, besideBytes: number): boolean {
    return this.usedBytes + frameBytes + besideBytes <= this.shared.byteLength
  }

  /** Bytes that are stored beside a frame. */
  besideBytes(at: EntryAt): number {
    return this.next(at) - at + this.routeCount(at) * ROUTE_PLACE_BYTES
  }

  /** Begins a new generation: `hold` fails from now on. Once `holdCount` is 0, no thread refers to the old bytes. */
  retire(): void {
    this.beginGeneration()
  }

  /** Empties the segment for reuse. Call it only on a retired segment whose `holdCount` is 0. */
  reset(firstSequence: number): void {
    this.beginGeneration()
    Atomics.store(this.control, TOO_LARGE_FRAMES, 0)
    Atomics.store(this.control, LEAVING_FRAMES, 0)
    Atomics.store(this.control, ROUTE_PLACES, 0)
    this.routePlaces = 0
    this.lastPublished = NONE
    this.endId = null
    this.framesEnd = CONTROL_BYTES
    this.entriesEnd = 0
    this.lastEntry = NONE
    this.firstSequence = firstSequence
    this.lastSequence = firstSequence - 1
    this.rewrittenAt = 0
    this.newestArrivalMs = 0
    this.latestSoFarMs = 0
    this.newestTimestampMs = 0
    this.frames = 0
    this.liveFrames = 0
    this.liveBytes = 0
    this.liveTombstones = 0
    this.liveKeyless = 0
    this.liveKeylessBytes = 0
    this.liveLeavings = 0
  }

  /**
   * Adds an entry, unpublished, and reserves room for its frame. Returns the index in
   * `bytes` where the frame belongs.
   */
  append(entry: FrameEntry): number {
    const { framesEnd } = this
    this.writeEntry(this.entryWord(this.entriesEnd), entry)
    if (entry.key !== null) this.bytes.set(entry.key, this.keyStartOf(this.entriesEnd, entry.key.length))
    if (entry.routes?.length) writeRouteValues(this, this.words, this.keyStart(this.entriesEnd), entry.routes)
    this.lastSequence = entry.sequence
    this.newestTimestampMs = Math.max(this.newestTimestampMs, entry.timestampMs)
    this.take(entry.frameBytes)
    return framesEnd
  }

  /** Copies a live frame of another segment with its entry and key, unpublished. Returns the place of the new entry. */
  appendFrom(from: Segment, at: EntryAt): EntryAt {
    const frameBytes = from.length(at)
    copy(from.bytes, from.start(at), this.bytes, this.framesEnd, frameBytes)
    const word = this.entryWord(this.entriesEnd)
    const keyWords = (from.next(at) - at - ENTRY_BYTES) / WORD_BYTES
    const fromWord = from.entryWord(at)
    for (let i = -keyWords; i < ENTRY_WORDS; i++) this.words[word + i] = from.words[fromWord + i] ?? 0
    this.lastSequence = from.sequence(at)
    this.words[word + SEQUENCE] = this.lastSequence - this.firstSequence
    this.words[word + START] = this.framesEnd
    this.newestTimestampMs = Math.max(this.newestTimestampMs, from.timestampMs(at))
    this.take(frameBytes)
    return this.lastEntry
  }

  publish(): void {
    this.lastPublished = this.lastEntry
  }

  /** Publishes all entries and closes the segment: no frame may be added after that. `seed`: of the route hashes. */
  close(seed: number): void {
    this.publish()
    if (this.routePlaces > 0) this.writeRouteIndex(seed)
    this.endId = this.lastEntry === NONE ? null : this.id(this.lastEntry)
  }

  /** Whether frames were added and no more may be. */
  get isClosed(): boolean {
    return this.endId !== null
  }

  /** Marks a live frame as superseded by the record of `sequence`. */
  supersede(at: EntryAt, sequence: number): void {
    this.markSuperseded(at, sequence)
    this.count(at, -1)
  }

  /** Marks a frame as removed as of `sequence`. It is live, or was superseded at any time. Its bytes stay. */
  markRemoved(at: EntryAt, sequence: number): void {
    const flags = this.entryWord(at) + ID_LENGTH_AND_FLAGS
    Atomics.store(this.words, flags, (this.words[flags] ?? 0) | REMOVED)
    if (!this.isSuperseded(at)) this.supersede(at, sequence)
    else if (!this.supersededBefore(at, sequence)) this.markSuperseded(at, sequence)
  }

  /** Place of the next entry to be added. */
  get end(): EntryAt {
    return this.entriesEnd
  }

  /** Counts the entry that was just written, and the bytes of its frame. */
  private take(frameBytes: number): void {
    const { takenBytes } = this
    this.framesEnd += frameBytes
    this.lastEntry = this.entriesEnd
    this.entriesEnd = this.next(this.entriesEnd)
    this.routePlaces += this.routeCount(this.lastEntry)
    this.frames++
    if (this.isTooLarge(this.lastEntry)) Atomics.add(this.control, TOO_LARGE_FRAMES, 1)
    if (this.isLeaving(this.lastEntry)) Atomics.add(this.control, LEAVING_FRAMES, 1)
    if (this.totals !== null) {
      this.totals.frames++
      this.totals.takenBytes += this.takenBytes - takenBytes
    }
    this.count(this.lastEntry, 1)
  }

  private writeEntry(word: number, entry: FrameEntry): void {
    const { words } = this
    const timestampMs = Math.min(Math.max(0, entry.timestampMs), TIMESTAMP_MAX_MS)
    const timestampHigh = Math.floor(timestampMs / WORD) << OFFSET_HIGH_BITS
    words[word + SEQUENCE] = entry.sequence - this.firstSequence
    words[word + SUPERSEDED] = 0
    words[word + START] = this.framesEnd
    words[word + LENGTH] = entry.frameBytes
    words[word + ID_LENGTH_AND_FLAGS] = entry.idBytes | flagsOf(entry)
    words[word + PARTITION] = entry.partition
    words[word + OFFSET_LOW] = entry.offset >>> 0
    words[word + OFFSET_AND_TIMESTAMP_HIGH] = Math.floor(entry.offset / WORD) | timestampHigh
    words[word + TIMESTAMP_LOW] = timestampMs >>> 0
    words[word + KEY_LENGTH] = entry.key === null ? NO_KEY : entry.key.length
  }

  /** Writes the index right above the entries, where it is aligned. See src/segments/route-index.ts. */
  private writeRouteIndex(seed: number): void {
    const first = (this.shared.byteLength - this.entriesEnd - this.routePlaces * ROUTE_PLACE_BYTES) >> 2
    writeRouteIndex(this, this.words.subarray(first, first + 2 * this.routePlaces), seed)
    Atomics.store(this.control, ROUTE_INDEX, first)
    Atomics.store(this.control, ROUTE_PLACES, this.routePlaces)
  }

  private markSuperseded(at: EntryAt, sequence: number): void {
    const distance = Math.min(sequence - this.firstSequence, SUPERSEDED_LATE)
    Atomics.store(this.words, this.entryWord(at) + SUPERSEDED, distance)
  }

  /** Adds a frame to the counts of live frames, or subtracts it. */
  private count(at: EntryAt, change: 1 | -1): void {
    const bytes = change * (this.length(at) + this.besideBytes(at))
    const tombstones = this.isTombstone(at) ? change : 0
    const keyless = this.hasKey(at) ? 0 : change
    this.liveLeavings += this.isLeaving(at) ? change : 0
    addLive(this, change, bytes, tombstones, keyless)
    if (this.totals !== null) addLive(this.totals, change, bytes, tombstones, keyless)
  }
}

/** A loop is faster than a call for a few bytes. */
function copy(from: Uint8Array, start: number, to: Uint8Array, toStart: number, length: number): void {
  if (length > LOOP_BYTES_MAX) to.set(from.subarray(start, start + length), toStart)
  else for (let i = 0; i < length; i++) to[toStart + i] = from[start + i] ?? 0
}
