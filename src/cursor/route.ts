// Which frames of a bus a stream gets: those that have one of some values, for each of its conditions.

import type { BusView } from '../bus/bus-view.ts'
import { hashRoute } from '../segments/route-index.ts'
import { type EntryAt, KEY_SELECTOR, PRESENT } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import type { RouteCondition } from '../selection/selection.ts'

/** Entries that one search of an open segment looks at. It has no index yet. */
const SCANNED_MAX = 2_000

/** Segments that one read searches. */
const SEGMENTS_MAX = 64
/** Searches of one read, one for each segment and value: some 0.2 µs each. It searches one segment in any case. */
const SEARCHES_MAX = 2_000

interface NumberedCondition {
  readonly selector: number
  /** As binary text. */
  readonly values: ReadonlySet<string>
  /** The value, if there is one only. To compare its bytes is faster than to look up a text. */
  readonly only: Uint8Array | null
}

/** A value of the condition by which frames are searched for. */
interface SearchedValue {
  readonly bytes: Buffer
  readonly hash: number
}

export class Route {
  /** Whether it selects by the key alone. Such a selection is never left. */
  readonly isByKey: boolean
  private readonly conditions: readonly NumberedCondition[]
  /** The condition with the fewest values. */
  private readonly searched: NumberedCondition
  private readonly searchedValues: readonly SearchedValue[]

  /** `conditions`: one at least, all of selectors that the bus was made with. Throws a RangeError otherwise. */
  constructor(bus: BusView, conditions: readonly RouteCondition[]) {
    this.conditions = conditions.map(({ selector, values }) => {
      const number = bus.routeReader.numberOf(selector)
      if (number === -1) throw new RangeError(`the bus has no values of ${selector.name}`)
      return { selector: number, values, only: onlyOf(values) }
    })
    this.isByKey = conditions.every(({ selector }) => selector.kind === 'key')
    const [searched] = [...this.conditions].sort((one, other) => one.values.size - other.values.size)
    if (searched === undefined) throw new RangeError('a route has one condition at least')
    this.searched = searched
    this.searchedValues = [...searched.values].map((text) => {
      const bytes = Buffer.from(text, 'latin1')
      return { bytes, hash: hashRoute(bus.routeSeed, searched.selector, bytes) }
    })
  }

  /** Segments that one read may search, so that turns stay short. */
  get segmentsMax(): number {
    return Math.min(SEGMENTS_MAX, Math.max(1, Math.floor(SEARCHES_MAX / this.searchedValues.length)))
  }

  /** Hashes of the values by which frames are searched for. */
  get hashes(): readonly number[] {
    return this.searchedValues.map(({ hash }) => hash)
  }

  /**
   * Adds to `found` the entries from `from` on whose frames may match, in order. Returns the entry up to which it has
   * searched.
   */
  search(segment: SegmentView, from: EntryAt, found: EntryAt[]): EntryAt {
    if (segment.endId === null) return this.scan(segment, from, found)
    const { selector } = this.searched
    for (const { hash, bytes } of this.searchedValues) segment.findRouted(hash, selector, bytes, from, found)
    if (this.searchedValues.length > 1) sortOnce(found)
    return segment.next(segment.lastPublished)
  }

  /** Whether a frame may match, by the condition by which frames are searched for. */
  mayMatch(segment: SegmentView, at: EntryAt): boolean {
    return has(segment, at, this.searched)
  }

  /** Whether a frame has a value for each condition. */
  matches(segment: SegmentView, at: EntryAt): boolean {
    return this.conditions.every((condition) => has(segment, at, condition))
  }

  /** Whether the record of a frame that deletes its key for other streams is one of these itself. */
  hasStayed(segment: SegmentView, at: EntryAt): boolean {
    return this.conditions.every((condition) => {
      const { selector } = condition
      const own = selector === KEY_SELECTOR ? selector : selector + PRESENT
      return has(segment, at, { ...condition, selector: own })
    })
  }

  private scan(segment: SegmentView, from: EntryAt, found: EntryAt[]): EntryAt {
    let at = from
    for (let scanned = 0; scanned < SCANNED_MAX && at <= segment.lastPublished; scanned++) {
      if (this.mayMatch(segment, at)) found.push(at)
      at = segment.next(at)
    }
    return at
  }
}

function onlyOf(values: ReadonlySet<string>): Uint8Array | null {
  const [value = ''] = values
  return values.size === 1 ? Buffer.from(value, 'latin1') : null
}

function has(segment: SegmentView, at: EntryAt, { selector, values, only }: NumberedCondition): boolean {
  if (only !== null) return segment.hasRoute(at, selector, only)
  let isThere = false
  segment.forEachRoute(at, (own, start, length) => {
    isThere ||= own === selector && values.has(segment.bytes.toString('latin1', start, start + length))
  })
  return isThere
}

/** In ascending order, each entry once: a frame may have several of the values. */
function sortOnce(found: EntryAt[]): void {
  found.sort((one, other) => one - other)
  let kept = 0
  for (const at of found) if (kept === 0 || found[kept - 1] !== at) found[kept++] = at
  found.length = kept
}
