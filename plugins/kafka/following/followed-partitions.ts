// The partitions of one topic, as one bus follows them, and how many of them are behind. The count is updated with
// every move, so that no record needs a walk through all partitions.

import type { Watermarks } from '../../../src/bus/record.ts'
import type { ListedPartition } from '../client/questions.ts'
import { FollowedPartition } from './followed-partition.ts'

/** Lists in a row that must lack a partition that was read, before it counts as gone. */
const SHORTER_LISTS_MIN = 2

export class FollowedPartitions {
  private readonly partitions = new Map<number, FollowedPartition>()
  /** How many of them are behind. */
  private behind = 0
  /** Lists in a row that lacked a partition that is read. */
  private shorterLists = 0

  get count(): number {
    return this.partitions.size
  }

  get behindCount(): number {
    return this.behind
  }

  get(partition: number): FollowedPartition | undefined {
    return this.partitions.get(partition)
  }

  /** The numbers of all partitions. */
  numbers(): number[] {
    return [...this.partitions.keys()]
  }

  unread(): number[] {
    return this.numbers().filter((number) => !this.get(number)?.isRead)
  }

  get hasRead(): boolean {
    for (const { isRead } of this.partitions.values()) if (isRead) return true
    return false
  }

  get hasUnread(): boolean {
    for (const { isRead } of this.partitions.values()) if (!isRead) return true
    return false
  }

  /** Every partition is read, and none is in doubt. */
  get isSettled(): boolean {
    if (this.shorterLists > 0) return false
    for (const { isSettled } of this.partitions.values()) if (!isSettled) return false
    return true
  }

  /** A partition that was read no longer exists, so this is another topic. */
  get lacksReadPartition(): boolean {
    return this.shorterLists >= SHORTER_LISTS_MIN
  }

  /**
   * Takes the partitions as Kafka lists them. A partition that is no longer listed is forgotten if nothing was read of
   * it. A partition that was read cannot disappear. With a topic id, the broker's list is out of date; without one, the
   * topic may be another.
   */
  list(listed: readonly ListedPartition[], hasTopicId: boolean): void {
    this.noteMissing(new Set(listed.map(({ partition }) => partition)), hasTopicId)
    for (const { partition, leader } of listed) {
      const known = this.partitions.get(partition) ?? this.add(partition)
      known.leader = leader
    }
  }

  /** Partitions that have a leader to ask, and the next offset of each: null before its reading has begun. */
  askable(): Map<number, number | null> {
    const asked = new Map<number, number | null>()
    for (const [number, { leader, isRead, next }] of this.partitions) {
      if (leader !== null) asked.set(number, isRead ? next : null)
    }
    return asked
  }

  /** `sinceMs`: when the leader's silence began, for each silent partition. The leaders of all others answer. */
  noteSilence(sinceMs: ReadonlyMap<number, number>): void {
    for (const [number, partition] of this.partitions) partition.noteSilence(sinceMs.get(number) ?? null)
  }

  /** A read failed. Its error may have hidden that a partition stopped. */
  suspectStops(): void {
    for (const { log } of this.partitions.values()) log?.suspectStop()
  }

  begin(known: FollowedPartition, start: number, marks: Watermarks): void {
    known.begin(start, marks)
    if (!known.isBehind) this.behind--
  }

  noteEnd(known: FollowedPartition, end: number): void {
    const wasBehind = known.isBehind
    known.noteEnd(end)
    if (wasBehind && !known.isBehind) this.behind--
  }

  /** Sets the partition's next offset; false if it is `next` already. */
  moveTo(known: FollowedPartition, next: number): boolean {
    if (known.next >= next) return false
    const wasBehind = known.isBehind
    known.next = next
    if (wasBehind && !known.isBehind) this.behind--
    return true
  }

  /** Whether a partition is behind, and its leader has not been silent for too long. */
  isWaiting(nowMs: number): boolean {
    if (this.behind === 0) return false
    for (const partition of this.partitions.values()) {
      if (partition.isBehind && !partition.isLost(nowMs)) return true
    }
    return false
  }

  clear(): void {
    this.partitions.clear()
    this.behind = 0
    this.shorterLists = 0
  }

  private add(partition: number): FollowedPartition {
    const added = new FollowedPartition()
    this.partitions.set(partition, added)
    this.behind++
    return added
  }

  private noteMissing(listed: ReadonlySet<number>, hasTopicId: boolean): void {
    let isShorter = false
    for (const [number, { isRead }] of this.partitions) {
      if (listed.has(number)) continue
      if (isRead) isShorter = !hasTopicId
      else {
        this.partitions.delete(number)
        this.behind--
      }
    }
    this.shorterLists = isShorter ? this.shorterLists + 1 : 0
  }
}
