// Which partitions of one topic cannot be read, and why. Promise: a partition's trouble ends with evidence of that
// partition alone, so that records of others do not make it come and go.

import { Condition, type Log, partitionList } from './condition.ts'

interface Unread {
  readonly why: string
  /** The offset at which it stands. */
  readonly next: number
}

export class UnreadPartitions {
  readonly condition: Condition
  private readonly topic: string
  /** The offset that comes next of a partition. */
  private readonly next: (partition: number) => number
  private readonly unread = new Map<number, Unread>()

  constructor(topic: string, log: Log, next: (partition: number) => number) {
    this.topic = topic
    this.next = next
    this.condition = new Condition(log, `topic ${topic}: every partition is read again`)
  }

  get isEmpty(): boolean {
    return this.unread.size === 0
  }

  has(partition: number): boolean {
    return this.unread.has(partition)
  }

  /** `reasons`: what an inquiry has found, null for a partition that was read. It says nothing about all others. */
  note(reasons: ReadonlyMap<number, string | null>): void {
    for (const [partition, why] of reasons) {
      if (why === null) this.unread.delete(partition)
      else this.unread.set(partition, { why, next: this.next(partition) })
    }
    this.tell()
  }

  /** Partitions that have moved on since are readable. */
  noteProgress(): void {
    if (this.isEmpty) return
    for (const [partition, unread] of this.unread)
      if (this.next(partition) > unread.next) this.unread.delete(partition)
    this.tell()
  }

  /** It is another topic, or all of it is read again. */
  forget(): void {
    this.unread.clear()
    this.tell()
  }

  private tell(): void {
    if (this.isEmpty) this.condition.clear()
    else this.condition.set(`topic ${this.topic}: ${this.words()}`)
  }

  private words(): string {
    const byReason = new Map<string, number[]>()
    for (const [partition, { why }] of this.unread)
      byReason.set(why, [...(byReason.get(why) ?? []), partition])
    return [...byReason]
      .map(([why, partitions]) => `${partitionList(partitions)} cannot be read: ${why}`)
      .join('; ')
  }
}
