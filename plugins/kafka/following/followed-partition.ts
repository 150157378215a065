// What is known of one partition that is followed: how far it is read, and by when it has caught up.

import { FROM_BEGINNING } from '../../../src/bus/position.ts'
import type { Watermarks } from '../../../src/bus/record.ts'
import { LogWatch } from './log-watch.ts'

/**
 * How long a partition of which no leader answers may hold up the bus. Streams wait for 10 s at the most, and those with an id
 * begin only then to ask how far it reaches, so this is shorter.
 */
const SILENT_MS = 7_500

export class FollowedPartition {
  next = FROM_BEGINNING
  /** What has become of the log since reading began; null until then. */
  log: LogWatch | null = null
  /** Broker that leads it as far as Kafka says; null: none does. */
  leader: number | null = null
  /** It has not passed the end that was last told, and is read with those that are behind. */
  isOnItsWay = false
  /** What is to be read before the start is over: the end that was asked before reading began, unless the log got shorter. */
  private endAtStart = Number.POSITIVE_INFINITY
  /** The end that was last told. */
  private end = Number.POSITIVE_INFINITY
  private silentSinceMs: number | null = null

  get isRead(): boolean {
    return this.log !== null
  }

  /** Something of what Kafka held at the start is not in. */
  get isBehind(): boolean {
    return this.next < this.endAtStart
  }

  /** True if all that Kafka was last known to hold is in. */
  get isAtEnd(): boolean {
    return this.next >= this.end
  }

  /** True if the next refresh can wait. */
  get isSettled(): boolean {
    return this.log?.isSettled ?? false
  }

  /** Whether no leader has answered for longer than all the others can wait. */
  isLost(nowMs: number): boolean {
    return isLost(this.silentSinceMs, nowMs)
  }

  /** Since when no leader has answered; null: one has. */
  noteSilence(sinceMs: number | null): void {
    this.silentSinceMs = sinceMs
  }

  /**
   * Takes the end that is told now. An unclean election may have cut off what was to come: nobody can wait for that. An end
   * before what was read says that the log is another one, which is not decided here.
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

/** Whether a partition counts as lost of which no leader has answered since then; null: one has. */
export function isLost(silentSinceMs: number | null, nowMs: number): boolean {
  return silentSinceMs !== null && nowMs - silentSinceMs >= SILENT_MS
}
