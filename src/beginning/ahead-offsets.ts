// Where a position is ahead of this process's bus, partition by partition, until each is settled: by the bus, which has got
// there, or by Kafka, which says how far the partition reaches. Another replica may have read further, or know a partition sooner.

import type { BusView } from '../bus/bus-view.ts'
import { FROM_BEGINNING, FROM_NOW, type Position } from '../bus/position.ts'
import type { PartitionWatermarks } from '../bus/record.ts'
import type { WatermarkPolling } from './watermark-polling.ts'

/**
 * `settled`: no partition is left. `beyond`: one ends before the offset, or two answers in a row lack it. `too-old`: one that is not read yet
 * begins behind it. `closed`: the topic was closed, and no answer will come.
 */
export type Finding = 'settled' | Contradiction | 'closed' | 'open'
type Contradiction = 'beyond' | 'too-old'

export class AheadOffsets {
  /** Kafka has answered, if not for every partition, and said nothing that is still to be confirmed. */
  hasAnswer = false
  private readonly bus: BusView
  private readonly polling: WatermarkPolling
  private readonly offsets: Map<number, number>
  /** "From now" of a partition that the bus does not know: where Kafka says that it ends. */
  private readonly ends = new Map<number, number>()
  /** Partitions that the last answer did not list. One broker may not know yet that the topic has grown: the next has to say so, too. */
  private unlisted: ReadonlySet<number> = new Set()

  /** Offsets of -1 are those of partitions that the bus does not know. */
  constructor(bus: BusView, offsets: Map<number, number>, polling: WatermarkPolling) {
    this.bus = bus
    this.offsets = offsets
    this.polling = polling
  }

  /** Looks at what has become known. Costs next to nothing where nothing has, however many partitions are left. */
  look(nowMs: number): Finding {
    this.dropReached()
    if (this.offsets.size === 0) return 'settled'
    const answer = this.polling.take(nowMs)
    if (answer === null) return 'open'
    if (answer === 'closed') return 'closed'
    return this.contradiction(answer) ?? (this.offsets.size === 0 ? 'settled' : 'open')
  }

  /** When to look again although neither the bus nor Kafka has said anything. */
  get lookAtMs(): number {
    return this.polling.pollAtMs
  }

  stop(): void {
    this.polling.stop()
  }

  /** The position with an offset for every -1; for a partition of which nothing is known the beginning, so that nothing is lost. */
  completed(position: Position): Position {
    if (!hasFromNow(position)) return position
    const completed = new Map(position)
    for (const [partition, offset] of position)
      if (offset === FROM_NOW) completed.set(partition, this.ends.get(partition) ?? FROM_BEGINNING)
    return completed
  }

  /** Up to the first that is not, since this is looked at after every publish. */
  private dropReached(): void {
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
      if (marks === null) continue // its leader is silent
      // The bus may have got there after Kafka was asked.
      const isThere = offset !== FROM_NOW && hasReached(this.bus, partition, offset)
      if (marks === undefined && !isThere) {
        if (this.unlisted.has(partition)) return 'beyond'
        unlisted.add(partition)
        continue
      }
      if (marks !== undefined && !isThere && offset > marks.end) return 'beyond'
      if (marks !== undefined) this.ends.set(partition, marks.end)
      isBehind ||= offset > 0 && offset < (marks?.start ?? 0) && !isRead(this.bus, partition)
      this.offsets.delete(partition)
    }
    this.unlisted = unlisted
    this.hasAnswer ||= unlisted.size === 0
    return isBehind ? 'too-old' : null
  }
}

/** Whether the position says "from now" of a partition. */
export function hasFromNow(position: Position): boolean {
  for (const offset of position.values()) if (offset === FROM_NOW) return true
  return false
}

/** The offsets of a position that are ahead of the bus; of a partition that the bus does not know any is. */
export function offsetsAhead(bus: BusView, position: Position): Map<number, number> {
  const now = bus.position()
  const ahead = new Map<number, number>()
  for (const [partition, offset] of position) {
    const reached = now.get(partition)
    if (reached === undefined || offset > reached) ahead.set(partition, offset)
  }
  return ahead
}

/** Of one that is read the bus tells itself what it found deleted. */
function isRead(bus: BusView, partition: number): boolean {
  return (bus.start(partition) ?? FROM_BEGINNING) !== FROM_BEGINNING
}

function hasReached(bus: BusView, partition: number, offset: number): boolean {
  const reached = bus.nextOffset(partition)
  return reached !== undefined && reached >= offset
}
