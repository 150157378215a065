// Finds the end of every partition as of a request that came before the bus had caught up. No record below such an end
// came after the request. A stream that begins there also gets some records from shortly before the request.

import type { BusView } from '../bus/bus-view.ts'
import { furthest, type Position } from '../bus/position.ts'
import type { Watermarks } from '../bus/record.ts'
import { TimeSeek } from '../cursor/time-seek.ts'
import type { WatermarkPolling } from './watermark-polling.ts'

/** How far a producer's clock may be behind this one. */
const CLOCK_BEHIND_MS = 1_000

/** The earliest timestamp that a record after a request at `requestMs` may have. Both are epoch ms. */
export function earliestAfter(requestMs: number): number {
  return requestMs - CLOCK_BEHIND_MS
}

export interface EndsAtRequestParts {
  /** Ends that were known at the request. They are final. */
  readonly known: Position
  readonly polling: WatermarkPolling
  /** When the request came, in epoch ms. */
  readonly requestMs: number
}

export class EndsAtRequest {
  /** Whether the search still needs an answer of Kafka. */
  isPolling = true
  private readonly polling: WatermarkPolling
  private readonly known = new Map<number, number>()
  private readonly sinceMs: number
  /**
   * The first watermarks that Kafka reported of each other partition. Some records below them may have come after the
   * request.
   */
  private readonly firstReported = new Map<number, Watermarks>()
  private seek: TimeSeek | null = null
  /** `startedOverAt` of the bus when the search began. If that changes, the search begins again. */
  private seekAsOf = 0

  constructor({ known, polling, requestMs }: EndsAtRequestParts) {
    for (const [partition, end] of known) if (end >= 0) this.known.set(partition, end)
    this.polling = polling
    this.sinceMs = earliestAfter(requestMs)
  }

  /**
   * `open`: Kafka, or the leader of a partition, has not answered. `closed`: the topic
   * was closed, so no answer comes.
   */
  look(nowMs: number): 'complete' | 'closed' | 'open' {
    if (!this.isPolling) return 'complete'
    const answer = this.polling.take(nowMs)
    if (answer === null || answer === 'closed') return answer ?? 'open'
    let isComplete = true
    for (const [partition, marks] of answer) {
      if (this.known.has(partition) || this.firstReported.has(partition)) continue
      if (marks === null) isComplete = false
      else this.firstReported.set(partition, marks)
    }
    return isComplete ? 'complete' : 'open'
  }

  /** When to look again, in monotonic ms. */
  get lookAtMs(): number {
    return this.polling.pollAtMs
  }

  /** Stops polling. */
  stop(): void {
    this.isPolling = false
    this.polling.stop()
  }

  /** The ends of the partitions, as far as Kafka has reported them. */
  get reported(): Position {
    return furthest(
      this.known,
      new Map([...this.firstReported].map(([partition, { end }]) => [partition, end])),
    )
  }

  /**
   * Searches one more segment of a bus that has caught up. Returns the ends once all are found; until then, what to
   * wait for. Leaves out a partition that Kafka has not reported. It is read from its beginning, because records before
   * a later end may have come after the request.
   */
  find(bus: BusView): Position | 'turn' | 'publish' {
    const bounds = this.bounds(bus)
    const ends = new Map(this.known)
    for (const [partition, { start }] of this.firstReported)
      if (!bounds.has(partition) && start > 0) ends.set(partition, start) // the bus has read nothing of it
    if (bounds.size === 0) return ends
    if (this.seek === null || this.seekAsOf !== bus.startedOverAt) {
      // A leaving came with a record from after the request, which may be compacted away.
      this.seek = new TimeSeek(bus, { sinceMs: this.sinceMs, latest: bounds, hasLeaving: true })
      this.seekAsOf = bus.startedOverAt
    }
    const found = this.seek.step()
    if (found === 'unknown') return 'publish'
    if (found === null) return 'turn'
    for (const [partition, end] of found) {
      // Lost records may have come after the request. A beginning where reading began shows them to the client as a
      // gap.
      const isLost = bus.hasLostSince(partition, this.sinceMs)
      ends.set(partition, isLost ? Math.min(end, bus.logs.readFrom.get(partition) ?? 0) : end)
    }
    return ends
  }

  /**
   * Upper bounds of the ends: the first end that Kafka reported, or how far the bus has read. Records from there on may
   * be later.
   */
  private bounds(bus: BusView): Position {
    const bounds = new Map<number, number>()
    for (const [partition, { end }] of this.firstReported) {
      const read = bus.nextOffset(partition) ?? -1
      if (read >= 0) bounds.set(partition, Math.min(end, read))
    }
    return bounds
  }
}
