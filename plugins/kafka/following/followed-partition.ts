// How far one partition is read, and when it has caught up.

import { FROM_BEGINNING } from '../../../src/bus/position.ts'
import type { Watermarks } from '../../../src/bus/record.ts'
import { LogWatch } from './log-watch.ts'

/**
 * How long a partition without an answering leader may hold up the bus. Streams wait for at most 10 s. This is shorter,
 * because streams with an id ask only afterwards how far the partition reaches.
 */
const SILENT_MS = 7_500

export class FollowedPartition {
  next = FROM_BEGINNING
  /** Watches the log from the beginning of reading on; null before. */
  log: LogWatch | null = null
  /** Broker that leads it; null if Kafka names none. */
  leader: number | null = null
  /** It has not reached the end that Kafka last reported, and is read by the consumer of what is behind. */
  isOnItsWay = false
  /** The end before reading began, unless the log got shorter: reading up to it completes the start. */
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

  /** Whether no leader has answered for so long that the bus no longer waits. */
  isLost(nowMs: number): boolean {
    return isLost(this.silentSinceMs, nowMs)
  }

  /** `sinceMs`: since when no leader has answered; null if one has. */
  noteSilence(sinceMs: number | null): void {
    this.silentSinceMs = sinceMs
  }

  /**
   * An unclean leader election may have cut records off: the start does not wait for them. An end before what was read
   * means another log, which `LogWatch` decides.
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

/** `silentSinceMs`: since when no leader has answered; null if one has. */
export function isLost(silentSinceMs: number | null, nowMs: number): boolean {
  return silentSinceMs !== null && nowMs - silentSinceMs >= SILENT_MS
}
