// One topic's records, encoded once, in the order in which they arrived: segments of frames that streams read by cursor.
// One writer (this class). What it publishes is immutable but for the marks that say by when a frame was superseded or gone.

import type { Segment } from '../segments/segment.ts'
import { SegmentList } from '../segments/segment-list.ts'
import { SegmentPool } from '../segments/segment-pool.ts'
import { BusView } from './bus-view.ts'
import { Holes, type Missed, type Moment } from './holes.ts'
import { type PartitionLogs, Partitions } from './partitions.ts'
import { FROM_BEGINNING, type Position } from './position.ts'
import { readingStarts } from './reading-starts.ts'
import type { Encoding, KafkaRecord, Keeps, Watermarks } from './record.ts'
import { type ClockOptions, RecordClock } from './record-clock.ts'
import { Retention, type RetentionOptions } from './retention.ts'
import { TailWriter } from './tail-writer.ts'

export interface BusOptions extends RetentionOptions, ClockOptions {
  readonly encoding: Encoding
  /** Segments' home, shared by the buses of a process. */
  readonly pool?: SegmentPool
  /** Seed of the key hash; random unless a test fixes it. */
  readonly seed?: number
  /** A record whose frame would be over FRAME_BYTES_MAX was passed over; `frameBytes` is what it had come to, at the least. */
  readonly onTooLarge?: (record: KafkaRecord, frameBytes: number) => void
}

export class Bus extends BusView {
  /** It had to drop a key's newest value while it loaded: a replica that never was of use for snapshots. */
  isTooSmall = false
  recordsAppended = 0
  recordsTooLarge = 0
  readonly options: BusOptions
  private readonly pool: SegmentPool
  /** What is retained. Who reads it sees `segments` alone. */
  readonly kept: SegmentList
  private readonly retention: Retention
  private readonly partitions = new Partitions()
  /** null where nothing is deleted by a tombstone. */
  private readonly holes: Holes | null
  private readonly changeListeners = new Set<() => void>()
  private readonly clock: RecordClock
  private readonly tail: TailWriter

  constructor(options: BusOptions) {
    super()
    this.options = options
    this.pool = options.pool ?? new SegmentPool()
    this.clock = new RecordClock(options)
    this.kept = new SegmentList({
      pool: this.pool,
      seed: options.seed ?? Math.floor(Math.random() * 2 ** 32),
      isKeyed: options.keeps === 'latest',
    })
    this.holes = options.keeps === 'latest' ? new Holes(options.deleteRetentionMs, this.clock) : null
    this.retention = new Retention(this.kept, this.losses, options)
    this.skipped = this.retention.trimming.skipped
    this.tail = this.tailWriter()
  }

  // The feed's side: what plugins/kafka tells.

  /**
   * Declares a partition, or learns where its log begins; `start` is -2 as long as Kafka has not told. Who has something of it
   * from another server, and nothing up to there, has missed that. `end`: where it ends, as Kafka tells when its reading begins.
   */
  setPartition(partition: number, start: number, end = start): void {
    const isNew = !this.partitions.isRead(partition)
    if (isNew) this.holes?.begin(partition)
    if (isNew && start > 0) this.noteUnread(partition, start, false)
    this.partitions.setStart(partition, start, end)
    this.changed()
  }

  /** Kafka, asked at that moment, told where a partition ends: what is read behind that is no older. */
  noteEnd(partition: number, end: number, askedAt: Moment): void {
    this.holes?.noteEnd(partition, end, this.partitions.next(partition), askedAt)
  }

  /**
   * Where the reading of some of a topic's `partitionsCount` partitions is to begin: no further back than everything could be
   * kept of all of them together.
   */
  readFrom(marks: ReadonlyMap<number, Watermarks>, partitionsCount: number): Map<number, number> {
    const { keeps, retainedRecordsMax } = this.options
    if (keeps === 'all') return readingStarts(marks, retainedRecordsMax, partitionsCount)
    return new Map([...marks].map(([partition, { start }]) => [partition, start]))
  }

  /**
   * Encodes a record at the tail. Its frame, its position and its sequence can be read from the same moment on, so that no id
   * speaks of a record that is not there; `publish` wakes the readers. A record that is already in (its offset lies below the
   * position) is left out, and so is all that comes once something was `missed`.
   */
  append(record: KafkaRecord): void {
    const { partitions } = this
    if (!partitions.has(record.partition)) this.setPartition(record.partition, FROM_BEGINNING)
    const { partition, offset, timestampMs } = record
    if (offset < partitions.next(partition) || !this.canPass(partition, offset, timestampMs)) return
    this.tail.append(record)
    this.recordsAppended++
  }

  /** Moves a partition's position to its end without a frame, over control records and offsets compacted away. */
  advance(partition: number, nextOffset: number): void {
    if (!this.partitions.has(partition) || !this.canPass(partition, nextOffset, null)) return
    this.partitions.moveTo(partition, nextOffset)
    this.partitions.noteEnd(partition)
  }

  /** Kafka has deleted a partition's records below `start`: they leave the bus, too, in the next steps of `maintain`. */
  trim(partition: number, start: number): void {
    if (start <= (this.partitions.start(partition) ?? FROM_BEGINNING)) return
    this.partitions.setStart(partition, start)
    this.retention.trimming.trim(partition, start)
  }

  /**
   * Kafka has deleted records below `start` before they were read: nobody can go on past them. What was read of them is
   * passed over at once, since what superseded it may be among those that were not; it goes in the next steps of `maintain`.
   */
  skip(partition: number, start: number): void {
    const [sequence, newestMs] = [this.kept.takeSequence(), Number.POSITIVE_INFINITY]
    const unread = { partition, sequence, offset: start - 1, lostAt: sequence, newestMs }
    this.losses.addFrame({ ...unread, isTombstone: false, isWanted: false })
    if (start > (this.partitions.start(partition) ?? FROM_BEGINNING))
      this.partitions.setStart(partition, start)
    this.retention.trimming.skip(partition, start, sequence)
    this.holes?.begin(partition)
    this.changed()
  }

  /** The topic is another one from now on. Its partitions are declared anew; until they are read, nothing is caught up. */
  recreate(): void {
    this.recreatedAt = this.kept.takeSequence() + 1
    this.wasRecreated = true
    this.forget()
  }

  /**
   * The same topic is read again from its beginning: as `recreate`, but offsets are what they were, so that a position that is ahead
   * of what was `missed` still counts.
   */
  startOver(): void {
    this.startedOverAt = this.kept.takeSequence() + 1
    this.forget()
  }

  /** What may have been deleted of it, unseen: it takes nothing more until it starts over. */
  get missed(): Missed | null {
    return this.holes?.missed ?? null
  }

  /** Wakes the readers, here and in other threads: once per batch, before the event loop turns. */
  publish(): void {
    this.tail.noteArrival()
    this.wake()
    this.changed()
  }

  markCaughtUp(): void {
    this.caughtUp = true
    this.isTooSmall = !this.losses.isWhole
    this.publish()
    this.tellCaughtUp()
  }

  /** One bounded step of what is to be done besides: compaction, and what had its time goes. True if there was something. */
  maintain(epochMs: number, nowMs = this.clock.nowMs()): boolean {
    this.tail.noteArrival()
    const isDone = this.retention.step({ epochMs, nowMs })
    if (isDone) this.changed()
    return isDone
  }

  // The streams' side, besides what every view of a bus has.

  override get segments(): readonly Segment[] {
    return this.kept.list
  }

  override get nextSequence(): number {
    return this.kept.nextSequence
  }

  override position(): Position {
    return this.partitions.position()
  }

  override positionText(): string {
    return this.partitions.text()
  }

  override nextOffset(partition: number): number | undefined {
    return this.partitions.has(partition) ? this.partitions.next(partition) : undefined
  }

  /** The `version` is for those who tell other threads. */
  override get logs(): PartitionLogs & Pick<Partitions, 'version'> {
    return this.partitions
  }

  /** Grows with each change of `skipped`, for those who tell other threads. */
  get skippedVersion(): number {
    return this.retention.trimming.version
  }

  /** Calls `listener` whenever a view in another thread is no longer up to date, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.changeListeners.add(listener)
    return () => this.changeListeners.delete(listener)
  }

  /** A thread that read is gone: it refers to nothing any more. */
  releaseThread(thread: number): void {
    for (const segment of this.kept.list) segment.releaseThread(thread)
    this.pool.releaseThread(thread)
  }

  // Figures.

  get keeps(): Keeps {
    return this.options.keeps
  }

  get retainedBytes(): number {
    return this.kept.totals.bytes
  }

  get retainedRecords(): number {
    return this.kept.totals.frames
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

  private tailWriter(): TailWriter {
    const { pool, kept, partitions, retention, clock } = this
    const { encoding, onTooLarge } = this.options
    return new TailWriter({
      encoding,
      pool,
      kept,
      partitions,
      retention,
      clock,
      onTooLarge: (record, frameBytes) => {
        this.recordsTooLarge++
        onTooLarge?.(record, frameBytes)
      },
    })
  }

  private forget(): void {
    this.kept.clear()
    this.losses.clear()
    this.retention.clear()
    this.partitions.clear()
    this.holes?.clear()
    this.caughtUp = false
    this.isTooSmall = false
    this.publish()
  }

  /** Whether reading may go on at `found`: not once what is missing up to there may have deleted what is kept. */
  private canPass(partition: number, found: number, timestampMs: number | null): boolean {
    const { holes } = this
    if (holes === null) return true
    const goneTo = holes.pass(partition, this.partitions.next(partition), found, timestampMs)
    if (goneTo > 0) this.noteUnread(partition, goneTo, true)
    return holes.missed === null
  }

  /** What begins at `found` is read while streams are open whose clients may have something before it. */
  private noteUnread(partition: number, found: number, mayBeTombstone: boolean): void {
    const lostAt = this.caughtUp ? this.kept.takeSequence() : null
    this.losses.addUnread({ partition, offset: found - 1, mayBeTombstone, lostAt })
  }

  private changed(): void {
    for (const listener of this.changeListeners) listener()
  }
}
