// Looks for the first record of every partition whose timestamp is at or after a moment: a segment at a time, so that a
// stream that asks for it takes its turns like any other. It looks in what is retained when it does, and what has left by then
// is not looked for.

import type { BusView } from '../bus/bus-view.ts'
import type { Position } from '../bus/position.ts'
import type { EntryAt } from '../segments/segment-layout.ts'
import { indexOfSequence } from '../segments/segment-search.ts'
import type { SegmentView } from '../segments/segment-view.ts'

/** Segments that one step may pass over by their newest timestamp alone. */
const PASSED_MAX = 4096

export class TimeSeek {
  /** Epoch ms. */
  readonly sinceMs: number
  private readonly bus: BusView
  /** Sequence from which it goes on looking. */
  private place: number
  /** Where a partition begins at the latest: what comes from now on, if nothing else was asked for. */
  private readonly latest: Position
  /** Next sequence of the bus when the search began: it looks no further. */
  private readonly nowSequence: number
  private readonly found = new Map<number, number>()

  /** `latest`: of the partitions that are looked through, where each begins at the latest; no further than it is read. */
  constructor(bus: BusView, sinceMs: number, latest = bus.position()) {
    this.bus = bus
    this.sinceMs = sinceMs
    this.latest = latest
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
      return new Map([...this.latest, ...this.found])
    if (segment.newestTimestampMs >= this.sinceMs) {
      if (!segment.hold()) return 'unknown'
      this.look(segment)
      segment.release()
    }
    this.place = segment.lastSequence + 1
    return null
  }

  /** Whether all that came since the moment can be had, and all that came since it began to look, whatever the moment. */
  get isWhole(): boolean {
    const { bus, sinceMs, nowSequence } = this
    if (!bus.isWholeSince(sinceMs)) return false
    const fromNow = { sequence: nowSequence, madeAt: nowSequence, liveFrom: nowSequence, ownPosition: null }
    return bus.isWhole || !bus.hasLost(fromNow)
  }

  /** The next that may hold something, or the furthest that one step comes to. */
  private nextSegment(): SegmentView | undefined {
    const { segments } = this.bus
    const first = indexOfSequence(segments, this.place)
    const passed = segments.slice(first, first + PASSED_MAX)
    return passed.find(({ newestTimestampMs }) => newestTimestampMs >= this.sinceMs) ?? passed.at(-1)
  }

  private get isFound(): boolean {
    return this.found.size === this.latest.size
  }

  private look(segment: SegmentView): void {
    for (let at = 0; at <= segment.lastPublished && !this.isFound; at = segment.next(at)) {
      if (segment.sequence(at) >= this.nowSequence) return
      if (segment.timestampMs(at) < this.sinceMs || this.isGone(segment, at)) continue
      const partition = segment.partition(at)
      const latest = this.latest.get(partition)
      if (latest !== undefined && !this.found.has(partition))
        this.found.set(partition, Math.min(segment.offset(at), latest))
    }
  }

  /** It had left before the search began. What leaves later is a loss, of which another thread may hear after it sees the mark. */
  private isGone(segment: SegmentView, at: EntryAt): boolean {
    const isMarked = segment.supersededBefore(at, this.nowSequence) && segment.isRemoved(at)
    return isMarked || this.bus.isSkipped(segment, at)
  }
}
