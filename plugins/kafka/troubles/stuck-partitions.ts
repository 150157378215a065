// Partitions that have records which do not come, although no read had an error. node-rdkafka drops the error of a read
// that brought other records, and librdkafka tells only once that a topic may not be read.

import type { AssignedPartition } from '../client/record-source.ts'

const STUCK_MS = 4_000

export class StuckPartitions {
  /** By topic and partition: the offset that comes next, and since when. */
  private behind = new Map<string, { readonly offset: number; readonly sinceMs: number }>()

  /**
   * `behind`: partitions that have more records, each with the offset that comes next. True if one of them has stood
   * there for `STUCK_MS`.
   */
  note(behind: Iterable<AssignedPartition>, nowMs: number): boolean {
    const before = this.behind
    this.behind = new Map()
    let isStuck = false
    for (const { topic, partition, offset } of behind) {
      const key = `${topic} ${partition}`
      const known = before.get(key)
      const sinceMs = known?.offset === offset ? known.sinceMs : nowMs
      this.behind.set(key, { offset, sinceMs })
      isStuck ||= nowMs - sinceMs >= STUCK_MS
    }
    return isStuck
  }
}
