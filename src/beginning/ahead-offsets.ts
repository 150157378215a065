// The offsets of a position that are ahead of this process's bus. Another replica may have read further, or know a
// partition sooner. Each offset is settled when the bus reaches it, or when Kafka reports where the partition ends.

import type { BusView } from '../bus/bus-view.ts'
import { FROM_BEGINNING, FROM_NOW, type Position } from '../bus/position.ts'
import type { PartitionWatermarks } from '../bus/record.ts'
import type { WatermarkPolling } from './watermark-polling.ts'

/**
 * `settled`: no offset is left. `beyond`: a partition ends before its offset, or two answers in a row lack the
 * partition. `too-old`: a partition that is not read yet starts after its offset. `closed`: the topic was closed, so
 * no answer comes. `open`: Kafka has yet to answer.
 */
export type Finding = 'settled' | Contradiction | 'closed' | 'open'
type Contradiction = 'beyond' | 'too-old'

export class AheadOffsets {
  /** Whether Kafka has given an answer that needs no second one to confirm it. It may lack silent partitions. */
  hasAnswer = false
  private readonly bus: BusView
  private readonly polling: WatermarkPolling
  /** Offsets that are not settled, by partition. */
  private readonly offsets: Map<number, number>
  /** Log ends by partition, as Kafka reported them. They replace -1 for partitions that the bus does not know. */
  private readonly ends = new Map<number, number>()
  /**
   * Partitions that the last answer lacked. Its broker may not know that the topic has grown,
   * so the next must lack them, too.
   */
  private unlisted: ReadonlySet<number> = new Set()

  /** `offsets` by partition. -1 ("from now") only for partitions that the bus does not know. */
  constructor(bus: BusView, offsets: Map<number, number>, polling: WatermarkPolling) {
    this.bus = bus
    this.offsets = offsets
    this.polling = polling
  }

  /** Looks at the bus and at Kafka's answer. Cheap if nothing has changed, with any number of partitions left. */
  look(nowMs: number): Finding {
    this.settleReached()
    if (this.offsets.size === 0) return 'settled'
    const answer = this.polling.take(nowMs)
    if (answer === null) return 'open'
    if (answer === 'closed') return 'closed'
    return this.contradiction(answer) ?? (this.offsets.size === 0 ? 'settled' : 'open')
  }

  /** When to look again, in monotonic ms, even if neither the bus nor Kafka has said anything. */
  get lookAtMs(): number {
    return this.polling.pollAtMs
  }

  stop(): void {
    this.polling.stop()
  }

  /**
   * The position with each -1 replaced by the partition's end, or by its beginning if the end is unknown. So nothing is
   * lost.
   */
  completed(position: Position): Position {
    if (!hasFromNow(position)) return position
    const completed = new Map(position)
    for (const [partition, offset] of position)
      if (offset === FROM_NOW) completed.set(partition, this.ends.get(partition) ?? FROM_BEGINNING)
    return completed
  }

  /**
   * Settles offsets that the bus has reached. Stops at the first that is not, because this runs after every publish.
   */
  private settleReached(): void {
    for (const [partition, offset] of this.offsets) {
      if (offset === FROM_NOW || !hasReached(this.bus, partition, offset)) return
      this.offsets.delete(partition)
    }
  }

  private contradiction(answer: PartitionWatermarks): Contradiction | null {
    let isBehind = false
    const unlisted = new Set<number>()
    for (const [partition, offset] of this.offsets) {
      const marks = answer.get(partition)
      if (marks === null) continue // the leader has not answered
      // The bus may have reached the offset after Kafka was asked.
      const isReached = offset !== FROM_NOW && hasReached(this.bus, partition, offset)
      if (marks === undefined && !isReached) {
        if (this.unlisted.has(partition)) return 'beyond'
        unlisted.add(partition)
        continue
      }
      if (marks !== undefined && !isReached && offset > marks.end) return 'beyond'
      if (marks !== undefined) this.ends.set(partition, marks.end)
      isBehind ||= offset > 0 && offset < (marks?.start ?? 0) && !isRead(this.bus, partition)
      this.offsets.delete(partition)
    }
    this.unlisted = unlisted
    this.hasAnswer ||= unlisted.size === 0
    return isBehind ? 'too-old' : null
  }
}

/** Whether the position has an offset of -1 ("from now"). */
export function hasFromNow(position: Position): boolean {
  for (const offset of position.values()) if (offset === FROM_NOW) return true
  return false
}

/** The offsets of a position that are ahead of the bus. If the bus does not know the partition, any offset is. */
export function offsetsAhead(bus: BusView, position: Position): Map<number, number> {
  const now = bus.position()
  const ahead = new Map<number, number>()
  for (const [partition, offset] of position) {
    const reached = now.get(partition)
    if (reached === undefined || offset > reached) ahead.set(partition, offset)
  }
  return ahead
}

/** Whether reading of a partition has begun. From then on the bus itself records what was deleted. */
function isRead(bus: BusView, partition: number): boolean {
  return (bus.start(partition) ?? FROM_BEGINNING) !== FROM_BEGINNING
}

function hasReached(bus: BusView, partition: number, offset: number): boolean {
  const reached = bus.nextOffset(partition)
  return reached !== undefined && reached >= offset
}
