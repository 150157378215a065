// One topic's records, encoded once, in the order in which they arrived: segments of frames that streams read by cursor.
// One writer (this class). What it publishes is immutable but for the marks that say by when a frame was superseded or gone.

import { type EventLines, eventLines, FRAME_BYTES_MAX, linesBytes, TOO_LARGE_LINES } from './frame.ts'
import { Losses, type Reading } from './losses.ts'
import { Partitions } from './partitions.ts'
import { FROM_BEGINNING, type Position } from './position.ts'
import { Retention, type RetentionOptions } from './retention.ts'
import type { Segment } from './segment.ts'
import { SegmentPool } from './segment-pool.ts'
import { Segments } from './segments.ts'
import type { GapReason } from './signals.ts'
import type { Encoding, KafkaRecord, Keeps, Watermarks } from './topic.ts'

export interface BusOptions extends RetentionOptions {
  readonly encoding: Encoding
  /** Segments' home, shared by the buses of a process. */
  readonly pool?: SegmentPool
  /** Seed of the key hash; random unless a test fixes it. */
  readonly seed?: number
  /** Epoch ms. */
  readonly now?: () => number
  /** A record whose frame would be over FRAME_BYTES_MAX was passed over. */
  readonly onTooLarge?: (record: KafkaRecord, frameBytes: number) => void
}

const LF = 0x0a
const ID = Buffer.from('id:')

export class Bus {
  /** All that Kafka held at the start is in: streams that waited may begin. */
  caughtUp = false
  /** It had to drop a key's newest value while it loaded: a replica that never was of use for snapshots. */
  isTooSmall = false
  /** The topic was another one before. */
  wasRecreated = false
  recordsAppended = 0
  recordsTooLarge = 0
  readonly options: BusOptions
  private readonly pool: SegmentPool
  /** What is retained. Who reads it sees `segments` alone. */
  readonly kept: Segments
  private readonly losses = new Losses()
  private readonly retention: Retention
  private partitions = new Partitions()
  /** Next sequence when the topic became another one: who was made before reads what is no more. */
  private recreatedAt = 0
  private readonly now: () => number
  private readonly listeners = new Set<() => void>()
  private readonly caughtUpListeners = new Set<() => void>()

  constructor(options: BusOptions) {
    this.options = options
    this.pool = options.pool ?? new SegmentPool()
    this.now = options.now ?? Date.now
    this.kept = new Segments({
      pool: this.pool,
      seed: options.seed ?? Math.floor(Math.random() * 2 ** 32),
      isKeyed: options.keeps === 'latest',
    })
    this.retention = new Retention(this.kept, this.losses, options)
  }

  // The feed's side: what plugins/kafka tells.

  /** Declares a partition, or learns where its log begins; `start` is -2 as long as Kafka has not told. */
  setPartition(partition: number, start: number): void {
    this.partitions.setStart(partition, start)
  }

  /** Where the reading of a partition is to begin: no further back than everything could be kept. */
  readFrom({ start, end }: Watermarks): number {
    const { keeps, retainedRecordsMax } = this.options
    return keeps === 'all' ? Math.max(start, end - retainedRecordsMax) : start
  }

  /**
   * Encodes a record at the tail. Whoever appends also publishes before the event loop turns, since ids of idle streams
   * speak of everything appended. A record that is already in (its offset lies below the position) is left out.
   */
  append(record: KafkaRecord): void {
    const { partitions } = this
    if (!partitions.has(record.partition)) this.setPartition(record.partition, FROM_BEGINNING)
    if (record.offset < partitions.next(record.partition)) return
    if (this.options.keeps === 'latest' && !this.caughtUp) this.noteHole(record)
    partitions.moveTo(record.partition, record.offset + 1)
    this.recordsAppended++
    const lines = eventLines(record, this.options.encoding)
    if (lines === null) return
    const idBytes = partitions.encode()
    const frameBytes = frameBytesOf(lines, idBytes)
    if (frameBytes > FRAME_BYTES_MAX) this.appendTooLarge(record, frameBytes, idBytes)
    else this.appendFrame(record, lines, idBytes)
  }

  /** Moves a partition's position without a frame: control records, offsets compacted away, the end of the partition. */
  advance(partition: number, nextOffset: number): void {
    if (this.partitions.has(partition)) this.partitions.moveTo(partition, nextOffset)
  }

  /** Kafka has deleted a partition's records below `start`: they leave the bus, too, in the next steps of `maintain`. */
  trim(partition: number, start: number): void {
    if (start <= (this.partitions.start(partition) ?? FROM_BEGINNING)) return
    this.partitions.setStart(partition, start)
    this.retention.trim(partition, start)
  }

  /**
   * Kafka has deleted records below `start` before they were read: nobody can go on past them. What was read of them goes
   * at once, since what superseded it may be among those that were not.
   */
  skip(partition: number, start: number): void {
    const gone = this.kept.takeSequence()
    this.losses.addFrames(gone, gone)
    this.trim(partition, start)
    this.retention.finishTrims()
  }

  /** The topic is another one from now on. Its partitions are declared anew; until they are read, nothing is caught up. */
  recreate(): void {
    this.recreatedAt = this.kept.takeSequence() + 1
    this.kept.clear()
    this.losses.clear()
    this.retention.clear()
    this.partitions = new Partitions()
    this.wasRecreated = true
    this.caughtUp = false
    this.isTooSmall = false
    this.publish()
  }

  /** Shows readers what was appended, and wakes them: once per batch. */
  publish(): void {
    const { tail } = this.kept
    if (tail !== undefined) this.show(tail)
    for (const listener of this.listeners) listener()
  }

  markCaughtUp(): void {
    this.caughtUp = true
    this.isTooSmall = !this.losses.isWhole
    this.publish()
    const listeners = [...this.caughtUpListeners]
    this.caughtUpListeners.clear()
    for (const listener of listeners) listener()
  }

  /** One bounded step of what is to be done besides: compaction, and what had its time goes. True if there was something. */
  maintain(nowMs: number): boolean {
    return this.retention.step(nowMs)
  }

  // The streams' side.

  /** Retained segments, oldest first. A new array whenever a segment comes or goes, so that a reader may hold on to one. */
  get segments(): readonly Segment[] {
    return this.kept.list
  }

  /** Sequence that the next frame gets: the place right behind the tail. Published ones lie below it. */
  get nextSequence(): number {
    return this.kept.nextSequence
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
    return this.partitions.position()
  }

  positionText(): string {
    return this.partitions.text()
  }

  /** Log start of a partition as Kafka told it, -2 before it did; undefined for one that the topic lacks. */
  start(partition: number): number | undefined {
    return this.partitions.start(partition)
  }

  /** Why a client with this position has missed something for good; null if it has not. */
  gapFor(position: Position): GapReason | null {
    return this.losses.gapFor(position, (partition) => this.partitions.start(partition))
  }

  /** Whether tombstones of this partition are gone. */
  lacksTombstones(partition: number): boolean {
    return this.losses.lacksTombstones(partition)
  }

  /** Whether everything from `timestampMs` on can be had: the newest value of each key, at the least. */
  isWholeSince(timestampMs: number): boolean {
    return this.losses.isWhole || timestampMs > this.losses.brokenAtMs
  }

  /** Whether something has left that a reader had still to read. */
  hasLost(reading: Reading): boolean {
    return this.losses.concern(reading)
  }

  /** Whether a reader that was made at this sequence reads of a topic that is no more. */
  isFromBefore(madeAt: number): boolean {
    return madeAt < this.recreatedAt
  }

  // Figures.

  get keeps(): Keeps {
    return this.options.keeps
  }

  /** Whether every key's newest value is here. */
  get isWhole(): boolean {
    return this.losses.isWhole
  }

  get retainedBytes(): number {
    return this.kept.bytes
  }

  get retainedRecords(): number {
    return this.kept.frames
  }

  /** Keys whose newest frame is known. */
  get keys(): number {
    return this.kept.index?.size ?? 0
  }

  /** Bytes of segments that are let go but still on their way to slow peers. */
  get partedBytes(): number {
    return this.pool.partedBytes
  }

  /** Bytes of all segments that were made, in use or kept to be used again. */
  get allocatedBytes(): number {
    return this.pool.allocatedBytes
  }

  /**
   * Offsets that are missing in what Kafka held at the start may have been tombstones, where they are old enough for Kafka to
   * have dropped them (KIP-534): they are no older than the record before them.
   */
  private noteHole({ partition, offset, timestampMs }: KafkaRecord): void {
    const { partitions, options } = this
    const isHole = offset > Math.max(0, partitions.next(partition))
    const isOld = isHole && partitions.newestTimestampMs(partition) + options.deleteRetentionMs <= this.now()
    if (isOld) this.losses.addTombstone(partition, offset - 1)
    partitions.noteTimestamp(partition, timestampMs)
  }

  /** What stands for a record that is too large: a comment that says so, which supersedes its key's older value. */
  private appendTooLarge(record: KafkaRecord, frameBytes: number, idBytes: number): void {
    this.recordsTooLarge++
    this.options.onTooLarge?.(record, frameBytes)
    this.appendFrame(record, TOO_LARGE_LINES, idBytes)
  }

  private appendFrame(record: KafkaRecord, lines: EventLines, idBytes: number): void {
    const { partition, offset, timestampMs, key, value } = record
    const frameBytes = frameBytesOf(lines, idBytes)
    const segment = this.segmentFor(frameBytes, key?.length ?? 0)
    const sequence = this.kept.takeSequence()
    const isTombstone = value === null
    const entry = { sequence, frameBytes, idBytes, partition, offset, timestampMs, key, isTombstone }
    this.fillFrame(segment.bytes, this.kept.append(segment, entry), lines)
  }

  private fillFrame(bytes: Buffer, start: number, lines: EventLines): void {
    let to = start
    for (const piece of lines) {
      bytes.set(piece, to)
      to += piece.length
    }
    bytes.set(ID, to)
    to = this.partitions.writeText(bytes, to + ID.length)
    bytes[to] = LF
    bytes[to + 1] = LF
  }

  /** The tail segment if the frame fits, else a new one: an ordinary one, or a larger one for this frame alone. */
  private segmentFor(frameBytes: number, keyBytes: number): Segment {
    const { tail } = this.kept
    if (tail?.size === this.pool.segmentBytes && tail.fits(frameBytes, keyBytes)) return tail
    if (tail !== undefined) this.show(tail)
    this.retention.makeRoom(frameBytes)
    return this.kept.add(frameBytes + keyBytes, this.now())
  }

  private show(tail: Segment): void {
    tail.newestArrivalMs = this.now()
    tail.publish()
  }
}

function frameBytesOf(lines: EventLines, idBytes: number): number {
  return linesBytes(lines) + ID.length + idBytes + 2
}
