// Where every partition of a topic ends as of a request that came before the bus had caught up.

import type { Position } from '../bus/position.ts'
import type { Asking } from './asking.ts'

export class EndsNow {
  private readonly asking: Asking
  private readonly ends: Map<number, number>
  /** Partitions of which Kafka has told the end. What it tells of them later is later than the request. */
  private readonly told = new Set<number>()

  /** `known`: what was known at the request, which stands for a partition of which Kafka does not tell. */
  constructor(known: Position, asking: Asking) {
    this.ends = new Map(known)
    this.asking = asking
  }

  /** `open` as long as the leader of a partition is silent, or Kafka is. `closed`: nobody will ever tell. */
  look(nowMs: number): 'complete' | 'closed' | 'open' {
    const answer = this.asking.take(nowMs)
    if (answer === null || answer === 'closed') return answer ?? 'open'
    let isComplete = true
    for (const [partition, marks] of answer) {
      if (marks !== null) this.noteEnd(partition, marks.end)
      else if (!this.told.has(partition)) isComplete = false
    }
    return isComplete ? 'complete' : 'open'
  }

  get lookAtMs(): number {
    return this.asking.againAtMs
  }

  stop(): void {
    this.asking.stop()
  }

  /**
   * Of a partition of which nothing is known there is no offset, or -2: it is read from its beginning, since any end that is told
   * later may lie behind records that came after the request.
   */
  get position(): Position {
    return this.ends
  }

  private noteEnd(partition: number, end: number): void {
    if (this.told.has(partition)) return
    this.told.add(partition)
    this.ends.set(partition, Math.max(end, this.ends.get(partition) ?? 0)) // it may speak of another topic by now
  }
}
