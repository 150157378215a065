// Searches for each partition's first record whose timestamp is at or after a moment. One step is one segment, so that
// the stream takes turns like any other. Searches the frames that are retained at each step. Frames that left the bus
// before are not found.

import type { BusView } from '../bus/bus-view.ts'
import { EMPTY_POSITION, type Position } from '../bus/position.ts'
import type { EntryAt } from '../segments/segment-layout.ts'
import { indexOfSequence } from '../segments/segment-search.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import type { Route } from './route.ts'

/** Segments that one step may pass over by their newest timestamp alone. */
const PASSED_MAX = 4096

export interface TimeSeekOptions {
  /** The moment, in epoch ms. */
  readonly sinceMs: number
  /**
   * The partitions to search, and where each begins at the latest, which must not be ahead of the bus. Default: the
   * bus's position.
   */
  readonly latest?: Position | undefined
  /**
   * Whether a partition may begin at a frame that only tells that a key has left a selection. The record that it came
   * with may be compacted away, so a stream of everything would begin where on another bus it would not.
   */
  readonly hasLeaving: boolean
  /** What the stream selects. Default: every record. */
  readonly route?: Route
}

export class TimeSeek {
  /** The moment, in epoch ms. */
  readonly sinceMs: number
  private readonly bus: BusView
  /** Sequence at which the next step begins. */
  private place: number
  /** The partitions to search, and where each begins if nothing before that is found. */
  private readonly latest: Position
  /** Next sequence of the bus when the search began. The search ends there. */
  private readonly nowSequence: number
  private readonly hasLeaving: boolean
  private readonly found = new Map<number, number>()
  private readonly route: Route | null
  /** Of each partition, the first record from the moment on that the stream selects. */
  private readonly own = new Map<number, number>()

  constructor(bus: BusView, options: TimeSeekOptions) {
    const { sinceMs, latest = bus.position(), hasLeaving, route = null } = options
    this.bus = bus
    this.route = route
    this.sinceMs = sinceMs
    this.latest = latest
    this.hasLeaving = hasLeaving
    this.nowSequence = bus.nextSequence
    this.place = bus.firstSequence
  }

  /**
   * Searches one more segment, or some by their indexes. Returns the position once the search has ended, null until
   * then. `unknown`: another thread took the segment back; call again after the next publish.
   */
  step(): Position | null | 'unknown' {
    const segmentsMax = this.route?.segmentsMax ?? 1
    for (let searched = 0; searched < segmentsMax; searched++) {
      const outcome = this.searchOne()
      if (outcome !== null || !this.isFound) return outcome
    }
    return null
  }

  private searchOne(): Position | null | 'unknown' {
    const segment = this.nextSegment()
    const isFound = this.isFound && !this.seeksOwn
    if (segment === undefined || segment.firstSequence >= this.nowSequence || isFound)
      return new Map([...this.latest, ...this.found])
    if (segment.newestTimestampMs >= this.sinceMs || this.seeksOwn) {
      if (!segment.hold()) return 'unknown'
      this.look(segment)
      if (this.route !== null && this.seeksOwn) this.lookForOwn(segment, this.route)
      segment.release()
    }
    this.place = segment.lastSequence + 1
    return null
  }

  /**
   * The position that the client is told in place of the one that was found. None of its own records is in between, so
   * it is as good to resume at, and ids do not tell when others wrote.
   */
  get toldPosition(): Position {
    return new Map([...this.latest, ...(this.route === null ? this.found : this.own)])
  }

  /**
   * Whether the bus has all from the moment on. Of one that has lost newest values: whether it has lost nothing that
   * came since the request. A moment in the future says nothing of that, and the search may have begun later.
   */
  get isWhole(): boolean {
    const { bus, sinceMs, nowSequence } = this
    if (!bus.isWholeSince(sinceMs)) return false
    if (bus.isWhole) return true
    if (bus.gapAfter(this.latest) !== null) return false
    const [sequence, madeAt, liveFrom] = [nowSequence, nowSequence, nowSequence]
    const fromNow = {
      sequence,
      readTo: sequence,
      madeAt,
      liveFrom,
      ownPosition: null,
      beganAt: EMPTY_POSITION,
    }
    return !bus.hasLost(fromNow)
  }

  /** The next segment with a timestamp that is late enough, or the last one that this step may pass over. */
  private nextSegment(): SegmentView | undefined {
    const { segments } = this.bus
    const first = indexOfSequence(segments, this.place)
    const passed = segments.slice(first, first + (this.seeksOwn ? 1 : PASSED_MAX))
    return passed.find(({ newestTimestampMs }) => newestTimestampMs >= this.sinceMs) ?? passed.at(-1)
  }

  /** Whether every partition's record is found. */
  private get isFound(): boolean {
    return this.found.size === this.latest.size
  }

  /** Whether records of its own are searched for behind those that are found. */
  private get seeksOwn(): boolean {
    return this.route !== null && this.own.size < this.found.size
  }

  private look(segment: SegmentView): void {
    for (let at = 0; at <= segment.lastPublished && !this.isFound; at = segment.next(at)) {
      if (segment.sequence(at) >= this.nowSequence) return
      if (segment.timestampMs(at) < this.sinceMs || !this.counts(segment, at)) continue
      const partition = segment.partition(at)
      const latest = this.latest.get(partition)
      if (latest !== undefined && !this.found.has(partition))
        this.found.set(partition, Math.min(segment.offset(at), latest))
    }
  }

  /** Counts removed frames, too: another server may have them. */
  private lookForOwn(segment: SegmentView, route: Route): void {
    const entries: EntryAt[] = []
    for (let at = 0; at <= segment.lastPublished; ) at = route.search(segment, at, entries)
    for (const at of entries) {
      const [partition, offset] = [segment.partition(at), segment.offset(at)]
      const from = this.found.get(partition)
      if (from === undefined || offset < from || this.own.has(partition)) continue
      if (route.matches(segment, at))
        this.own.set(partition, Math.min(offset, this.latest.get(partition) ?? 0))
    }
  }

  private counts(segment: SegmentView, at: EntryAt): boolean {
    return (this.hasLeaving || !segment.isLeaving(at)) && !this.wasRemoved(segment, at)
  }

  /**
   * Whether a frame was removed before the search began. Later removals are losses, even if another thread sees their
   * marks first.
   */
  private wasRemoved(segment: SegmentView, at: EntryAt): boolean {
    const isMarked = segment.supersededBefore(at, this.nowSequence) && segment.isRemoved(at)
    return isMarked || this.bus.isSkipped(segment, at)
  }
}
