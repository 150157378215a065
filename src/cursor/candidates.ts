// The frames of one segment that may match a route, from a place on. Searches a segment once, or an open one in parts.

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

  /** Searches on from `at`, unless entries of this segment are left. */
  search(segment: SegmentView, at: EntryAt): void {
    const isSame = this.segment === segment && this.generation === segment.generation
    if (!isSame) this.entries.length = 0
    if (this.entries.length > 0) return
    this.segment = segment
    this.generation = segment.generation
    this.searchedTo = this.route.search(segment, at, this.entries)
  }

  forget(): void {
    this.segment = null
  }
}
