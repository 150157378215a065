// Where every partition of a topic ended as of a request that came before the bus had caught up: an offset below which nothing
// lies that came after the request. What comes between that offset and the request is a little older, and comes as well.

import type { BusView } from '../bus/bus-view.ts'
import { furthest, type Position } from '../bus/position.ts'
import type { Watermarks } from '../bus/record.ts'
import { TimeSeek } from '../cursor/time-seek.ts'
import type { WatermarkPolling } from './watermark-polling.ts'

/** By how much a producer's clock may be behind this one. */
const CLOCK_BEHIND_MS = 1_000

/** From when on a record may have come after a request of that moment, by its timestamp; both in epoch ms. */
export function earliestAfter(requestMs: number): number {
  return requestMs - CLOCK_BEHIND_MS
}

export interface EndsAtRequestParts {
  /** What is known at the request: nothing below these ends came after it, so that no later word on them counts. */
  readonly known: Position
  readonly polling: WatermarkPolling
  /** When the request came, in epoch ms. */
  readonly requestMs: number
}

export class EndsAtRequest {
  /** Whether there may be an answer that it needs. */
  isPolling = true
  private readonly polling: WatermarkPolling
  private readonly known = new Map<number, number>()
  private readonly sinceMs: number
  /** What Kafka told first of each of the others. What came by the time it did may have come after the request. */
  private readonly firstTold = new Map<number, Watermarks>()
  private seek: TimeSeek | null = null
  /** `startedOverAt` of the bus when the search began: what is read again is looked through again. */
  private seekAsOf = 0

  constructor({ known, polling, requestMs }: EndsAtRequestParts) {
    for (const [partition, end] of known) if (end >= 0) this.known.set(partition, end)
    this.polling = polling
    this.sinceMs = earliestAfter(requestMs)
  }

  /** `open`: the leader of a partition, or Kafka itself, has not answered. `closed`: the topic was closed, so no answer will come. */
  look(nowMs: number): 'complete' | 'closed' | 'open' {
    if (!this.isPolling) return 'complete'
    const answer = this.polling.take(nowMs)
    if (answer === null || answer === 'closed') return answer ?? 'open'
    let isComplete = true
    for (const [partition, marks] of answer) {
      if (this.known.has(partition) || this.firstTold.has(partition)) continue
      if (marks === null) isComplete = false
      else this.firstTold.set(partition, marks)
    }
    return isComplete ? 'complete' : 'open'
  }

  get lookAtMs(): number {
    return this.polling.pollAtMs
  }

  /** It asks nothing any more. */
  stop(): void {
    this.isPolling = false
    this.polling.stop()
  }

  /** How far each partition reaches, as far as Kafka has told. */
  get told(): Position {
    return furthest(this.known, new Map([...this.firstTold].map(([partition, { end }]) => [partition, end])))
  }

  /**
   * Looks through one segment more of a bus that has caught up; the ends once each is found, until then what it waits for. A
   * partition of which nothing was told is not among them: it is read from its beginning, since any end that is told later may
   * lie behind records that came after the request.
   */
  find(bus: BusView): Position | 'turn' | 'publish' {
    const bounds = this.bounds(bus)
    const ends = new Map(this.known)
    for (const [partition, { start }] of this.firstTold)
      if (!bounds.has(partition) && start > 0) ends.set(partition, start) // nothing of it is read
    if (bounds.size === 0) return ends
    if (this.seek === null || this.seekAsOf !== bus.startedOverAt) {
      this.seek = new TimeSeek(bus, this.sinceMs, bounds)
      this.seekAsOf = bus.startedOverAt
    }
    const found = this.seek.step()
    if (found === 'unknown') return 'publish'
    if (found === null) return 'turn'
    for (const [partition, end] of found) {
      // What left the bus may have come after the request: from where reading began on, it is missed.
      const isLost = bus.hasLostSince(partition, this.sinceMs)
      ends.set(partition, isLost ? Math.min(end, bus.logs.readFrom.get(partition) ?? 0) : end)
    }
    return ends
  }

  /** No end lies above what was told first, nor above what is read: the rest may have come after the request. */
  private bounds(bus: BusView): Position {
    const bounds = new Map<number, number>()
    for (const [partition, { end }] of this.firstTold) {
      const read = bus.nextOffset(partition) ?? -1
      if (read >= 0) bounds.set(partition, Math.min(end, read))
    }
    return bounds
  }
}
