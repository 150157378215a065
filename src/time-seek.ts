// Looks for the first record of every partition whose timestamp is at or after a moment: a segment at a time, so that a
// stream that asks for it takes its turns like any other.

import type { Bus } from './bus.ts'
import { indexOfSequence } from './places.ts'
import type { Position } from './position.ts'
import type { SegmentView } from './segment-view.ts'

export class TimeSeek {
  /** Sequence from which it goes on looking. */
  place: number
  private readonly bus: Bus
  private readonly sinceMs: number
  /** Where a partition begins in which nothing is found: what comes from now on. */
  private readonly now: Position
  private readonly nowSequence: number
  private readonly found = new Map<number, number>()

  constructor(bus: Bus, sinceMs: number) {
    this.bus = bus
    this.sinceMs = sinceMs
    this.now = bus.position()
    this.nowSequence = bus.nextSequence
    this.place = bus.segments[0]?.firstSequence ?? this.nowSequence
  }

  /** Looks through one segment more; the position once every partition's is found, null until then. */
  step(): Position | null {
    const segment = this.bus.segments[indexOfSequence(this.bus.segments, this.place)]
    if (segment === undefined || this.place >= this.nowSequence || this.found.size === this.now.size)
      return new Map([...this.now, ...this.found])
    if (segment.newestTimestampMs >= this.sinceMs) this.look(segment)
    this.place = segment.lastSequence + 1
    return null
  }

  private look(segment: SegmentView): void {
    for (let at = 0; at <= segment.lastPublished; at = segment.next(at)) {
      if (segment.sequence(at) >= this.nowSequence) return
      if (segment.timestampMs(at) < this.sinceMs || segment.isBuried(at)) continue
      const partition = segment.partition(at)
      if (!this.found.has(partition)) this.found.set(partition, segment.offset(at))
    }
  }
}
