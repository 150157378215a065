// The frames of one segment that may match a route, from a place on. Searches a segment once, or an open one in parts.
// Those of a stream that waited are told instead, because a search for each would cost as much as all that have come.

import type { EntryAt } from '../segments/segment-layout.ts'
import type { SegmentView } from '../segments/segment-view.ts'
import type { Route } from './route.ts'

export class Candidates {
  /** Entries that may match, the next one first. */
  readonly entries: EntryAt[] = []
  /** Everything before this entry was searched. */
  searchedTo: EntryAt = 0
  private readonly route: Route
  private segment: SegmentView | null = null
  private generation = 0

  constructor(route: Route) {
    this.route = route
  }

  /** Whether the entries are of this segment. */
  isOf(segment: SegmentView): boolean {
    return this.segment === segment && this.generation === segment.generation
  }

  /** Takes the first entry that may match, instead of a search. */
  tellFirst(segment: SegmentView, at: EntryAt): void {
    this.entries.length = 0
    this.hold(segment)
    this.entries.push(at)
    this.searchedTo = segment.next(at)
  }

  /** Takes the next one. Entries that were told before change nothing. */
  tellNext(segment: SegmentView, at: EntryAt): void {
    if (at < this.searchedTo) return
    this.entries.push(at)
    this.searchedTo = segment.next(at)
  }

  /** Searches on from `at`, unless entries of this segment are left. */
  search(segment: SegmentView, at: EntryAt): void {
    if (!this.isOf(segment)) this.entries.length = 0
    if (this.entries.length > 0) return
    this.hold(segment)
    this.searchedTo = this.route.search(segment, at, this.entries)
  }

  forget(): void {
    this.segment = null
  }

  private hold(segment: SegmentView): void {
    this.segment = segment
    this.generation = segment.generation
  }
}
