// Feeds one bus with one topic. Knows how far each partition is read, and when the bus has everything that Kafka held
// at the start. Plain state, without Kafka or a clock: the reader passes records and answers in, and the writer (the
// bus) gets them.

import type { Bus } from '../../../src/bus/bus.ts'
import type { Missed, Moment } from '../../../src/bus/holes.ts'
import { FROM_BEGINNING } from '../../../src/bus/position.ts'
import type { KafkaRecord, Watermarks } from '../../../src/bus/record.ts'
import type { ListedPartition } from '../client/questions.ts'
import type { Receiver } from './assignment.ts'
import { type AskedWatermarks, compareLogs, type TakenFindings, takeFindings } from './comparison.ts'
import type { FollowedPartition } from './followed-partition.ts'
import { FollowedPartitions } from './followed-partitions.ts'

type Told = 'setPartition' | 'append' | 'advance' | 'noteEnd' | 'trim' | 'skip' | 'publish' | 'markCaughtUp'
export type RecordWriter = Pick<Bus, Told | 'recreate' | 'startOver' | 'readFrom' | 'maintain' | 'missed'>

export class TopicFeed implements Receiver {
  readonly name: string
  caughtUp = false
  private readonly writer: RecordWriter
  /** Feeds that have something to publish or have reached the end of a partition. This feed adds itself. */
  private readonly changed: Set<TopicFeed>
  private readonly partitions = new FollowedPartitions()
  /** Whether something was written since the last publish. */
  private unpublished = false
  /** Partitions that have reached their end since `takeReadyForLive`. */
  private readyForLive = new Set<number>()
  /** null where Kafka has none, as before version 2.8. */
  private topicId: string | null = null
  private isAnother = false

  /** `changed`: the caller publishes the feeds in it, and empties it. */
  constructor(name: string, writer: RecordWriter, changed: Set<TopicFeed> = new Set()) {
    this.name = name
    this.writer = writer
    this.changed = changed
  }

  /** True if this is not the topic that was read. */
  noteTopicId(id: string): boolean {
    const wasRead = this.caughtUp || this.partitions.hasRead
    this.isAnother ||= wasRead && this.topicId !== null && this.topicId !== id
    this.topicId = id
    return this.isAnother
  }

  list(listed: readonly ListedPartition[]): void {
    this.partitions.list(listed, this.topicId !== null)
  }

  /** Partitions that have a leader to ask, and the next offset of each: null before its reading has begun. */
  askable(): Map<number, number | null> {
    return this.partitions.askable()
  }

  /** `sinceMs`: when the leader's silence began, for each silent partition. The leaders of all others answer. */
  noteSilence(sinceMs: ReadonlyMap<number, number>): void {
    this.partitions.noteSilence(sinceMs)
  }

  known(): number[] {
    return this.partitions.numbers()
  }

  get hasUnread(): boolean {
    return this.partitions.hasUnread
  }

  /** The offset that comes next. */
  next(partition: number): number {
    return this.partitions.get(partition)?.next ?? FROM_BEGINNING
  }

  /** Whether a partition is read up to the end that Kafka last reported. */
  isAtEnd(partition: number): boolean {
    return this.partitions.get(partition)?.isAtEnd ?? false
  }

  /** Where to begin reading these partitions. */
  startsOf(marks: ReadonlyMap<number, Watermarks>): Map<number, number> {
    return this.writer.readFrom(marks, this.partitions.count)
  }

  /** Begins a partition at `start`. `marks`: its watermarks, which Kafka was asked for at `askedAt`. */
  begin(partition: number, start: number, marks: Watermarks, askedAt: Moment): void {
    const known = this.partitions.get(partition)
    if (known === undefined) return
    this.writer.setPartition(partition, start, marks.end)
    this.writer.noteEnd(partition, marks.end, askedAt)
    this.setUnpublished()
    this.partitions.begin(known, start, marks)
  }

  /** From now on `takeReadyForLive` returns the partition once it has reached its end. */
  setReadBehind(partition: number): void {
    const known = this.partitions.get(partition)
    if (known !== undefined) known.isReadBehind = true
  }

  /** Partitions that have reached their end since the last call. */
  takeReadyForLive(): readonly number[] {
    if (this.readyForLive.size === 0) return []
    const ready = [...this.readyForLive]
    this.readyForLive.clear()
    return ready
  }

  append(record: KafkaRecord): void {
    const known = this.partitions.get(record.partition)
    if (known === undefined || record.offset < known.next || this.missed !== null) return
    this.writer.append(record)
    this.setUnpublished()
    if (this.missed !== null) return
    this.partitions.moveTo(known, record.offset + 1)
    if (known.isReadBehind && known.isAtEnd) this.noteReadyForLive(record.partition, known)
  }

  endOfPartition(partition: number, offset: number): void {
    const known = this.partitions.get(partition)
    if (known === undefined || this.missed !== null) return
    this.writer.advance(partition, offset)
    if (this.missed !== null || this.partitions.moveTo(known, offset)) this.setUnpublished()
    if (this.missed !== null) return
    if (known.isReadBehind) this.noteReadyForLive(partition, known)
  }

  /** librdkafka has stopped reading the partition. The next refresh finds out why, and where to go on. */
  noteStop(partition: number, isTruncated: boolean): void {
    this.partitions.get(partition)?.log?.noteStop(isTruncated)
  }

  /** A read failed. Its error may have hidden the end of a partition, or a stop. */
  suspectStops(): void {
    this.partitions.suspectStops()
  }

  /**
   * Compares Kafka's answer with what was read, and tells the writer. If the topic was replaced, the caller calls
   * `recreate`. Never throws: if the writer throws, the next refresh finds the same again.
   */
  compare(answer: AskedWatermarks): TakenFindings {
    const findings = compareLogs(this.partitions, answer, this.topicId !== null)
    const isReplaced = findings.isReplaced || this.isAnother || this.partitions.lacksReadPartition
    if (isReplaced) return { ...findings, isReplaced, failure: null }
    for (const [partition, { end }] of answer.watermarks) this.noteEnd(partition, end, answer)
    return takeFindings(findings, this.partitions, {
      trim: (partition, start) => this.writer.trim(partition, start),
      skip: (partition, start) => this.skip(partition, start),
    })
  }

  /** From now on the topic is another one, and nothing of it was read. */
  recreate(): void {
    this.writer.recreate()
    this.forget()
  }

  /** Deletes were missed, so the writer may hold deleted records. It takes nothing more before `startOver`. */
  get missed(): Missed | null {
    return this.writer.missed
  }

  /** The whole topic is read again. */
  startOver(): void {
    this.writer.startOver()
    this.forget()
  }

  private forget(): void {
    this.partitions.clear()
    this.readyForLive.clear()
    this.isAnother = false
    this.caughtUp = false
    this.unpublished = false
  }

  /** Publishes what was written since the last call; false if nothing was. */
  publish(): boolean {
    if (!this.unpublished) return false
    this.unpublished = false
    this.writer.publish()
    return true
  }

  /** One step of housekeeping; true if there is more to do at once. */
  maintain(epochMs: number): boolean {
    return this.writer.maintain(epochMs)
  }

  /** True if everything that Kafka held at the start is in the bus. */
  get isWhole(): boolean {
    return this.partitions.count > 0 && this.partitions.behindCount === 0
  }

  /** True once: when the bus has everything that Kafka held at the start, or everything that can be read in time. */
  catchUp(nowMs: number): boolean {
    if (this.caughtUp || this.partitions.count === 0 || this.partitions.isWaiting(nowMs)) return false
    for (const partition of this.partitions.unread()) this.writer.setPartition(partition, FROM_BEGINNING)
    this.caughtUp = true
    this.writer.markCaughtUp()
    return true
  }

  /** True if the next refresh can wait. */
  get isSettled(): boolean {
    return this.caughtUp && this.partitions.isSettled
  }

  /** Why the topic is not ready yet; null once it has caught up. */
  progress(): string | null {
    if (this.caughtUp) return null
    const { count, behindCount } = this.partitions
    if (count === 0) return `topic ${this.name}: waiting for Kafka`
    return `topic ${this.name}: reading what Kafka holds, ${behindCount} of ${count} partitions to go`
  }

  private skip(partition: number, start: number): void {
    this.writer.skip(partition, start)
    const known = this.partitions.get(partition)
    if (known !== undefined && this.partitions.moveTo(known, start)) this.setUnpublished()
  }

  private noteEnd(partition: number, end: number, { asked, askedAt }: AskedWatermarks): void {
    const known = this.partitions.get(partition)
    if (known === undefined || !known.isRead) return
    // A broker that lags behind may report an older end.
    if (end >= (asked.get(partition) ?? Number.POSITIVE_INFINITY))
      this.writer.noteEnd(partition, end, askedAt)
    this.partitions.noteEnd(known, end)
  }

  private noteReadyForLive(partition: number, known: FollowedPartition): void {
    known.isReadBehind = false
    this.readyForLive.add(partition)
    this.changed.add(this)
  }

  private setUnpublished(): void {
    this.unpublished = true
    this.changed.add(this)
  }
}
