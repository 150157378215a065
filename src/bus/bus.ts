// One topic's records, encoded once, in order of arrival: segments of frames, which streams read by
// cursor. This class is the only writer. A published frame never changes; only its marks do, which say
// when it was superseded or removed.

import { HiddenValues } from '../routing/hidden-values.ts'
import { RouteReader } from '../routing/route-reader.ts'
import type { Selector } from '../routing/selector.ts'
import type { Segment } from '../segments/segment.ts'
import { SegmentList } from '../segments/segment-list.ts'
import { SegmentPool } from '../segments/segment-pool.ts'
import { BusView } from './bus-view.ts'
import { type Hole, Holes, type Missed, type Moment } from './holes.ts'
import { type PartitionLogs, type PartitionProgress, Partitions } from './partitions.ts'
import { FROM_BEGINNING, type Position } from './position.ts'
import { readingStarts } from './reading-starts.ts'
import type { Encoding, KafkaRecord, Keeps, Watermarks } from './record.ts'
import { type ClockOptions, RecordClock } from './record-clock.ts'
import { Retention, type RetentionOptions } from './retention.ts'
import { TailWriter } from './tail-writer.ts'

export interface BusOptions extends RetentionOptions, ClockOptions {
  readonly encoding: Encoding
  /** The pool of segments, shared by the buses of a process. Default: a pool of its own. */
  readonly pool?: SegmentPool
  /** Seed of the key hash. Default: random. Only tests set it. */
  readonly seed?: number
  /** What streams may be selected by. Default: nothing. */
  readonly selectors?: readonly Selector[]
  /** Called for a record whose frame would be over FRAME_BYTES_MAX. `frameBytes`: at least this many bytes. */
  readonly onTooLarge?: (record: KafkaRecord, frameBytes: number) => void
}

export class Bus extends BusView {
  /**
   * Whether the bus had to remove a key's newest value while it was loading. Then it can never give a whole snapshot.
   */
  isTooSmall = false
  /** Records that were appended, without those that were left out. */
  recordsAppended = 0
  recordsTooLarge = 0
  readonly options: BusOptions
  override readonly routeReader: RouteReader
  private readonly pool: SegmentPool
  /** The retained segments, their key index and their counts. Readers use `segments` instead. */
  readonly kept: SegmentList
  private readonly retention: Retention
  private readonly hiddenValues = new HiddenValues()
  private readonly partitions = new Partitions()
  /** null if the bus keeps every record: then no tombstone deletes a frame. */
  private readonly holes: Holes | null
  private readonly changeListeners = new Set<() => void>()
  private readonly clock: RecordClock
  private readonly tail: TailWriter

  constructor(options: BusOptions) {
    super()
    this.options = options
    this.routeReader = new RouteReader(options.selectors ?? [])
    this.pool = options.pool ?? new SegmentPool()
    this.clock = new RecordClock(options)
    this.kept = new SegmentList({
      pool: this.pool,
      seed: options.seed ?? Math.floor(Math.random() * 2 ** 32),
      isKeyed: options.keeps === 'latest',
    })
    this.holes = options.keeps === 'latest' ? this.newHoles() : null
    this.retention = new Retention(this.kept, this.losses, options)
    this.skipped = this.retention.trimming.skipped
    this.tail = this.tailWriter()
  }

  // Calls of the feed, which is plugins/kafka.

  /**
   * Declares a partition, or sets its log start. `start` is -2 until Kafka has reported it. `end` is its log end when
   * reading begins. Records before `start` are then lost to a client that has records of the partition from another
   * server.
   */
  setPartition(partition: number, start: number, end = start): void {
    const isNew = !this.partitions.isRead(partition)
    if (isNew) this.holes?.begin(partition)
    if (isNew && start > 0)
      this.noteUnread(partition, { to: start, sequence: this.kept.takeSequence() }, false)
    if (isNew && start > 0) this.leavings.addGoneValues(partition, start, 0)
    this.partitions.setStart(partition, start, end)
    this.changed()
  }

  /**
   * Notes a partition's log end, which Kafka was asked for at `askedAt`. Records from that end on are no older than
   * that moment.
   */
  noteEnd(partition: number, end: number, askedAt: Moment): void {
    this.partitions.noteToldEnd(partition, end)
    this.holes?.noteEnd(partition, end, this.partitions.next(partition), askedAt)
    this.hiddenValues.noteEnd(partition, end, askedAt.nowMs)
  }

  /**
   * The offset from which to read each partition of `marks`, some of the topic's `partitionsCount`. A bus that keeps
   * every record reads at most as many records as it may keep.
   */
  readFrom(marks: ReadonlyMap<number, Watermarks>, partitionsCount: number): Map<number, number> {
    const { keeps, retainedRecordsMax } = this.options
    if (keeps === 'all') return readingStarts(marks, retainedRecordsMax, partitionsCount)
    return new Map([...marks].map(([partition, { start }]) => [partition, start]))
  }

  /**
   * Appends a record at the tail. Its frame, position and sequence become readable together, so no id covers a record
   * that cannot be read. `publish` wakes the readers. Leaves out a record with an offset below the position, and
   * every record once `missed` is set.
   */
  append(record: KafkaRecord): void {
    const { partitions } = this
    if (!partitions.has(record.partition)) this.setPartition(record.partition, FROM_BEGINNING)
    const { partition, offset, timestampMs } = record
    if (offset < partitions.next(partition) || !this.canPass(partition, offset, timestampMs)) return
    this.tail.append(record)
    this.recordsAppended++
  }

  /**
   * Moves a partition's position to its end without a frame, past control records and
   * offsets that Kafka compacted away.
   */
  advance(partition: number, nextOffset: number): void {
    if (!this.partitions.has(partition) || !this.canPass(partition, nextOffset, null)) return
    this.partitions.moveTo(partition, nextOffset)
    this.partitions.noteEnd(partition)
  }

  /**
   * Kafka has deleted a partition's records below `start`. The next steps of `maintain`
   * remove them from the bus, too.
   */
  trim(partition: number, start: number): void {
    if (start <= (this.partitions.start(partition) ?? FROM_BEGINNING)) return
    this.partitions.setStart(partition, start)
    this.retention.trimming.trim(partition, start)
  }

  /**
   * Kafka has deleted records below `start` before they were read, so no cursor can go on past them. From now on
   * readers skip the partition's frames below `start`, because records that were never read may have superseded them.
   * The next steps of `maintain` remove these frames.
   */
  skip(partition: number, start: number): void {
    const sequence = this.kept.takeSequence()
    this.losses.addSkipped(partition, start, sequence)
    this.leavings.addGoneValues(partition, start, sequence)
    if (start > (this.partitions.start(partition) ?? FROM_BEGINNING))
      this.partitions.setStart(partition, start)
    this.retention.trimming.skip(partition, start, sequence)
    this.holes?.begin(partition)
    this.changed()
  }

  /** The topic was recreated: removes everything. The bus has caught up again when the feed has read all partitions. */
  recreate(): void {
    this.recreatedAt = this.kept.takeSequence() + 1
    this.wasRecreated = true
    this.forget()
  }

  /**
   * Forgets everything, because the feed reads the same topic again from its start. Unlike after `recreate`, offsets
   * keep their meaning: a position ahead of what was `missed` is still good.
   */
  startOver(): void {
    this.startedOverAt = this.kept.takeSequence() + 1
    this.forget()
  }

  /** Tombstones that the bus may have missed. Once set, the bus appends nothing until `startOver`. null: none. */
  get missed(): Missed | null {
    return this.holes?.missed ?? null
  }

  /** Wakes the readers, here and in other threads. Call it once per batch, before the event loop turns. */
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

  /** Does one bounded step of retention or compaction. Returns false if there was nothing to do. */
  maintain(epochMs: number, nowMs = this.clock.nowMs()): boolean {
    this.tail.noteArrival()
    const isDone = this.retention.step({ epochMs, nowMs })
    if (isDone) this.changed()
    return isDone
  }

  /** Gives all segments back to the pool. Nothing may feed, maintain or read the bus from now on. */
  close(): void {
    this.kept.clear()
    this.changeListeners.clear()
  }

  // Calls of the streams, as every view of a bus has them.

  override get segments(): readonly Segment[] {
    return this.kept.list
  }

  override get routeSeed(): number {
    return this.kept.seed
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

  /** `version` grows with each change, so that other threads are sent only changes. */
  override get logs(): PartitionLogs & Pick<Partitions, 'version'> {
    return this.partitions
  }

  /** Grows with each change of `skipped`, so that other threads are sent only changes. */
  get skippedVersion(): number {
    return this.retention.trimming.version
  }

  /** Calls `listener` at each change that views in other threads need. The returned function cancels that. */
  onChange(listener: () => void): () => void {
    this.changeListeners.add(listener)
    return () => this.changeListeners.delete(listener)
  }

  /** Releases all holds of a thread that has ended. */
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

  /** Share of its bounds that the newest values of its keys need; null if it keeps every record. */
  get neededShare(): number | null {
    return this.keeps === 'latest' ? this.retention.neededShare : null
  }

  /** How far each partition is read whose log end Kafka has told, in ascending order. */
  progress(): Iterable<PartitionProgress> {
    return this.partitions.progress()
  }

  /** Keys in the key index. */
  get keys(): number {
    return this.kept.index?.size ?? 0
  }

  /** Bytes of segments that left the bus but are still held by writes to slow peers. Of all buses of the pool. */
  get partedBytes(): number {
    return this.pool.partedBytes
  }

  /** Bytes of all segments, in use or idle. Of all buses of the pool. */
  get allocatedBytes(): number {
    return this.pool.allocatedBytes
  }

  private newHoles(): Holes {
    return new Holes(this.options.deleteRetentionMs, this.clock, () => this.kept.takeSequence())
  }

  private tailWriter(): TailWriter {
    const { pool, kept, partitions, retention, clock, routeReader, hiddenValues, leavings } = this
    const { encoding, onTooLarge } = this.options
    return new TailWriter({
      encoding,
      routeReader,
      hiddenValues,
      leavings,
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
    this.hiddenValues.clear()
    this.caughtUp = false
    this.isTooSmall = false
    this.publish()
  }

  /**
   * Whether the partition may go on at offset `found`. False once a missing tombstone may have deleted what the bus
   * keeps.
   */
  private canPass(partition: number, found: number, timestampMs: number | null): boolean {
    const { holes } = this
    if (holes === null) return true
    const next = this.partitions.next(partition)
    const lost = holes.pass(partition, next, found, timestampMs)
    if (found > Math.max(0, next) && holes.mayHideValues(partition))
      this.hiddenValues.noteMissing(partition, Math.max(0, next), found, this.clock.nowMs())
    if (lost !== null) this.noteUnread(partition, lost, true)
    return holes.missed === null
  }

  /**
   * Notes that the missing records are never read. Once the bus has caught up, clients of open streams may have records
   * before them.
   */
  private noteUnread(partition: number, { to, sequence }: Hole, mayBeTombstone: boolean): void {
    const lostAt = this.caughtUp ? this.kept.takeSequence() : null
    this.losses.addUnread({ partition, sequence, offset: to - 1, mayBeTombstone, lostAt })
  }

  private changed(): void {
    for (const listener of this.changeListeners) listener()
  }
}
