// One topic's records, encoded once, in the order in which they arrived: segments of frames that streams read by cursor.
// One writer (this class). What it publishes is immutable but for the mark that says by when a frame was superseded.

import { compact } from './compaction.ts'
import { type EventLines, eventLines, FRAME_BYTES_MAX, linesBytes, TOO_LARGE_LINES } from './frame.ts'
import { KeyIndex, SLOTS_MAX } from './key-index.ts'
import { FROM_BEGINNING, formatPosition, type Position, PositionEncoder, parsePosition } from './position.ts'
import { SEGMENT_BYTES, type Segment } from './segment.ts'
import { SegmentPool } from './segment-pool.ts'
import type { Encoding, KafkaRecord } from './topic.ts'

export interface BusOptions {
  readonly encoding: Encoding
  /** Bytes of segments kept. At 80 % `onPressure` is called once; at 100 % the oldest segment is dropped. */
  readonly retainedBytesMax: number
  /** Frames kept, superseded or not; the same happens at its bound. */
  readonly retainedRecordsMax: number
  /** Segments' home, shared by the buses of a process. */
  readonly pool?: SegmentPool
  /** Seed of the key hash; random unless a test fixes it. */
  readonly seed?: number
  /** A record whose frame would be over FRAME_BYTES_MAX was passed over. */
  readonly onTooLarge?: (record: KafkaRecord, frameBytes: number) => void
  /** The bus holds more than 80 % of what it may, or `full`: it dropped what it could not keep. */
  readonly onPressure?: (state: 'nearly-full' | 'full') => void
}

const NEARLY_FULL = 0.8
const LF = 0x0a
const ID = Buffer.from('id:')

export class Bus {
  /** Retained segments, oldest first. A new array whenever a segment comes or goes, so that a reader may hold on to one. */
  segments: readonly Segment[] = []
  /** Sequence that the next frame gets: the place right behind the tail. Published ones lie below it. */
  nextSequence = 1
  /** Frames below this sequence are gone although nothing superseded them: snapshots are refused, laggards end. */
  lostBefore = 0
  /** Position that one must have reached to have missed nothing of what is gone; null as long as nothing is. */
  lostPosition: Position | null = null
  /** All that Kafka held at the start is in: streams that waited may begin. */
  caughtUp = false
  recordsAppended = 0
  recordsTooLarge = 0
  readonly options: BusOptions
  readonly index: KeyIndex
  private readonly pool: SegmentPool
  private readonly slots: (Segment | undefined)[] = []
  /** Partitions in ascending order, their log starts and their next offsets: the position of everything appended. */
  private partitions: number[] = []
  private readonly starts = new Map<number, number>()
  private readonly nextOffsets = new Map<number, number>()
  private readonly encoder = new PositionEncoder(1)
  /** Text of the position, made when asked for and kept until the position moves. */
  private positionTextMade: string | null = null
  private readonly listeners = new Set<() => void>()
  private readonly caughtUpListeners = new Set<() => void>()
  private pressure: 'none' | 'nearly-full' | 'full' = 'none'
  private framesRetained = 0

  constructor(options: BusOptions) {
    this.options = options
    this.pool = options.pool ?? new SegmentPool()
    this.index = new KeyIndex(this.slots, options.seed ?? Math.floor(Math.random() * 2 ** 32))
  }

  /** Declares a partition, or learns where its log begins; `start` is -2 as long as Kafka has not told. */
  setPartition(partition: number, start: number): void {
    this.starts.set(partition, start)
    if (!this.nextOffsets.has(partition))
      this.partitions = [...this.partitions, partition].sort((a, b) => a - b)
    this.moveTo(partition, start)
  }

  /**
   * Encodes a record at the tail. Whoever appends also publishes before the event loop turns, since ids of idle streams
   * speak of everything appended. A record that is already in (its offset lies below the position) is left out.
   */
  append(record: KafkaRecord): void {
    if (!this.nextOffsets.has(record.partition)) this.setPartition(record.partition, FROM_BEGINNING)
    if (record.offset < (this.nextOffsets.get(record.partition) ?? FROM_BEGINNING)) return
    this.moveTo(record.partition, record.offset + 1)
    this.recordsAppended++
    const lines = eventLines(record, this.options.encoding)
    if (lines === null) return
    this.encodePosition()
    const frameBytes = linesBytes(lines) + ID.length + this.encoder.textBytes() + 2
    if (frameBytes > FRAME_BYTES_MAX) this.appendTooLarge(record, frameBytes)
    else this.appendFrame(record, lines)
  }

  /** Moves a partition's position without a frame: control records, offsets compacted away, the end of the partition. */
  advance(partition: number, nextOffset: number): void {
    if (this.nextOffsets.has(partition)) this.moveTo(partition, nextOffset)
  }

  /** Shows readers what was appended, and wakes them: once per batch. */
  publish(): void {
    this.segments.at(-1)?.publish()
    for (const listener of this.listeners) listener()
  }

  markCaughtUp(): void {
    this.caughtUp = true
    this.publish()
    for (const listener of this.caughtUpListeners) listener()
    this.caughtUpListeners.clear()
  }

  /** Calls `listener` once when the bus has caught up, unless the returned function is called before. */
  onCaughtUp(listener: () => void): () => void {
    this.caughtUpListeners.add(listener)
    return () => this.caughtUpListeners.delete(listener)
  }

  /** Calls `listener` at every publish until the returned function is called. */
  onPublish(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Next offset of every partition, of everything appended. */
  position(): Position {
    return new Map(this.partitions.map((partition) => [partition, this.nextOffset(partition)]))
  }

  positionText(): string {
    this.positionTextMade ??= formatPosition(this.position())
    return this.positionTextMade
  }

  /** Log start of a partition as Kafka told it, -2 before it did; undefined for one that the topic lacks. */
  start(partition: number): number | undefined {
    return this.starts.get(partition)
  }

  get retainedBytes(): number {
    return this.segments.reduce((bytes, segment) => bytes + segment.size, 0)
  }

  get retainedRecords(): number {
    return this.framesRetained
  }

  /** Bytes of segments that are let go but still on their way to slow peers. */
  get partedBytes(): number {
    return this.pool.partedBytes
  }

  /** Bytes of all segments that were made, in use or kept to be used again. */
  get allocatedBytes(): number {
    return this.pool.allocatedBytes
  }

  private moveTo(partition: number, nextOffset: number): void {
    const current = this.nextOffsets.get(partition)
    if (current !== undefined && current >= nextOffset) return
    this.nextOffsets.set(partition, nextOffset)
    this.positionTextMade = null
  }

  private nextOffset(partition: number): number {
    return this.nextOffsets.get(partition) ?? FROM_BEGINNING
  }

  private encodePosition(): void {
    this.encoder.begin(this.partitions.length)
    for (const partition of this.partitions) this.encoder.add(partition, this.nextOffset(partition))
  }

  /** What stands for a record that is too large: a comment that says so, which supersedes its key's older value. */
  private appendTooLarge(record: KafkaRecord, frameBytes: number): void {
    this.recordsTooLarge++
    this.options.onTooLarge?.(record, frameBytes)
    this.appendFrame(record, TOO_LARGE_LINES)
  }

  private appendFrame(record: KafkaRecord, lines: EventLines): void {
    const idBytes = this.encoder.textBytes()
    const frameBytes = linesBytes(lines) + ID.length + idBytes + 2
    const segment = this.segmentFor(frameBytes, record.key)
    const sequence = this.nextSequence++
    const at = segment.end
    const { partition, offset, key } = record
    const start = segment.append({ sequence, frameBytes, idBytes, partition, offset, key })
    this.fillFrame(segment.bytes, start, lines)
    this.framesRetained++
    if (key !== null) this.supersede(this.index.set(partition, key, segment, at), sequence)
  }

  private fillFrame(bytes: Buffer, start: number, lines: EventLines): void {
    let to = start
    for (const piece of lines) {
      bytes.set(piece, to)
      to += piece.length
    }
    bytes.set(ID, to)
    to = this.encoder.writeText(bytes, to + ID.length)
    bytes[to] = LF
    bytes[to + 1] = LF
  }

  private supersede(previous: ReturnType<KeyIndex['get']>, sequence: number): void {
    previous?.segment.supersede(previous.at, sequence)
  }

  /** The tail segment if the frame fits, else a new one: an ordinary one, or a larger one for this frame alone. */
  private segmentFor(frameBytes: number, key: Uint8Array | null): Segment {
    const tail = this.segments.at(-1)
    const keyBytes = key?.length ?? 0
    if (tail?.size === SEGMENT_BYTES && tail.fits(frameBytes, keyBytes)) return tail
    tail?.publish()
    compact(this)
    this.makeRoom(frameBytes)
    return this.addSegment(frameBytes + keyBytes)
  }

  private addSegment(frameAndKeyBytes: number): Segment {
    const segment = this.takeSegment(frameAndKeyBytes, this.nextSequence)
    this.segments = [...this.segments, segment]
    return segment
  }

  /** Keeps the bounds: what cannot be kept goes oldest first, and with it the promise of a whole snapshot. */
  private makeRoom(frameBytes: number): void {
    const { retainedBytesMax, retainedRecordsMax } = this.options
    const over = () =>
      this.retainedBytes + Math.max(SEGMENT_BYTES, frameBytes) > retainedBytesMax ||
      this.framesRetained > retainedRecordsMax ||
      this.segments.length >= SLOTS_MAX
    while (over() && this.segments.length > 0) this.dropOldest()
    const used = Math.max(this.retainedBytes / retainedBytesMax, this.framesRetained / retainedRecordsMax)
    if (this.pressure === 'none' && used > NEARLY_FULL) this.press('nearly-full')
  }

  private dropOldest(): void {
    const oldest = this.segments[0]
    if (oldest === undefined) return
    if (oldest.liveFrames > 0) {
      this.lostBefore = oldest.lastSequence + 1
      this.lostPosition = parsePosition(oldest.id(oldest.lastPublished))
      if (this.pressure !== 'full') this.press('full')
    }
    this.replaceSegments(0, 1, [])
  }

  private press(state: 'nearly-full' | 'full'): void {
    this.pressure = state
    this.options.onPressure?.(state)
  }

  // For compaction.ts, the other half of the writer.

  /** A segment with a slot of its own, not yet among the retained. */
  takeSegment(bytes: number, firstSequence: number): Segment {
    const segment = this.pool.take(bytes + SEGMENT_OVERHEAD_BYTES, firstSequence)
    const free = this.slots.indexOf(undefined)
    segment.slot = free === -1 ? this.slots.length : free
    this.slots[segment.slot] = segment
    return segment
  }

  /** Puts `replacements` where `count` segments stood from `first` on; those leave, and their keys that are left with them. */
  replaceSegments(first: number, count: number, replacements: readonly Segment[]): void {
    const leaving = this.segments.slice(first, first + count)
    this.segments = [...this.segments.slice(0, first), ...replacements, ...this.segments.slice(first + count)]
    for (const segment of replacements) this.framesRetained += segment.frames
    for (const segment of leaving) this.dropSegment(segment)
  }

  private dropSegment(segment: Segment): void {
    this.framesRetained -= segment.frames
    for (let at = 0; at < segment.end; at = segment.next(at)) {
      const key = segment.isSuperseded(at) ? null : segment.key(at)
      if (key === null) continue
      const newest = this.index.get(segment.partition(at), key)
      if (newest?.segment === segment) this.index.delete(segment.partition(at), key)
    }
    this.slots[segment.slot] = undefined
    segment.slot = -1
    this.pool.give(segment)
  }
}

/** Room for a segment's control words and the entry of a frame that has a segment of its own. */
const SEGMENT_OVERHEAD_BYTES = 64
