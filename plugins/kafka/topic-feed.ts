// What one topic's consumption knows: its partitions, how far each has come, and when all that Kafka held is in.
// Plain state without Kafka or a clock: the reader tells it what it saw, it tells the writer (the topic's bus).

import type { Bus } from '../../src/bus.ts'
import type { KafkaRecord, Watermarks } from '../../src/topic.ts'
import { type Answer, compareLogs, type Findings } from './comparison.ts'
import { FeedPartition, FROM_BEGINNING } from './feed-partition.ts'
import type { ListedPartition } from './questions.ts'

type Told = 'setPartition' | 'append' | 'advance' | 'trim' | 'skip' | 'recreate' | 'publish' | 'markCaughtUp'
export type RecordWriter = Pick<Bus, Told | 'readFrom' | 'maintain'>

/** Lists of partitions in a row that lack one which is read, after which it is taken to be gone. */
const SHORTER_LISTS_MIN = 2

export class TopicFeed {
  readonly name: string
  caughtUp = false
  /** Goes up whenever the topic becomes another one: what was asked before is of no use then. */
  generation = 0
  private readonly writer: RecordWriter
  private readonly partitions = new Map<number, FeedPartition>()
  /** Something was written since the last publish. */
  private unpublished = false
  /** null where Kafka tells none, as before version 2.8. */
  private topicId: string | null = null
  private isAnother = false
  private shorterLists = 0

  constructor(name: string, writer: RecordWriter) {
    this.name = name
    this.writer = writer
  }

  /** Takes the topic's id; true if it is another topic than the one that was read. */
  noteTopicId(id: string): boolean {
    const wasRead = this.caughtUp || this.reading().length > 0
    this.isAnother ||= wasRead && this.topicId !== null && this.topicId !== id
    this.topicId = id
    return this.isAnother
  }

  /** Takes the topic's partitions as Kafka lists them. */
  list(listed: readonly ListedPartition[], nowMs: number): void {
    this.noteMissing(new Set(listed.map(({ partition }) => partition)))
    for (const { partition, hasLeader } of listed) {
      const known = this.partitions.get(partition) ?? new FeedPartition()
      known.noteLeader(hasLeader, nowMs)
      this.partitions.set(partition, known)
    }
  }

  /** Partitions that have a leader to be asked, and how far each is read: null before reading has begun. */
  askable(): Map<number, number | null> {
    const led = [...this.partitions].filter(([, { hasLeader }]) => hasLeader)
    return new Map(led.map(([number, { isRead, next }]) => [number, isRead ? next : null]))
  }

  /** Partitions without a leader. */
  leaderless(): number[] {
    return this.partitionsWhere(({ hasLeader }) => !hasLeader)
  }

  /** Partitions that are read. */
  reading(): number[] {
    return this.partitionsWhere(({ isRead }) => isRead)
  }

  /** How far a partition is read. */
  next(partition: number): number {
    return this.partitions.get(partition)?.next ?? FROM_BEGINNING
  }

  /** Where the reading of a partition is to begin. */
  startOf(marks: Watermarks): number {
    return this.writer.readFrom(marks)
  }

  /** The partition is read from `start` on; `marks` are what Kafka holds of it. */
  begin(partition: number, start: number, marks: Watermarks): void {
    this.partitions.get(partition)?.begin(start, marks)
    this.writer.setPartition(partition, start)
  }

  append(record: KafkaRecord): void {
    this.writer.append(record)
    this.unpublished = true
    this.moveTo(record.partition, record.offset + 1)
  }

  endOfPartition(partition: number, offset: number): void {
    this.writer.advance(partition, offset)
    this.moveTo(partition, offset)
  }

  /** The partition is read no further: the next look decides why, and from where it is. */
  noteStop(partition: number, isTruncated: boolean): void {
    this.partitions.get(partition)?.log?.noteStop(isTruncated)
  }

  /** An error came: what was told in the same breath may be lost with it, the end of a partition or that one stopped. */
  fearStops(): void {
    for (const { log } of this.partitions.values()) log?.fearStop()
  }

  /** Takes what Kafka tells of the logs. Where it finds the topic replaced, `recreate` is to be called. */
  compare(answer: Answer): Findings {
    const findings = compareLogs(this.partitions, answer, this.topicId !== null)
    const isReplaced = findings.isReplaced || this.isAnother || this.shorterLists >= SHORTER_LISTS_MIN
    if (isReplaced) return { ...findings, isReplaced }
    for (const [partition, start] of findings.trimmed) this.writer.trim(partition, start)
    for (const { partition, to } of findings.passed) this.skip(partition, to)
    return findings
  }

  /** The topic is another one from now on: nothing of it has been read. */
  recreate(): void {
    this.partitions.clear()
    this.isAnother = false
    this.shorterLists = 0
    this.caughtUp = false
    this.unpublished = false
    this.generation++
    this.writer.recreate()
  }

  /** Shows the streams what came since the last call; false if nothing did. */
  publish(): boolean {
    if (!this.unpublished) return false
    this.unpublished = false
    this.writer.publish()
    return true
  }

  /** One step of the writer's housekeeping; true if there is more to do at once. */
  maintain(epochMs: number): boolean {
    return this.writer.maintain(epochMs)
  }

  /** True the one time that all that Kafka held at the start is in, or all that can be read within the time. */
  catchUp(nowMs: number): boolean {
    const waits = (partition: FeedPartition) => partition.isBehind && !partition.isLost(nowMs)
    if (this.caughtUp || this.partitions.size === 0 || this.partitionsWhere(waits).length > 0) return false
    for (const partition of this.partitionsWhere(({ isRead }) => !isRead)) {
      this.writer.setPartition(partition, FROM_BEGINNING)
    }
    this.caughtUp = true
    this.writer.markCaughtUp()
    return true
  }

  /** True if the next look can wait: every partition is read, and none is in doubt. */
  get isSettled(): boolean {
    const isOpen = ({ isSettled }: FeedPartition) => !isSettled
    return this.caughtUp && this.shorterLists === 0 && this.partitionsWhere(isOpen).length === 0
  }

  /** Why the topic is not ready yet, in words; null when it has caught up. */
  progress(): string | null {
    if (this.caughtUp) return null
    if (this.partitions.size === 0) return `topic ${this.name}: waiting for Kafka`
    const waiting = this.partitionsWhere(({ isBehind }) => isBehind).length
    return `topic ${this.name}: reading what Kafka holds, ${waiting} of ${this.partitions.size} partitions to go`
  }

  /**
   * A partition that is listed no more was never there if nothing was read of it. One that was read cannot go: unless the id
   * says that it is the same topic, and the broker that lists it so is behind, the topic is another one.
   */
  private noteMissing(listed: ReadonlySet<number>): void {
    const missing = [...this.partitions].filter(([number]) => !listed.has(number))
    for (const [number, { isRead }] of missing) if (!isRead) this.partitions.delete(number)
    const isShorter = this.topicId === null && missing.some(([, { isRead }]) => isRead)
    this.shorterLists = isShorter ? this.shorterLists + 1 : 0
  }

  private skip(partition: number, start: number): void {
    this.writer.skip(partition, start)
    this.moveTo(partition, start)
  }

  private moveTo(partition: number, next: number): void {
    const known = this.partitions.get(partition)
    if (known === undefined || known.next >= next) return
    known.next = next
    this.unpublished = true
  }

  private partitionsWhere(holds: (partition: FeedPartition) => boolean): number[] {
    return [...this.partitions].filter(([, partition]) => holds(partition)).map(([number]) => number)
  }
}
