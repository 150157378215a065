// What one topic's consumption knows: its partitions, how far each has come, and when all that Kafka held is in.
// Plain state without Kafka or a clock: the reader tells it what it saw, it tells the writer (the topic's bus).

import type { Bus } from '../../src/bus.ts'
import type { KafkaRecord, Watermarks } from '../../src/topic.ts'
import type { ListedPartition } from './consumer.ts'

export type RecordWriter = Pick<Bus, 'setPartition' | 'append' | 'advance' | 'publish' | 'markCaughtUp'>

/** How long a partition without a leader may hold up the streams of all the others. */
const LEADERLESS_MS = 10_000
/** The position of a partition whose beginning Kafka has not told: from the beginning. */
const FROM_BEGINNING = -2

interface Partition {
  /** The end that was asked before reading began; null until then. */
  end: number | null
  next: number
  leaderlessSinceMs: number | null
}

export class TopicFeed {
  readonly name: string
  caughtUp = false
  private readonly writer: RecordWriter
  private readonly partitions = new Map<number, Partition>()
  /** Something was written since the last publish. */
  private unpublished = false

  constructor(name: string, writer: RecordWriter) {
    this.name = name
    this.writer = writer
  }

  /** Takes the topic's partitions as Kafka lists them. */
  list(listed: readonly ListedPartition[], nowMs: number): void {
    for (const { partition, hasLeader } of listed) {
      const known = this.partitions.get(partition) ?? {
        end: null,
        next: FROM_BEGINNING,
        leaderlessSinceMs: null,
      }
      known.leaderlessSinceMs = hasLeader ? null : (known.leaderlessSinceMs ?? nowMs)
      this.partitions.set(partition, known)
    }
  }

  /** Partitions that have a leader to be read from and are not yet read. */
  unread(): number[] {
    return this.partitionsWhere(({ end, leaderlessSinceMs }) => end === null && leaderlessSinceMs === null)
  }

  /** Reading begins at `start`; at `end` the partition has caught up. */
  begin(partition: number, { start, end }: Watermarks): void {
    const known = this.partitions.get(partition)
    if (known === undefined) return
    known.end = end
    known.next = start
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

  /** Shows the streams what came since the last call; false if nothing did. */
  publish(): boolean {
    if (!this.unpublished) return false
    this.unpublished = false
    this.writer.publish()
    return true
  }

  /** True the one time that all that Kafka held at the start is in, or all that can be read within the time. */
  catchUp(nowMs: number): boolean {
    if (this.caughtUp || this.partitions.size === 0 || this.waitsFor(nowMs).length > 0) return false
    for (const partition of this.partitionsWhere(({ end }) => end === null)) {
      this.writer.setPartition(partition, FROM_BEGINNING)
    }
    this.caughtUp = true
    this.writer.markCaughtUp()
    return true
  }

  /** True while a partition is not read because it has no leader: the reader then looks again soon. */
  lacksLeader(): boolean {
    return this.partitionsWhere(({ end }) => end === null).length > 0
  }

  /** Why the topic is not ready yet, in words; null when it has caught up. */
  progress(): string | null {
    if (this.caughtUp) return null
    if (this.partitions.size === 0) return `topic ${this.name}: waiting for Kafka`
    const waiting = this.partitionsWhere((partition) => isBehind(partition)).length
    return `topic ${this.name}: reading what Kafka holds, ${waiting} of ${this.partitions.size} partitions to go`
  }

  private waitsFor(nowMs: number): number[] {
    return this.partitionsWhere((partition) => isBehind(partition) && !hasLongNoLeader(partition, nowMs))
  }

  private moveTo(partition: number, next: number): void {
    const known = this.partitions.get(partition)
    if (known === undefined || known.next >= next) return
    known.next = next
    this.unpublished = true
  }

  private partitionsWhere(holds: (partition: Partition) => boolean): number[] {
    return [...this.partitions].filter(([, partition]) => holds(partition)).map(([number]) => number)
  }
}

function isBehind({ end, next }: Partition): boolean {
  return end === null || next < end
}

function hasLongNoLeader({ leaderlessSinceMs }: Partition, nowMs: number): boolean {
  return leaderlessSinceMs !== null && nowMs - leaderlessSinceMs >= LEADERLESS_MS
}
