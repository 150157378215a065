// What the consumption of one topic for one bus knows: its partitions, how far each has come, and when all that Kafka held is
// in. Plain state without Kafka or a clock: the reader tells it what it saw, it tells the writer (the topic's bus).

import type { Bus } from '../../../src/bus/bus.ts'
import type { Missed, Moment } from '../../../src/bus/holes.ts'
import { FROM_BEGINNING } from '../../../src/bus/position.ts'
import type { KafkaRecord, Watermarks } from '../../../src/bus/record.ts'
import type { ListedPartition } from '../client/questions.ts'
import type { Receiver } from './assignment.ts'
import { type AskedWatermarks, compareLogs, type Findings, type TakenFindings } from './comparison.ts'
import { FollowedPartition } from './followed-partition.ts'
import type { LogFinding } from './log-watch.ts'

type Told = 'setPartition' | 'append' | 'advance' | 'noteEnd' | 'trim' | 'skip' | 'publish' | 'markCaughtUp'
export type RecordWriter = Pick<Bus, Told | 'recreate' | 'startOver' | 'readFrom' | 'maintain' | 'missed'>

/** Lists of partitions in a row that lack one which is read, after which it is taken to be gone. */
const SHORTER_LISTS_MIN = 2

export class TopicFeed implements Receiver {
  readonly name: string
  caughtUp = false
  private readonly writer: RecordWriter
  /** Feeds that have something to publish, or partitions that have come to their end: this one, if it has. */
  private readonly changed: Set<TopicFeed>
  private readonly partitions = new Map<number, FollowedPartition>()
  /** How many of them are behind. */
  private behindCount = 0
  /** Something was written since the last publish. */
  private unpublished = false
  /** Partitions that have come to their end since `takeArrived`. */
  private arrived = new Set<number>()
  /** null where Kafka tells none, as before version 2.8. */
  private topicId: string | null = null
  private isAnother = false
  private shorterLists = 0

  /** `changed`: the set that this feed adds itself to, which is whoever publishes' to empty. */
  constructor(name: string, writer: RecordWriter, changed: Set<TopicFeed> = new Set()) {
    this.name = name
    this.writer = writer
    this.changed = changed
  }

  /** Takes the topic's id; true if it is another topic than the one that was read. */
  noteTopicId(id: string): boolean {
    const wasRead = this.caughtUp || this.isReading
    this.isAnother ||= wasRead && this.topicId !== null && this.topicId !== id
    this.topicId = id
    return this.isAnother
  }

  /** Takes the topic's partitions as Kafka lists them. */
  list(listed: readonly ListedPartition[]): void {
    this.noteMissing(new Set(listed.map(({ partition }) => partition)))
    for (const { partition, leader } of listed) {
      const known = this.partitions.get(partition) ?? this.add(partition)
      known.leader = leader
    }
  }

  /** Partitions that have a leader to be asked, and how far each is read: null before reading has begun. */
  askable(): Map<number, number | null> {
    const asked = new Map<number, number | null>()
    for (const [number, { leader, isRead, next }] of this.partitions) {
      if (leader !== null) asked.set(number, isRead ? next : null)
    }
    return asked
  }

  /** Takes since when no leader has answered for which partitions; there is one that does for all others. */
  noteSilence(sinceMs: ReadonlyMap<number, number>): void {
    for (const [number, partition] of this.partitions) partition.noteSilence(sinceMs.get(number) ?? null)
  }

  /** Every partition that it knows of. */
  known(): number[] {
    return [...this.partitions.keys()]
  }

  /** Whether a partition that is listed is not read yet. */
  get hasUnread(): boolean {
    for (const { isRead } of this.partitions.values()) if (!isRead) return true
    return false
  }

  /** How far a partition is read. */
  next(partition: number): number {
    return this.partitions.get(partition)?.next ?? FROM_BEGINNING
  }

  /** Whether a partition has passed all that Kafka was last known to hold of it. */
  isAtEnd(partition: number): boolean {
    return this.partitions.get(partition)?.isAtEnd ?? false
  }

  /** Where the reading of some partitions is to begin. */
  startsOf(marks: ReadonlyMap<number, Watermarks>): Map<number, number> {
    return this.writer.readFrom(marks, this.partitions.size)
  }

  /** The partition is read from `start` on; `marks` are what Kafka holds of it, which it was asked at that moment. */
  begin(partition: number, start: number, marks: Watermarks, askedAt: Moment): void {
    const known = this.partitions.get(partition)
    if (known === undefined) return
    this.writer.setPartition(partition, start, marks.end)
    this.writer.noteEnd(partition, marks.end, askedAt)
    this.setUnpublished()
    known.begin(start, marks)
    if (!known.isBehind) this.behindCount--
  }

  /** From now on the partition's end is to be told by `takeArrived`, once it has passed it. */
  setOnItsWay(partition: number): void {
    const known = this.partitions.get(partition)
    if (known !== undefined) known.isOnItsWay = true
  }

  /** Partitions on their way that have come to their end since the last call. */
  takeArrived(): readonly number[] {
    if (this.arrived.size === 0) return []
    const arrived = [...this.arrived]
    this.arrived.clear()
    return arrived
  }

  append(record: KafkaRecord): void {
    const known = this.partitions.get(record.partition)
    if (known === undefined || record.offset < known.next || this.missed !== null) return
    this.writer.append(record)
    this.setUnpublished()
    if (this.missed !== null) return
    this.moveTo(known, record.offset + 1)
    if (known.isOnItsWay && known.isAtEnd) this.arrive(record.partition, known)
  }

  endOfPartition(partition: number, offset: number): void {
    const known = this.partitions.get(partition)
    if (known === undefined || this.missed !== null) return
    this.writer.advance(partition, offset)
    if (this.missed !== null || this.moveTo(known, offset)) this.setUnpublished()
    if (this.missed !== null) return
    if (known.isOnItsWay) this.arrive(partition, known)
  }

  /** The partition is read no further: the next refresh decides why, and from where it is. */
  noteStop(partition: number, isTruncated: boolean): void {
    this.partitions.get(partition)?.log?.noteStop(isTruncated)
  }

  /** An error came: what was told in the same breath may be lost with it, the end of a partition or that one stopped. */
  fearStops(): void {
    for (const { log } of this.partitions.values()) log?.fearStop()
  }

  /**
   * Takes what Kafka tells of the logs. Where it finds the topic replaced, `recreate` is to be called. Never throws: what the writer
   * does not take of it, the next refresh finds again.
   */
  compare(answer: AskedWatermarks): TakenFindings {
    const findings = compareLogs(this.partitions, answer, this.topicId !== null)
    const isReplaced = findings.isReplaced || this.isAnother || this.shorterLists >= SHORTER_LISTS_MIN
    if (isReplaced) return { ...findings, isReplaced, failure: null }
    for (const [partition, { end }] of answer.told) this.noteEnd(partition, end, answer)
    return this.take(findings)
  }

  /** The topic is another one from now on: nothing of it has been read. */
  recreate(): void {
    this.writer.recreate()
    this.forget()
  }

  /** Deletes were missed: what the writer has may be deleted by now, and it takes nothing more before it starts over. */
  get missed(): Missed | null {
    return this.writer.missed
  }

  /** The same topic is read again, all of it. */
  startOver(): void {
    this.writer.startOver()
    this.forget()
  }

  private forget(): void {
    this.partitions.clear()
    this.arrived.clear()
    this.behindCount = 0
    this.isAnother = false
    this.shorterLists = 0
    this.caughtUp = false
    this.unpublished = false
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

  /** True if nothing that Kafka held at the start is missing. */
  get isWhole(): boolean {
    return this.partitions.size > 0 && this.behindCount === 0
  }

  /** True the one time that all that Kafka held at the start is in, or all that can be read within the time. */
  catchUp(nowMs: number): boolean {
    if (this.caughtUp || this.partitions.size === 0 || this.isWaiting(nowMs)) return false
    for (const [number, { isRead }] of this.partitions) {
      if (!isRead) this.writer.setPartition(number, FROM_BEGINNING)
    }
    this.caughtUp = true
    this.writer.markCaughtUp()
    return true
  }

  /** True if the next refresh can wait: every partition is read, and none is in doubt. */
  get isSettled(): boolean {
    if (!this.caughtUp || this.shorterLists > 0) return false
    for (const { isSettled } of this.partitions.values()) if (!isSettled) return false
    return true
  }

  /** Why the topic is not ready yet, in words; null when it has caught up. */
  progress(): string | null {
    if (this.caughtUp) return null
    if (this.partitions.size === 0) return `topic ${this.name}: waiting for Kafka`
    const waiting = this.behindCount
    return `topic ${this.name}: reading what Kafka holds, ${waiting} of ${this.partitions.size} partitions to go`
  }

  private get isReading(): boolean {
    for (const { isRead } of this.partitions.values()) if (isRead) return true
    return false
  }

  private isWaiting(nowMs: number): boolean {
    if (this.behindCount === 0) return false
    for (const partition of this.partitions.values()) {
      if (partition.isBehind && !partition.isLost(nowMs)) return true
    }
    return false
  }

  private add(partition: number): FollowedPartition {
    const added = new FollowedPartition()
    this.partitions.set(partition, added)
    this.behindCount++
    return added
  }

  /**
   * A partition that is listed no more was never there if nothing was read of it. One that was read cannot go: unless the id
   * says that it is the same topic, and the broker that lists it so is behind, the topic is another one.
   */
  private noteMissing(listed: ReadonlySet<number>): void {
    let isShorter = false
    for (const [number, { isRead }] of this.partitions) {
      if (listed.has(number)) continue
      if (isRead) isShorter = this.topicId === null
      else {
        this.partitions.delete(number)
        this.behindCount--
      }
    }
    this.shorterLists = isShorter ? this.shorterLists + 1 : 0
  }

  private take(findings: Findings): TakenFindings {
    let failure: TakenFindings['failure'] = null
    const isTaken = (partition: number, finding: LogFinding, start: number, write: () => void) => {
      try {
        write()
        this.partitions.get(partition)?.log?.noteTaken(finding, start)
        return true
      } catch (error) {
        failure ??= { error }
        return false
      }
    }
    for (const [partition, start] of findings.trimmed)
      isTaken(partition, 'trimmed', start, () => this.writer.trim(partition, start))
    const passed = findings.passed.filter(({ partition, to }) =>
      isTaken(partition, 'passed', to, () => this.skip(partition, to)),
    )
    for (const partition of findings.stalled) isTaken(partition, 'stalled', 0, () => undefined)
    return { ...findings, passed, failure }
  }

  private skip(partition: number, start: number): void {
    this.writer.skip(partition, start)
    const known = this.partitions.get(partition)
    if (known !== undefined && this.moveTo(known, start)) this.setUnpublished()
  }

  private noteEnd(partition: number, end: number, { asked, askedAt }: AskedWatermarks): void {
    const known = this.partitions.get(partition)
    if (known === undefined || !known.isRead) return
    // A broker that is behind may tell an end of before.
    if (end >= (asked.get(partition) ?? Number.POSITIVE_INFINITY))
      this.writer.noteEnd(partition, end, askedAt)
    const wasBehind = known.isBehind
    known.noteEnd(end)
    if (wasBehind && !known.isBehind) this.behindCount--
  }

  /** False if it is there already. */
  private moveTo(known: FollowedPartition, next: number): boolean {
    if (known.next >= next) return false
    const wasBehind = known.isBehind
    known.next = next
    if (wasBehind && !known.isBehind) this.behindCount--
    return true
  }

  private arrive(partition: number, known: FollowedPartition): void {
    known.isOnItsWay = false
    this.arrived.add(partition)
    this.changed.add(this)
  }

  private setUnpublished(): void {
    this.unpublished = true
    this.changed.add(this)
  }
}
