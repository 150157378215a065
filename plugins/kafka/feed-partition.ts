// What is known of one partition that is followed: how far it is read, and by when it has caught up.

import type { Watermarks } from '../../src/topic.ts'
import { LogWatch } from './log-watch.ts'

/** The position of a partition whose beginning Kafka has not told: from the beginning. */
export const FROM_BEGINNING = -2
/** How long a partition without a leader may hold up the streams of all the others. */
const LEADERLESS_MS = 10_000

export class FeedPartition {
  next = FROM_BEGINNING
  /** What has become of the log since reading began; null until then. */
  log: LogWatch | null = null
  /** The end that was asked before reading began. */
  private end = Number.POSITIVE_INFINITY
  private leaderlessSinceMs: number | null = null

  get isRead(): boolean {
    return this.log !== null
  }

  get hasLeader(): boolean {
    return this.leaderlessSinceMs === null
  }

  get isBehind(): boolean {
    return this.next < this.end
  }

  /** True if the next look can wait. */
  get isSettled(): boolean {
    return this.log?.isSettled ?? false
  }

  /** Whether it has had no leader for longer than all the others can wait. */
  isLost(nowMs: number): boolean {
    return this.leaderlessSinceMs !== null && nowMs - this.leaderlessSinceMs >= LEADERLESS_MS
  }

  noteLeader(hasLeader: boolean, nowMs: number): void {
    this.leaderlessSinceMs = hasLeader ? null : (this.leaderlessSinceMs ?? nowMs)
  }

  begin(next: number, { start, end }: Watermarks): void {
    this.next = next
    this.end = end
    this.log = new LogWatch(start)
  }
}
