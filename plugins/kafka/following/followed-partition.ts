// How far one partition is read, and when it has caught up.

import { FROM_BEGINNING } from '../../../src/bus/position.ts'
import type { Watermarks } from '../../../src/bus/record.ts'
import { LogWatch } from './log-watch.ts'

/**
 * How long a partition without an answering leader may hold up the bus. Streams wait for at most 10 s. This limit is
 * shorter, because streams with an id ask only afterwards where the partition ends.
 */
const SILENT_MS = 7_500

export class FollowedPartition {
  next = FROM_BEGINNING
  /** Watches the log once reading has begun; null before. */
  log: LogWatch | null = null
  /** The broker that leads the partition; null if Kafka names none. */
  leader: number | null = null
  /** The behind consumer reads it, because it has not reached the end that Kafka last reported. */
  isReadBehind = false
  /**
   * The partition's end before reading began; lower if the log got shorter since. Reading up to it completes the start.
   */
  private endAtStart = Number.POSITIVE_INFINITY
  /** The end that Kafka last reported. */
  private end = Number.POSITIVE_INFINITY
  private silentSinceMs: number | null = null

  get isRead(): boolean {
    return this.log !== null
  }

  /** Some of what Kafka held at the start is not read yet. */
  get isBehind(): boolean {
    return this.next < this.endAtStart
  }

  /** Everything up to the end that Kafka last reported is read. */
  get isAtEnd(): boolean {
    return this.next >= this.end
  }

  /** True if the next refresh can wait. */
  get isSettled(): boolean {
    return this.log?.isSettled ?? false
  }

  /** Whether the leader has been silent for so long that the bus no longer waits for the partition. */
  isLost(nowMs: number): boolean {
    return isLost(this.silentSinceMs, nowMs)
  }

  /** `sinceMs`: when the leader's silence began; null if the leader answers. */
  noteSilence(sinceMs: number | null): void {
    this.silentSinceMs = sinceMs
  }

  /**
   * An unclean leader election may have cut off records; the start does not wait for those. If the log ends before what
   * was read, `LogWatch` decides what that means.
   */
  noteEnd(end: number): void {
    this.end = end
    if (end >= this.next) this.endAtStart = Math.min(this.endAtStart, end)
  }

  begin(next: number, { start, end }: Watermarks): void {
    this.next = next
    this.endAtStart = end
    this.end = end
    this.log = new LogWatch(start)
  }
}

/** `silentSinceMs`: when the leader's silence began; null if the leader answers. */
export function isLost(silentSinceMs: number | null, nowMs: number): boolean {
  return silentSinceMs !== null && nowMs - silentSinceMs >= SILENT_MS
}
