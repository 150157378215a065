// Where every partition of a topic ends as of a request that came before the bus had caught up.

import type { Asking } from './asking.ts'
import type { Position } from './position.ts'

export class EndsNow {
  /** Kafka will never tell: the topic closes. */
  isClosed = false
  private readonly asking: Asking
  private readonly ends: Map<number, number>
  private isComplete = false

  /** `reached`: where the bus is, which stands for a partition of which Kafka does not tell. */
  constructor(reached: Position, asking: Asking) {
    this.ends = new Map(reached)
    this.asking = asking
  }

  /** `open` as long as the leader of a partition is silent, or Kafka is. */
  look(nowMs: number): 'complete' | 'closed' | 'open' {
    const answer = this.asking.take(nowMs)
    if (answer === 'closed') this.isClosed = true
    else if (answer !== null) {
      this.isComplete = true
      for (const [partition, marks] of answer) {
        if (marks === null) this.isComplete = false
        else this.ends.set(partition, Math.max(marks.end, this.ends.get(partition) ?? 0)) // it may speak of another topic by now
      }
    }
    if (this.isClosed) return 'closed'
    return this.isComplete ? 'complete' : 'open'
  }

  get lookAtMs(): number {
    return this.asking.againAtMs
  }

  stop(): void {
    this.asking.stop()
  }

  /** Of a partition of which nothing is known there is no offset: it is read from its beginning, so that nothing is lost. */
  position(): Position {
    return this.ends
  }
}
