// Looks for the first record of every partition whose timestamp is at or after a moment: a segment at a time, so that a
// stream that asks for it takes its turns like any other. It looks in what is retained when it does, and what has left by then
// is not looked for.

import type { BusView } from '../bus/bus-view.ts'
import { indexOfSequence } from '../bus/place.ts'
import type { Position } from '../bus/position.ts'
import type { EntryAt } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'

/** Segments that one step may pass over by their newest timestamp alone. */
const PASSED_MAX = 4096

export class TimeSeek {
  /** Epoch ms. */
  readonly sinceMs: number
  private readonly bus: BusView
  /** Sequence from which it goes on looking. */
  private place: number
  /** Where a partition begins in which nothing is found: what comes from now on. */
  private readonly now: Position
  private readonly nowSequence: number
  private readonly found = new Map<number, number>()

  constructor(bus: BusView, sinceMs: number) {
    this.bus = bus
    this.sinceMs = sinceMs
    this.now = bus.position()
    this.nowSequence = bus.nextSequence
    this.place = bus.firstSequence
  }

  /**
   * Looks through one segment more; the position once every partition's is found, null until then. `unknown`: the segment was
   * taken back in another thread, and there will be news of it.
   */
  step(): Position | null | 'unknown' {
    const segment = this.nextSegment()
    if (segment === undefined || segment.firstSequence >= this.nowSequence || this.isFound)
      return new Map([...this.now, ...this.found])
    if (segment.newestTimestampMs >= this.sinceMs) {
      if (!segment.hold()) return 'unknown'
      this.look(segment)
      segment.release()
    }
    this.place = segment.lastSequence + 1
    return null
  }

  /** The next that may hold something, or the furthest that one step comes to. */
  private nextSegment(): SegmentView | undefined {
    const { segments } = this.bus
    const first = indexOfSequence(segments, this.place)
    const passed = segments.slice(first, first + PASSED_MAX)
    return passed.find(({ newestTimestampMs }) => newestTimestampMs >= this.sinceMs) ?? passed.at(-1)
  }

  private get isFound(): boolean {
    return this.found.size === this.now.size
  }

  private look(segment: SegmentView): void {
    for (let at = 0; at <= segment.lastPublished && !this.isFound; at = segment.next(at)) {
      if (segment.sequence(at) >= this.nowSequence) return
      if (segment.timestampMs(at) < this.sinceMs || this.isGone(segment, at)) continue
      const partition = segment.partition(at)
      if (!this.found.has(partition)) this.found.set(partition, segment.offset(at))
    }
  }

  /** It had left before the search began. What leaves later is a loss, of which another thread may hear after it sees the mark. */
  private isGone(segment: SegmentView, at: EntryAt): boolean {
    const isMarked = segment.supersededBefore(at, this.nowSequence) && segment.isBuried(at)
    return isMarked || this.bus.isSkipped(segment, at)
  }
}
